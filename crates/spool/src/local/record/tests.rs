use std::time::SystemTime;

use postern_mail::{BodyType, Envelope, ForwardPath, ReversePath, TlsWish};

use super::*;
use crate::{
    BounceTo, Origin,
    message::{Accepted, ContentPlace, StoredContent},
};

const SEED: Seed = Seed(0x5eed);

fn sample() -> (QueueId, Message) {
    let recipient = ForwardPath::parse_prefix("<b@x.example>").unwrap().0;
    let accepted = Accepted {
        envelope: Envelope {
            reverse_path: ReversePath::Null,
            recipients: vec![recipient.into()],
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            tls_wish: TlsWish::Required,
        },
        origin: Origin::Ourselves,
        received_at: SystemTime::UNIX_EPOCH,
        content: StoredContent {
            octets: 5,
            checksum: xxh3_64(b"hello"),
            place: ContentPlace::Record,
        },
        bounce_to: BounceTo::Nobody("SPF says fail".to_owned()),
        quarantined: Some("DMARC asks for it".to_owned()),
    };
    (
        QueueId::new(1_790_000_000_000, 7),
        Message::new(accepted, None, 3),
    )
}

fn hello(id: QueueId) -> Bytes {
    let pieces = [Bytes::from("hel"), Bytes::from("lo")];
    content(id, &pieces, xxh3_64(b"hello"), SEED)
}

#[test]
fn a_message_survives_its_record() {
    let (id, mut original) = sample();
    original.revision = 9;
    let record = message(id, &original, SEED);
    let opened = open(Kind::Message, id, &record).unwrap();
    assert_eq!(opened.revision, 9);
    assert_eq!(decode(&opened), Ok(original));
}

#[test]
fn content_survives_its_record() {
    let (id, _) = sample();
    let opened = open(Kind::Content, id, &hello(id)).unwrap();
    assert_eq!(opened.body, "hello");
}

#[test]
fn a_record_is_good_for_its_own_key_alone() {
    let (id, message_) = sample();
    let other = QueueId::new(1, 1);
    let record = message(id, &message_, SEED);
    assert_eq!(
        open(Kind::Message, other, &record),
        Err(RecordError::Damaged)
    );
    assert_eq!(open(Kind::Content, id, &record), Err(RecordError::Damaged));
}

#[test]
fn every_flipped_octet_and_every_cut_is_found() {
    let (id, message_) = sample();
    for (kind, record) in [
        (Kind::Message, message(id, &message_, SEED)),
        (Kind::Content, hello(id)),
    ] {
        for at in 0..record.len() {
            for bit in 0..8 {
                let mut rotten = record.to_vec();
                rotten[at] ^= 1 << bit;
                let rotten = Bytes::from(rotten);
                let opened = open(kind, id, &rotten);
                // The seal serves the search alone.
                let in_seal = (SEALED..HEADER).contains(&at);
                assert_eq!(opened.is_ok(), in_seal, "octet {at}, bit {bit}");
                assert_eq!(find(&rotten, SEED), [], "octet {at}, bit {bit}");
            }
            assert_eq!(
                open(kind, id, &record.slice(..at)),
                Err(RecordError::Damaged)
            );
        }
        let longer = Bytes::from([&record, b"x".as_slice()].concat());
        assert_eq!(open(kind, id, &longer), Err(RecordError::Damaged));
    }
}

#[test]
fn an_unknown_version_is_told_apart() {
    let (id, message_) = sample();
    let mut newer = message(id, &message_, SEED).to_vec();
    newer[5] = VERSION + 1;
    assert_eq!(
        open(Kind::Message, id, &newer.into()),
        Err(RecordError::Version(VERSION + 1))
    );
}

#[test]
fn records_are_found_among_anything() {
    let (id, message_) = sample();
    let record = message(id, &message_, SEED);
    let heap = [
        b"PST\0 no",
        &record[..],
        b"PSPST",
        &hello(id)[..],
        &record[..40],
    ]
    .concat();
    let found = find(&heap.into(), SEED);
    let kinds: Vec<_> = found
        .iter()
        .map(|(kind, record)| (*kind, record.id))
        .collect();
    assert_eq!(kinds, [(Kind::Message, id), (Kind::Content, id)]);
    assert_eq!(found[0].1.whole, record);
}

/// Anybody can send a message whose content has the form of a record.
#[test]
fn a_forged_record_in_content_is_not_found() {
    let (id, message_) = sample();
    let forged = message(QueueId::new(6, 6), &message_, Seed(1234));
    let carrier = content(id, std::slice::from_ref(&forged), xxh3_64(&forged), SEED);
    let found = find(&carrier, SEED);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.id, id);
    // Nor where the record around it is damaged.
    assert_eq!(find(&carrier.slice(10..), SEED), []);
    // Nor is our own record, sent back to us as content.
    let ours = message(id, &message_, SEED);
    let carrier = content(id, std::slice::from_ref(&ours), xxh3_64(&ours), SEED);
    assert_eq!(find(&carrier, SEED).len(), 1);
}
