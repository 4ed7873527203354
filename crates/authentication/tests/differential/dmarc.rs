//! DMARC by authheaders, which walks the tree as an early draft of RFC 9989 did: at most four
//! labels, and no `np`. Within that, the same policy, but for one mistake: it takes `sp` for the
//! domain that has the record, too (RFC 9989 §4.7), so there `sp` says the same as `p`.

use fastrand::Rng;
use postern_authentication::DmarcResult;
use serde_json::json;

use crate::{
    Comparison,
    dkim::verdict,
    opinion::Opinion,
    zone::{Record, Zone},
};

pub(crate) const ALL: &[Comparison] = &[Comparison {
    name: "dmarc::one_record_on_the_way_up_asks_for_the_same",
    run: one_record,
}];

fn one_record(opinion: &mut Opinion) -> Result<(), String> {
    let authors = ["example.org", "a.example.org", "b.a.example.org"];
    for number in 0..300 {
        let mut rng = Rng::with_seed(number);
        let policies = ["none", "quarantine", "reject"];
        let author = authors[rng.usize(..authors.len())];
        let policy = policies[rng.usize(..3)];
        let below = match author {
            "example.org" => policy,
            _ => policies[rng.usize(..3)],
        };
        let record = match rng.u8(..4) {
            0 => format!("v=DMARC1; p={policy}; sp={below}"),
            1 => format!("v=DMARC1;p={policy}"),
            2 => format!("v=DMARC1; adkim=s; p={policy}; sp={below}; rua=mailto:a@example.org"),
            _ => format!("v=spf1 p={policy}"),
        };
        let zone = Zone::default()
            .with("_dmarc.example.org", Record::Txt(record.clone()))
            .with(author, Record::A("192.0.2.1".to_owned()));
        let question = json!({"zone": zone.json(), "author": author});
        let theirs = opinion.ask("dmarc-policy", question);
        let letter = format!("From: jo@{author}\r\nSubject: x\r\n\r\nhello\r\n");
        let dmarc = verdict(letter.as_bytes(), &zone).dmarc;
        let ours = (dmarc.result != DmarcResult::None).then(|| dmarc.policy.to_string());
        if theirs["policy"].as_str() != ours.as_deref() || !theirs["error"].is_null() {
            return Err(format!(
                "{author}, {record:?}: authheaders says {theirs}, we say {ours:?}"
            ));
        }
    }
    Ok(())
}
