//! The report as XML (RFC 9990 §3.1, Appendix A).
//!
//! Every element stands where the schema has it. What a record leaves out is written with its
//! default, so a reader need not know the defaults.

use std::fmt::Display;

use super::{
    day::CountedRow,
    facts::{
        AuthResults, DkimAuthResult, Evaluated, Identifiers, PublishedPolicy, SpfAuthResult,
        SpfScope,
    },
    report::{AggregateReport, ReportMetadata},
};

const NAMESPACE: &str = "urn:ietf:params:xml:ns:dmarc-2.0";

pub(super) fn xml(report: &AggregateReport) -> String {
    let mut xml = Xml::default();
    xml.0
        .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let root = format!("feedback xmlns=\"{NAMESPACE}\"");
    xml.nested_as(&root, "feedback", |xml| {
        // RFC 9990 §3.1.1.2: the version of the format, which is not that of the namespace.
        xml.leaf("version", "1.0");
        xml.nested("report_metadata", |xml| metadata(xml, &report.metadata));
        xml.nested("policy_published", |xml| {
            policy(xml, &report.policy_domain, &report.policy);
        });
        for row in &report.rows {
            xml.nested("record", |xml| record(xml, row));
        }
    });
    xml.0
}

fn metadata(xml: &mut Xml, metadata: &ReportMetadata) {
    xml.leaf("org_name", &metadata.org_name);
    xml.leaf("email", &metadata.email);
    xml.optional("extra_contact_info", metadata.extra_contact_info.as_ref());
    xml.leaf("report_id", &metadata.report_id);
    xml.nested("date_range", |xml| {
        xml.leaf("begin", metadata.begin);
        xml.leaf("end", metadata.end);
    });
    xml.optional("error", metadata.error.as_ref());
    xml.optional("generator", metadata.generator.as_ref());
}

fn policy(xml: &mut Xml, domain: &str, policy: &PublishedPolicy) {
    let sp = policy.sp.unwrap_or(policy.p);
    xml.leaf("domain", domain);
    xml.leaf("p", policy.p);
    xml.leaf("sp", sp);
    xml.leaf("np", policy.np.unwrap_or(sp));
    xml.leaf("adkim", policy.adkim);
    xml.leaf("aspf", policy.aspf);
    xml.optional("discovery_method", policy.discovery_method);
    xml.optional("fo", policy.fo.as_ref());
    xml.leaf("testing", if policy.testing { "y" } else { "n" });
}

fn record(xml: &mut Xml, counted: &CountedRow) {
    xml.nested("row", |xml| {
        xml.leaf("source_ip", counted.row.source_ip);
        xml.leaf("count", counted.count);
        xml.nested("policy_evaluated", |xml| {
            evaluated(xml, &counted.row.evaluated);
        });
    });
    xml.nested("identifiers", |xml| {
        identifiers(xml, &counted.row.identifiers);
    });
    xml.nested("auth_results", |xml| {
        auth_results(xml, &counted.row.auth_results);
    });
}

fn evaluated(xml: &mut Xml, evaluated: &Evaluated) {
    xml.leaf("disposition", evaluated.disposition);
    xml.leaf("dkim", evaluated.dkim);
    xml.leaf("spf", evaluated.spf);
    for reason in &evaluated.reasons {
        xml.nested("reason", |xml| {
            xml.leaf("type", reason.kind);
            xml.optional("comment", reason.comment.as_ref());
        });
    }
}

fn identifiers(xml: &mut Xml, identifiers: &Identifiers) {
    xml.leaf("header_from", &identifiers.header_from);
    // Empty for a null reverse-path.
    let envelope_from = identifiers.envelope_from.as_deref();
    xml.leaf("envelope_from", envelope_from.unwrap_or_default());
    xml.optional("envelope_to", identifiers.envelope_to.as_ref());
}

fn auth_results(xml: &mut Xml, results: &AuthResults) {
    for dkim in &results.dkim {
        xml.nested("dkim", |xml| dkim_result(xml, dkim));
    }
    // One result at most, and of MAIL FROM: DMARC looks at no other (RFC 9990 §3.1.1.11).
    let of_mail_from = |spf: &&SpfAuthResult| spf.scope != Some(SpfScope::Helo);
    if let Some(spf) = results.spf.iter().find(of_mail_from) {
        xml.nested("spf", |xml| {
            xml.leaf("domain", &spf.domain);
            xml.optional("scope", spf.scope);
            xml.leaf("result", spf.result);
            xml.optional("human_result", spf.human_result.as_ref());
        });
    }
}

fn dkim_result(xml: &mut Xml, dkim: &DkimAuthResult) {
    xml.leaf("domain", &dkim.domain);
    xml.leaf("selector", &dkim.selector);
    xml.leaf("result", dkim.result);
    xml.optional("human_result", dkim.human_result.as_ref());
}

/// Elements, one per line.
#[derive(Debug, Default)]
struct Xml(String);

impl Xml {
    fn nested(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.nested_as(name, name, inside);
    }

    fn nested_as(&mut self, start: &str, name: &str, inside: impl FnOnce(&mut Self)) {
        for part in ["<", start, ">\n"] {
            self.0.push_str(part);
        }
        inside(self);
        for part in ["</", name, ">\n"] {
            self.0.push_str(part);
        }
    }

    fn leaf(&mut self, name: &str, text: impl Display) {
        for part in ["<", name, ">"] {
            self.0.push_str(part);
        }
        self.text(&text.to_string());
        for part in ["</", name, ">\n"] {
            self.0.push_str(part);
        }
    }

    fn optional(&mut self, name: &str, text: Option<impl Display>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// Escapes what would be markup, and replaces what cannot stand in XML at all
    /// (XML 1.0, 2.2): one such character would make a reader refuse the whole report.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                    self.0.push('\u{fffd}');
                }
                _ => self.0.push(c),
            }
        }
    }
}
