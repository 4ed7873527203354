//! What keeps mail from going, and what lets it go: `freeze`, `thaw`, `frozen`, `flush`.

use postern_admin::{FreezeOrder, Freezer, Whose};
use postern_mail::DomainPattern;

use super::access::Access;
use crate::{
    cli::{Flush, Format, Freeze, Thaw},
    failure::{Exit, Failure},
    output::{self, Table},
};

pub(super) async fn freeze(queue: &Access, asked: &Freeze) -> Result<Exit, Failure> {
    let order = FreezeOrder {
        whose: whose(asked.domain.as_ref(), asked.partner.as_ref()),
        reason: asked.reason.clone(),
    };
    let frozen = queue.freeze(&order).await?;
    tell(&frozen, asked.format, "frozen")?;
    Ok(Exit::Fine)
}

/// That nothing thaws is a negative finding: somebody believed that something was frozen.
pub(super) async fn thaw(queue: &Access, asked: &Thaw) -> Result<Exit, Failure> {
    let whose = whose(asked.domain.as_ref(), asked.partner.as_ref());
    let thawed = queue.thaw(whose).await?;
    tell(&thawed, asked.format, "thawed")?;
    if thawed.frozen.is_empty() && !asked.all {
        let text = "this was not frozen; `postern queue frozen` tells what is";
        return Err(Failure::plain(text).negative());
    }
    Ok(Exit::Fine)
}

pub(super) async fn flush(queue: &Access, asked: &Flush) -> Result<Exit, Failure> {
    let whose = whose(asked.to.as_ref(), asked.partner.as_ref());
    queue.flush(whose).await?;
    if asked.format.json {
        output::print_json(&serde_json::json!({}))?;
    } else {
        output::print("due now, unless it is held or frozen\n")?;
    }
    Ok(Exit::Fine)
}

pub(super) async fn frozen(queue: &Access, format: Format) -> Result<Exit, Failure> {
    let freezer = queue.frozen().await?;
    if format.json {
        output::print_json(&freezer)?;
    } else if freezer.frozen.is_empty() {
        output::print("nothing is frozen\n")?;
    } else {
        output::print(table(&freezer))?;
    }
    match freezer.trouble {
        None => Ok(Exit::Fine),
        Some(trouble) => Err(Failure::plain(trouble).negative()),
    }
}

fn whose(domain: Option<&DomainPattern>, partner: Option<&String>) -> Whose {
    match (domain, partner) {
        (Some(domain), _) => Whose::Domain(domain.clone()),
        (None, Some(partner)) => Whose::Partner(partner.clone()),
        (None, None) => Whose::All,
    }
}

fn tell(changed: &Freezer, format: Format, done: &str) -> Result<(), Failure> {
    if format.json {
        return output::print_json(changed);
    }
    for one in &changed.frozen {
        output::print(format_args!("{} {done}\n", one.domain))?;
    }
    Ok(())
}

fn table(freezer: &Freezer) -> Table<4> {
    let mut table = Table::new(["DOMAIN", "PARTNER", "SINCE", "WHY"]);
    for one in &freezer.frozen {
        table.row([
            one.domain.to_string(),
            one.partner.clone().unwrap_or_default(),
            one.since.to_string(),
            one.reason.clone(),
        ]);
    }
    table
}
