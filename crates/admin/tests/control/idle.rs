//! A daemon that answers always the same.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use postern_admin::{
    AuthenticationStatus, ConfigurationStatus, Daemon, Delay, Destinations, DirectionLine,
    FreezeOrder, FreezeTrouble, Freezer, Frozen, NoSuchPartner, Partner, PartnerDirection,
    PartnerDomains, PartnerLine, PartnerPage, ProtectionStatus, QueueStatus, Readiness,
    ReadinessVerdict, ReceptionFigures, Reloaded, Report, ReportKind, ReportLine, ReportOrder,
    ReportPage, ReportTrouble, ReportWay, ReportsSent, Status, Whose,
};
use postern_mail::Domain;
use postern_spool::Spool;

/// A daemon that has nothing but a queue.
#[derive(Debug)]
pub(crate) struct Idle(pub(crate) Arc<dyn Spool>);

#[async_trait]
impl Daemon for Idle {
    fn status(&self) -> Status {
        let now = SystemTime::now().into();
        Status {
            version: "0".to_owned(),
            pid: 1,
            started_at: now,
            uptime_seconds: 0,
            listeners: Vec::new(),
            queue: QueueStatus::of(&*self.0),
            destinations: 0,
            destinations_down: 0,
            freezer: Freezer::default(),
            certificates: Vec::new(),
            protection: ProtectionStatus::default(),
            authentication: AuthenticationStatus::default(),
            panics: 0,
            configuration: ConfigurationStatus {
                file: "postern.toml".to_owned(),
                loaded_at: now,
                last_reload: None,
            },
        }
    }

    fn reception(&self) -> ReceptionFigures {
        ReceptionFigures {
            open: 3,
            ..ReceptionFigures::default()
        }
    }

    fn is_stopping(&self) -> bool {
        false
    }

    /// Two partners, one to a page.
    fn partners(&self, from: usize) -> PartnerPage {
        let names = ["Ministry & Co", "Bank"];
        let shown = names.iter().skip(from).take(1);
        PartnerPage {
            partners: shown.map(|name| line(name)).collect(),
            next: (from + 1 < names.len()).then_some(from + 1),
        }
    }

    fn partner(&self, name: &str) -> Result<Partner, NoSuchPartner> {
        if name == "Ministry & Co" {
            return Ok(partner(name));
        }
        Err(NoSuchPartner {
            name: name.to_owned(),
            nearest: vec!["Bank".to_owned()],
        })
    }

    /// The ministry has all below a domain but one.
    fn partner_domains(&self, name: &str) -> Result<PartnerDomains, NoSuchPartner> {
        let partner = self.partner(name)?;
        assert_eq!(partner.name, "Ministry & Co");
        Ok(PartnerDomains {
            domains: vec!["*.ministry.example".parse().unwrap()],
            except: vec!["old.ministry.example".parse().unwrap()],
        })
    }

    fn destinations(&self) -> Destinations {
        Destinations {
            left_out: 7,
            ..Destinations::default()
        }
    }

    /// One domain is frozen.
    fn delay(&self, domain: &Domain) -> Delay {
        let frozen = (domain.as_str() == "frozen.example").then(|| frozen("*.example"));
        Delay {
            domain: domain.clone(),
            frozen,
            down: None,
        }
    }

    fn frozen(&self) -> Freezer {
        Freezer {
            frozen: vec![frozen("*.example")],
            trouble: Some("the file is damaged".to_owned()),
        }
    }

    async fn freeze(&self, order: &FreezeOrder) -> Result<Freezer, FreezeTrouble> {
        match &order.whose {
            Whose::All => Err(FreezeTrouble::BadOrder("all is too much".to_owned())),
            Whose::Partner(name) => Err(self.partner(name).unwrap_err().into()),
            Whose::Domain(_) => Err(FreezeTrouble::Failed(order.reason.clone())),
        }
    }

    async fn thaw(&self, _whose: &Whose) -> Result<Freezer, FreezeTrouble> {
        Ok(self.frozen())
    }

    async fn flush(&self, whose: &Whose) -> Result<(), FreezeTrouble> {
        match whose {
            Whose::All => Ok(()),
            other => Err(FreezeTrouble::BadOrder(format!("{other:?}"))),
        }
    }

    fn look_again(&self, _domains: &BTreeSet<Domain>) {}

    /// Three reports, two to a page.
    async fn reports(&self, from: usize) -> Result<ReportPage, ReportTrouble> {
        let ids = ["d-1", "t/2", "d-3"];
        let shown = ids.iter().skip(from).take(2);
        Ok(ReportPage {
            reports: shown.map(|id| report_line(id)).collect(),
            next: (from + 2 < ids.len()).then_some(from + 2),
        })
    }

    async fn report(&self, id: &str) -> Result<Report, ReportTrouble> {
        if id != "t/2" {
            return Err(ReportTrouble::NoSuchReport(id.to_owned()));
        }
        Ok(Report {
            line: report_line(id),
            facts: Vec::new(),
            sources: Vec::new(),
            policies: Vec::new(),
            left_out: 0,
        })
    }

    /// What was ordered comes back as a note.
    async fn send_reports(&self, order: &ReportOrder) -> Result<ReportsSent, ReportTrouble> {
        match &order.day {
            None => Ok(ReportsSent {
                reports: Vec::new(),
                notes: vec![format!("{:?} {}", order.domain, order.dry_run)],
            }),
            Some(day) if day == "yesterday" => {
                Err(ReportTrouble::BadOrder("yesterday is no day".to_owned()))
            }
            Some(_) => Err(ReportTrouble::Failed("the disk is full".to_owned())),
        }
    }

    async fn reload(&self) -> Reloaded {
        let errors = vec!["postern.toml:1:1: no".to_owned()];
        Reloaded::Refused { errors }
    }
}

fn frozen(domain: &str) -> Frozen {
    Frozen {
        domain: domain.parse().unwrap(),
        partner: None,
        reason: "audit".to_owned(),
        since: SystemTime::UNIX_EPOCH.into(),
    }
}

fn readiness() -> Readiness {
    Readiness {
        verdict: ReadinessVerdict::NotMeasured,
        text: "not measured yet".to_owned(),
    }
}

pub(crate) fn line(name: &str) -> PartnerLine {
    let direction = DirectionLine {
        require: "any".to_owned(),
        attempts: 0,
        met: 0,
        not_met: 0,
        break_glass: false,
        readiness: readiness(),
    };
    PartnerLine {
        name: name.to_owned(),
        stage: "observe".to_owned(),
        outbound: direction.clone(),
        inbound: direction,
    }
}

pub(crate) fn report_line(id: &str) -> ReportLine {
    let now = SystemTime::UNIX_EPOCH.into();
    ReportLine {
        id: id.to_owned(),
        kind: ReportKind::Tls,
        way: ReportWay::Received,
        domain: "example.org".to_owned(),
        other: "reporter.example".to_owned(),
        begin: now,
        end: now,
        state: "kept".to_owned(),
        passed: 7,
        failed: 1,
    }
}

pub(crate) fn partner(name: &str) -> Partner {
    let direction = PartnerDirection {
        require: "any".to_owned(),
        terms: Vec::new(),
        break_glass: Vec::new(),
        revocation: Vec::new(),
        measured: None,
        readiness: readiness(),
    };
    Partner {
        name: name.to_owned(),
        stage: "observe".to_owned(),
        domains: vec!["ministry.example".to_owned()],
        except: Vec::new(),
        contact: None,
        outbound: direction.clone(),
        inbound: direction,
    }
}
