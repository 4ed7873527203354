//! `postern reload`.

use std::path::Path;

use postern_admin::{Client, Reloaded};

use crate::{
    cli::Format,
    failure::{Exit, Failure},
    load::load_to_reload,
    output,
};

pub(crate) fn run(config: &Path, format: Format) -> Result<Exit, Failure> {
    // What is wrong with it is what a daemon would refuse.
    let loaded = load_to_reload(config).map_err(Failure::negative)?;
    let socket = loaded.settings.admin.socket;
    let reloaded = super::wait_for(async {
        let reloaded = Client::new(socket).reload().await;
        reloaded.map_err(|error| Failure::new("the reload", &error))
    })?;
    let (exit, head, lines) = match &reloaded {
        Reloaded::Applied { notes } => (Exit::Fine, "the new settings are in force", notes),
        Reloaded::Refused { errors } => (Exit::Negative, "the old settings stay in force", errors),
    };
    if format.json {
        output::print_json(&reloaded)?;
    } else {
        output::print(format_args!(
            "{head}\n{}",
            lines
                .iter()
                .fold(String::new(), |text, line| text + line + "\n")
        ))?;
    }
    Ok(exit)
}
