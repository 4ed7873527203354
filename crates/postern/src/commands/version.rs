//! `postern version`.

use serde::Serialize;

use crate::{
    cli::Format,
    failure::{Exit, Failure},
    output,
};

/// What this program is made of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Version {
    postern: &'static str,
    rustls: &'static str,
    rustls_webpki: &'static str,
    aws_lc_rs: &'static str,
    aws_lc: &'static str,
    target: String,
    build: &'static str,
}

pub(crate) fn run(format: Format) -> Result<Exit, Failure> {
    let version = version();
    if format.json {
        output::print_json(&version)?;
    } else {
        output::print(text(&version))?;
    }
    Ok(Exit::Fine)
}

fn version() -> Version {
    let libraries = postern_tls::library_versions();
    Version {
        postern: env!("CARGO_PKG_VERSION"),
        rustls: libraries.rustls,
        rustls_webpki: libraries.webpki,
        aws_lc_rs: libraries.aws_lc_rs,
        aws_lc: libraries.aws_lc,
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        build: if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        },
    }
}

fn text(version: &Version) -> String {
    format!(
        "postern {}\n\
         rustls {}, rustls-webpki {}\n\
         aws-lc-rs {}, AWS-LC {}\n\
         {}, {} build\n",
        version.postern,
        version.rustls,
        version.rustls_webpki,
        version.aws_lc_rs,
        version.aws_lc,
        version.target,
        version.build,
    )
}
