//! ARC by dkimpy: our seals hold there, and theirs hold here.

use std::sync::Arc;

use data_encoding::BASE64;
use fastrand::Rng;
use postern_authentication::Sealer;
use serde_json::json;

use crate::{
    Comparison,
    dkim::{Keys, verdict},
    letters,
    opinion::Opinion,
    zone::Zone,
};

pub(crate) const ALL: &[Comparison] = &[Comparison {
    name: "arc::a_chain_of_turns_holds_on_both_sides_until_it_is_broken",
    run: chain_of_turns,
}];

/// How many messages are drawn.
const LETTERS: u64 = 25;

/// We and they add a set each, in turns; then an octet of the body changes.
fn chain_of_turns(opinion: &mut Opinion) -> Result<(), String> {
    let keys = Keys::make();
    let zone = keys.zone();
    for number in 0..LETTERS {
        let mut letter = letters::at_random(&mut Rng::with_seed(number));
        letter.extend_from_slice(b"the end\r\n");
        for turn in 0..4 {
            letter = match turn % 2 {
                0 => sealed_by_us(&keys, &letter, &zone),
                _ => sealed_by_them(&keys, &format!("relay{turn}.example"), &letter, opinion),
            };
            expect("pass", &letter, &zone, opinion)
                .map_err(|why| format!("letter {number}, turn {turn}: {why}"))?;
        }
        let end = letter.len() - 3;
        letter[end] = b'X';
        expect("fail", &letter, &zone, opinion)
            .map_err(|why| format!("letter {number}, broken: {why}"))?;
    }
    Ok(())
}

fn expect(result: &str, letter: &[u8], zone: &Zone, opinion: &mut Opinion) -> Result<(), String> {
    let question = json!({"message": BASE64.encode(letter), "zone": zone.json()});
    let theirs = opinion.ask("verify-arc", question);
    let ours = verdict(letter, zone).arc;
    if theirs["result"] == result && ours.result.to_string() == result {
        return Ok(());
    }
    let letter = String::from_utf8_lossy(letter);
    Err(format!("dkimpy says {theirs}, we say {ours:?}\n{letter}"))
}

fn sealed_by_us(keys: &Keys, letter: &[u8], zone: &Zone) -> Vec<u8> {
    let sealer = Sealer {
        domain: "example.org".parse().unwrap(),
        selector: keys.rsa.selector.to_owned(),
        key: Arc::clone(&keys.rsa.key),
    };
    let pieces = [letter.to_vec().into()];
    let verdict = verdict(letter, zone);
    let fields = sealer.seal(&pieces, &verdict, "mx.receiver.example");
    [&fields.unwrap()[..], letter].concat()
}

fn sealed_by_them(keys: &Keys, relay: &str, letter: &[u8], opinion: &mut Opinion) -> Vec<u8> {
    // dkimpy seals what it finds in fields of its own name, and denies the chain where there are
    // several; so it has another name each time.
    let results = format!("Authentication-Results: {relay}; arc=pass; spf=none\r\n");
    let letter = [results.as_bytes(), letter].concat();
    let answer = opinion.ask(
        "seal-arc",
        json!({
            "message": BASE64.encode(&letter),
            "domain": "example.org",
            "selector": keys.rsa.selector,
            "key": keys.rsa.pem,
            "authserv_id": relay,
        }),
    );
    let fields = answer["fields"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    [&BASE64.decode(fields.as_bytes()).unwrap()[..], &letter].concat()
}
