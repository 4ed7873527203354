//! Reports that are right, and mail that is meant to hurt.

use std::{
    fs,
    io::Write,
    time::{Duration, SystemTime},
};

use data_encoding::BASE64;
use proptest::prelude::*;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{bounds::check_xml, *};
use crate::{
    Reporter,
    dmarc::{
        AlignedResult, AppliedDisposition, CountedRow, PublishedPolicy, RequestedPolicy, gzip,
    },
    journal::text::shown,
};

const XML: &str = r#"<?xml version="1.0"?>
<feedback>
 <report_metadata>
  <org_name>Some&amp;Org</org_name><email>a@b.example</email><report_id>id-1</report_id>
  <date_range><begin>1795305600</begin><end>1795391999</end></date_range>
 </report_metadata>
 <policy_published><domain>example.org</domain><p>quarantine</p><pct>100</pct></policy_published>
 <record>
  <row><source_ip>192.0.2.1</source_ip><count>3</count>
   <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
  <identifiers><header_from>example.org</header_from></identifiers>
  <auth_results><spf><domain>x.example</domain><scope>helo</scope><result>softfail</result></spf></auth_results>
 </record>
 <record>
  <row><source_ip>nowhere</source_ip><count>1</count><policy_evaluated/></row>
  <identifiers/><auth_results/>
 </record>
</feedback>"#;

const JSON: &str = r#"{"organization-name":"Some Org","report-id":"id-2","contact-info":"a@b.example",
 "date-range":{"start-datetime":"2026-11-22T00:00:00Z","end-datetime":"2026-11-22T23:59:59Z"},
 "policies":[{"policy":{"policy-type":"sts","policy-domain":"example.org"},
  "summary":{"total-successful-session-count":5,"total-failure-session-count":2}}]}"#;

/// A mail with a file in it.
fn mail_with(kind: &str, octets: &[u8]) -> Vec<u8> {
    let encoded = BASE64.encode(octets);
    let lines = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| [line, b"\r\n"].concat());
    let body: Vec<u8> = lines.flatten().collect();
    let head = format!(
        "From: a@b.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=x\r\n\r\n\
         --x\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
         --x\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"x\"\r\n\r\n"
    );
    [head.as_bytes(), &body, b"--x--\r\n"].concat()
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, octets) in files {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(octets).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn received(content: &[u8]) -> ReceivedMail<'_> {
    ReceivedMail {
        content,
        received_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_435_200),
        author: Some("b.example".parse().unwrap()),
        proof: SenderProof::PassedDmarc,
    }
}

fn read_file(kind: &str, octets: &[u8]) -> Result<ReceivedReport, NotAReport> {
    read(&received(&mail_with(kind, octets)))
}

#[track_caller]
fn check_dmarc(report: &ReceivedReport) {
    let Report::Dmarc(it) = &report.report else {
        panic!("{report:?}");
    };
    assert_eq!(it.metadata.org_name, "Some&Org");
    assert_eq!(
        (it.policy_domain.as_str(), it.rows.len()),
        ("example.org", 1)
    );
    assert_eq!(it.rows[0].count, 3);
    assert_eq!(it.rows[0].row.evaluated.dkim, AlignedResult::Pass);
    assert_eq!(report.rows_left_out, 1);
}

#[test]
fn aggregate_reports_are_found_however_they_are_packed_and_called() {
    let folded = archive(&[("x/", b""), ("x/report.xml", XML.as_bytes())]);
    for octets in [XML.as_bytes(), &gzip(XML.as_bytes()), &folded] {
        for kind in [
            "application/gzip",
            "application/octet-stream",
            "application/zip",
            "image/png",
        ] {
            check_dmarc(&read_file(kind, octets).unwrap());
        }
    }
    check_dmarc(&read_file("text/xml", XML.as_bytes()).unwrap());
    let followed = [&*gzip(XML.as_bytes()), b"\0\0\0"].concat();
    check_dmarc(&read_file("application/gzip", &followed).unwrap());
    let alone = format!("Content-Type: text/xml\r\n\r\n{XML}");
    check_dmarc(&read(&received(alone.as_bytes())).unwrap());
}

#[test]
fn tls_reports_are_found() {
    for (kind, octets) in [
        ("application/tlsrpt+json", JSON.as_bytes().to_vec()),
        ("application/tlsrpt+gzip", gzip(JSON.as_bytes())),
        ("application/zip", archive(&[("x.json", JSON.as_bytes())])),
    ] {
        let report = read_file(kind, &octets).unwrap();
        let Report::Tls(it) = &report.report else {
            panic!("{report:?}");
        };
        assert_eq!(it.report_id, "id-2");
        assert_eq!(it.policies[0].summary.total_failure_session_count, 2);
    }
}

#[test]
fn failure_reports_are_found() {
    let mail = b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n\
        --x\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
        --x\r\nContent-Type: message/feedback-report\r\n\r\n\
        Feedback-Type: auth-failure\r\nVersion: 1\r\nAuth-Failure: dmarc\r\n\
        Reported-Domain: example.org\r\nSource-IP: 192.0.2.7\r\n\
        --x\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: secret\r\n--x--\r\n";
    let report = read(&received(mail)).unwrap();
    let Report::Failure(it) = &report.report else {
        panic!("{report:?}");
    };
    assert_eq!(it.auth_failure, "dmarc");
    assert_eq!(it.reported_domain, ["example.org"]);
    assert_eq!(it.source_ip.as_deref(), Some("192.0.2.7"));
    assert!(!serde_json::to_string(&report).unwrap().contains("secret"));
}

#[test]
fn what_we_send_we_read() {
    let reporter = Reporter {
        hostname: "mx.example.net".parse().unwrap(),
        organisation: "Example Net".to_owned(),
        contact: "postmaster@example.net".parse().unwrap(),
    };
    let Report::Dmarc(sent) = read_file("text/xml", XML.as_bytes()).unwrap().report else {
        panic!("it is one");
    };
    let mail = sent.mail(
        &reporter,
        &["r@example.org".parse().unwrap()],
        SystemTime::UNIX_EPOCH,
    );
    let Report::Dmarc(mut read) = read(&received(&mail.content)).unwrap().report else {
        panic!("it is one");
    };
    // Defaults are written, and the scope HELO is not.
    assert_eq!(read.policy.sp, Some(RequestedPolicy::Quarantine));
    read.policy = sent.policy.clone();
    read.rows[0].row.auth_results = sent.rows[0].row.auth_results.clone();
    assert_eq!(read, sent);
}

#[test]
fn mail_without_a_report() {
    for content in [
        &b""[..],
        b"Subject: x\r\n\r\nhello",
        b"no header at all",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n--x--\r\n",
    ] {
        assert_eq!(read(&received(content)), Err(NotAReport::None));
    }
}

#[track_caller]
fn check_trap(octets: &[u8]) {
    let error = read_file("application/octet-stream", octets).unwrap_err();
    assert!(matches!(error, NotAReport::Trap(_)), "{error:?}");
}

#[track_caller]
fn check_broken(octets: &[u8]) {
    let error = read_file("application/octet-stream", octets).unwrap_err();
    assert!(matches!(error, NotAReport::Broken(_)), "{error:?}");
}

#[test]
fn bombs_are_not_unpacked() {
    let spaces = vec![b' '; 64 << 20];
    let bomb = gzip(&spaces);
    assert!(bomb.len() < 100_000);
    check_trap(&bomb);
    check_trap(&archive(&[("bomb.xml", &spaces)]));
    // Many members, none of them a bomb by itself.
    let member = gzip(&vec![b' '; 1 << 20]);
    let members = member.repeat(32);
    assert_eq!(
        read_file("application/gzip", &members),
        Err(NotAReport::None)
    );
    // Just under the bound of size, far above that of the ratio.
    check_trap(&gzip(&vec![b' '; MOST_UNPACKED - 1]));
}

#[test]
fn layers_are_not_peeled() {
    let twice = gzip(&gzip(XML.as_bytes()));
    assert_eq!(read_file("application/gzip", &twice), Err(NotAReport::None));
    let inner = archive(&[("x.xml", XML.as_bytes())]);
    let nested = archive(&[("x.zip", &inner)]);
    assert_eq!(read_file("application/zip", &nested), Err(NotAReport::None));
}

#[test]
fn archives_hold_one_report() {
    let file = ("x.xml", XML.as_bytes());
    let names: Vec<String> = (0..=MOST_FILES).map(|n| format!("{n}.xml")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), file.1)).collect();
    check_trap(&archive(&many));
    // The first file counts, whatever it is called.
    let escaping = archive(&[("../../../etc/passwd", XML.as_bytes()), file]);
    check_dmarc(&read_file("application/zip", &escaping).unwrap());
    assert_eq!(
        read_file("application/zip", &archive(&[])),
        Err(NotAReport::None)
    );
    // The directory at its end says how long the file is; it is made to lie.
    let mut lying = archive(&[file]);
    let size = u32::try_from(XML.len()).unwrap().to_le_bytes();
    for at in 0..lying.len() - 4 {
        if lying[at..at + 4] == size {
            lying[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        }
    }
    let outcome = read_file("application/zip", &lying);
    assert!(
        outcome.is_ok() || matches!(outcome, Err(NotAReport::Broken(_))),
        "{outcome:?}"
    );
}

#[test]
fn entities_are_neither_defined_nor_fetched() {
    let laughs = XML.replace(
        "<feedback>",
        "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY c SYSTEM \"file:///etc/passwd\">]><feedback>",
    );
    check_trap(laughs.replace("Some&amp;Org", "&b;").as_bytes());
    check_trap(laughs.as_bytes());
    // Without a definition nothing stands for the name.
    let unknown = XML.replace("Some&amp;Org", "Some&c;&lt;Org&#33;");
    let report = read_file("text/xml", unknown.as_bytes());
    let Report::Dmarc(it) = report.unwrap().report else {
        panic!("it is one");
    };
    assert!(
        it.metadata.org_name.starts_with("Some"),
        "{}",
        it.metadata.org_name
    );
    assert!(
        it.metadata.org_name.ends_with("<Org!"),
        "{}",
        it.metadata.org_name
    );
}

#[test]
fn shapes_are_bounded() {
    let nested = format!("<feedback>{}", "<a>".repeat(1_000_000));
    check_trap(nested.as_bytes());
    let deep = XML.replace("<identifiers/>", &("<a>".repeat(30) + &"</a>".repeat(30)));
    check_trap(deep.as_bytes());
    for flat in [
        "<record/>",
        "<record></record>",
        "<row><count>1</count></row>",
    ] {
        let many = format!("<feedback>{}</feedback>", flat.repeat(700_000));
        assert_eq!(
            check_xml(many.as_bytes()),
            Err(NotAReport::TooLarge),
            "{flat}"
        );
    }
    let objects = JSON.replace("[{", &("[".to_owned() + &"{},".repeat(50_000) + "{"));
    let error = read_file("application/json", objects.as_bytes());
    assert_eq!(error, Err(NotAReport::TooLarge));
    let texts = r#""policy-type":"sts","policy-string":["#.to_owned() + &r#""","#.repeat(1_000_000);
    let texts = JSON.replace(r#""policy-type":"sts""#, &(texts + r#"""]"#));
    let error = read_file("application/json", texts.as_bytes());
    assert_eq!(error, Err(NotAReport::TooLarge));
    let deep = format!("{{\"policies\":{}", "[".repeat(10_000));
    check_broken(deep.as_bytes());
}

#[test]
fn mails_are_bounded() {
    let lines = b"\n".repeat(MOST_LINES + 1);
    assert_eq!(read(&received(&lines)), Err(NotAReport::TooLarge));
    let long = vec![b'a'; MOST_MAIL + 1];
    assert_eq!(read(&received(&long)), Err(NotAReport::TooLarge));
    let parts = format!(
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n{}",
        "--x\r\n\r\n".repeat(60_000)
    );
    assert_eq!(read(&received(parts.as_bytes())), Err(NotAReport::None));
    let nested: String = (0..5_000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
        .collect();
    assert_eq!(read(&received(nested.as_bytes())), Err(NotAReport::None));
}

#[test]
fn broken_files_are_told() {
    let packed = gzip(XML.as_bytes());
    check_broken(&packed[..packed.len() / 2]);
    check_broken(b"PK\x03\x04 and nothing more");
    check_broken(b"<feedback></feedback>");
    check_broken(b"<html><body>hello</body></html>");
    check_broken(b"{\"a\": ");
    let hostile = XML.replace("feedback", "feedb\u{1b}[31mack");
    let error = read_file("text/xml", hostile.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

fn numbered(number: u32) -> ReceivedReport {
    let xml = XML.replace("id-1", &format!("id-{number}"));
    let mut report = read_file("text/xml", xml.as_bytes()).unwrap();
    report.received_at += Duration::from_secs(u64::from(number));
    report
}

#[test]
fn reports_are_kept_listed_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("received");
    let reports = ReceivedReports::open(&path).unwrap();
    let failed = CountedRow {
        count: 4,
        ..match &numbered(1).report {
            Report::Dmarc(it) => it.rows[0].clone(),
            Report::Tls(_) | Report::Failure(_) => panic!("it is one"),
        }
    };
    for number in 1..=3 {
        let mut report = numbered(number);
        if let Report::Dmarc(it) = &mut report.report {
            let mut failed = failed.clone();
            failed.row.evaluated.dkim = AlignedResult::Fail;
            failed.row.evaluated.disposition = AppliedDisposition::Reject;
            it.rows.push(failed);
        }
        assert_eq!(reports.keep(&report).unwrap(), Kept::New);
        assert_eq!(reports.keep(&report).unwrap(), Kept::Duplicate);
    }
    let list = ReceivedReports::open(&path).unwrap().list().unwrap();
    assert_eq!(list.len(), 3);
    assert!(list.is_sorted_by(|one, other| one.received_at > other.received_at));
    let first = &list[0];
    assert_eq!((first.total, first.failed), (7, 4));
    assert_eq!(
        (first.kind.as_str(), first.domain.as_str()),
        ("dmarc", "example.org")
    );
    assert_eq!(first.proof, SenderProof::PassedDmarc);
    let shown = reports.show(&first.id).unwrap().unwrap();
    assert_eq!(shown.received_at, first.received_at);
    for id in ["", "../../../etc/passwd", "0000000000000000"] {
        assert_eq!(reports.show(id).unwrap(), None, "{id}");
    }
}

#[test]
fn a_stranger_cannot_keep_a_report_out() {
    let directory = tempfile::tempdir().unwrap();
    let reports = ReceivedReports::open(directory.path()).unwrap();
    let content = mail_with("text/xml", XML.as_bytes());
    let true_one = received(&content);
    let forged = ReceivedMail {
        proof: SenderProof::None,
        ..true_one.clone()
    };
    let other = ReceivedMail {
        author: None,
        ..true_one.clone()
    };
    for mail in [forged, other, true_one] {
        assert_eq!(reports.keep(&read(&mail).unwrap()).unwrap(), Kept::New);
    }
}

#[test]
fn the_oldest_go_first() {
    let directory = tempfile::tempdir().unwrap();
    let reports = ReceivedReports::open(directory.path()).unwrap();
    // Files of a size without the octets.
    for number in 0..4_u64 {
        let name = format!("{number:012}-{number:016x}.json");
        let file = fs::File::create(directory.path().join(name)).unwrap();
        file.set_len(MOST_STORED / 4).unwrap();
    }
    let new = numbered(9);
    assert_eq!(reports.keep(&new).unwrap(), Kept::New);
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names.len(), 4);
    assert!(names[0].starts_with("000000000001-"), "{names:?}");
    assert!(names[3].ends_with(&format!("{}.json", new.id)), "{names:?}");
    // Damaged ones are in nobody's way.
    assert_eq!(reports.list().unwrap().len(), 1);
}

#[test]
fn what_a_stop_left_is_removed_and_other_files_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let reports = ReceivedReports::open(directory.path()).unwrap();
    let unfinished = ".000000000001-0000000000000001.json";
    for name in [
        unfinished,
        ".profile",
        "notes.json",
        "000000000001-../x.json.bak",
    ] {
        // One of them is in a directory that is not there.
        let _ = fs::write(directory.path().join(name), b"{}");
    }
    reports.tidy().unwrap();
    assert!(!directory.path().join(unfinished).exists());
    assert!(directory.path().join(".profile").exists());
    assert_eq!(reports.list().unwrap(), []);
}

#[test]
fn texts_are_cut() {
    let long = "x".repeat(5_000);
    let report = read_file("text/xml", XML.replace("id-1", &long).as_bytes()).unwrap();
    let Report::Dmarc(it) = &report.report else {
        panic!("it is one");
    };
    assert_eq!(it.metadata.report_id, shown(&long));
    assert_eq!(
        it.policy,
        PublishedPolicy {
            discovery_method: None,
            ..PublishedPolicy::of(RequestedPolicy::Quarantine)
        }
    );
    let json = JSON.replace("sts", &long);
    let report = read_file("application/json", json.as_bytes()).unwrap();
    assert!(serde_json::to_string(&report).unwrap().len() < 2_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Nothing that comes makes reading fail but by saying so.
    #[test]
    fn any_octets_can_come(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&received(&octets));
        let _ = read_file("application/zip", &octets);
        let _ = read_file("application/zip", &[b"PK\x03\x04", &*octets].concat());
        let _ = read_file("application/gzip", &[b"\x1f\x8b\x08\x00", &*octets].concat());
    }

    /// A report with one octet changed is a report or it is not.
    #[test]
    fn changed_octets_can_come(at in 0..XML.len(), to in any::<u8>()) {
        let mut octets = XML.as_bytes().to_vec();
        octets[at] = to;
        let _ = read_file("text/xml", &octets);
        let mut packed = archive(&[("x.xml", XML.as_bytes())]);
        let at = at % packed.len();
        packed[at] = to;
        let _ = read_file("application/zip", &packed);
    }
}
