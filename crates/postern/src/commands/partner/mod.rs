//! `postern partner`: how the rules of partners fare, and when they can be enforced.
//!
//! The running daemon is asked. What it has measured is in files too, but it alone knows the last
//! seconds of it, and a daemon that does not run measures nothing.

mod table;

use std::path::Path;

use postern_admin::{Client, ClientError, PartnerLine};

pub(super) use self::table::{broken, revocation};
use crate::{
    cli::{Format, PartnerAction},
    failure::{Exit, Failure},
    load::whereabouts,
    output,
};

pub(crate) fn run(config: &Path, action: &PartnerAction) -> Result<Exit, Failure> {
    let client = Client::new(whereabouts(config)?.admin.socket);
    super::wait_for(async {
        match action {
            PartnerAction::List(format) => list(&client, *format).await?,
            PartnerAction::Show { name, format } => show(&client, name, *format).await?,
        }
        Ok(Exit::Fine)
    })
}

async fn list(client: &Client, format: Format) -> Result<(), Failure> {
    let mut partners: Vec<PartnerLine> = Vec::new();
    let mut from = Some(0);
    while let Some(place) = from {
        let page = client
            .partners(place)
            .await
            .map_err(|error| refused(&error))?;
        partners.extend(page.partners);
        from = page.next;
    }
    if format.json {
        return output::print_json(&serde_json::json!({ "partners": partners }));
    }
    if partners.is_empty() {
        return output::print("no partners\n");
    }
    output::print(table::list(&partners))
}

async fn show(client: &Client, name: &str, format: Format) -> Result<(), Failure> {
    let partner = client
        .partner(name)
        .await
        .map_err(|error| refused(&error))?;
    if format.json {
        output::print_json(&partner)
    } else {
        output::print(table::show(&partner))
    }
}

fn refused(error: &ClientError) -> Failure {
    let failure = Failure::new("partners", error);
    match error {
        ClientError::NoSuchPartner(_) => failure.negative(),
        ClientError::NoSuchMessage(_)
        | ClientError::NoSuchReport(_)
        | ClientError::NotRunning { .. }
        | ClientError::NotPermitted(_)
        | ClientError::Connection { .. }
        | ClientError::TimedOut(_)
        | ClientError::NotUnderstood { .. }
        | ClientError::BadRequest(_)
        | ClientError::Refused(_) => failure,
    }
}
