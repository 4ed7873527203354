//! `postern report`: reports on authentication and TLS, those that are ours and those that
//! others sent.
//!
//! The running daemon is asked: it alone keeps what they are made of, and it alone sends them,
//! so that none goes out twice.

mod table;

use std::path::Path;

use postern_admin::{Client, ClientError, ReportLine, ReportOrder};

use crate::{
    cli::{Format, ReportAction},
    failure::{Exit, Failure},
    load::whereabouts,
    output,
};

pub(crate) fn run(config: &Path, action: &ReportAction) -> Result<Exit, Failure> {
    let client = Client::new(whereabouts(config)?.admin.socket);
    super::wait_for(async {
        match action {
            ReportAction::List(format) => list(&client, *format).await,
            ReportAction::Show { id, format } => show(&client, id, *format).await,
            ReportAction::Send {
                day,
                domain,
                dry_run,
                format,
            } => {
                let order = ReportOrder {
                    day: day.clone(),
                    domain: domain.as_ref().map(ToString::to_string),
                    dry_run: *dry_run,
                };
                send(&client, &order, *format).await
            }
        }
    })
}

async fn list(client: &Client, format: Format) -> Result<Exit, Failure> {
    let mut reports: Vec<ReportLine> = Vec::new();
    let mut from = Some(0);
    while let Some(place) = from {
        let page = client.reports(place).await;
        let page = page.map_err(|error| refused(&error))?;
        reports.extend(page.reports);
        from = page.next;
    }
    if format.json {
        output::print_json(&serde_json::json!({ "reports": reports }))?;
    } else if reports.is_empty() {
        output::print("no reports\n")?;
    } else {
        output::print(table::list(&reports))?;
    }
    Ok(Exit::Fine)
}

async fn show(client: &Client, id: &str, format: Format) -> Result<Exit, Failure> {
    let report = client.report(id).await.map_err(|error| refused(&error))?;
    if format.json {
        output::print_json(&report)?;
    } else {
        output::print(table::show(&report))?;
    }
    Ok(Exit::Fine)
}

/// A report that could not be sent is a negative finding.
async fn send(client: &Client, order: &ReportOrder, format: Format) -> Result<Exit, Failure> {
    let sent = client.send_reports(order).await;
    let sent = sent.map_err(|error| refused(&error))?;
    if format.json {
        output::print_json(&sent)?;
    } else {
        output::print(table::sent(&sent))?;
    }
    Ok(if sent.reports.iter().all(|it| it.good) {
        Exit::Fine
    } else {
        Exit::Negative
    })
}

fn refused(error: &ClientError) -> Failure {
    let failure = Failure::new("reports", error);
    match error {
        ClientError::NoSuchReport(_) => failure.negative(),
        ClientError::BadRequest(_) => failure.usage(),
        ClientError::NoSuchMessage(_)
        | ClientError::NoSuchPartner(_)
        | ClientError::NotRunning { .. }
        | ClientError::NotPermitted(_)
        | ClientError::Connection { .. }
        | ClientError::TimedOut(_)
        | ClientError::NotUnderstood { .. }
        | ClientError::Refused(_) => failure,
    }
}
