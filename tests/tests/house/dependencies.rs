//! Who knows whom.

use std::process::Command;

use postern_tests::programs::project;
use serde::Deserialize;

use crate::check;

/// A crate and the crates of the house that its production code may know.
struct Knowledge {
    of: &'static str,
    may_know: &'static [&'static str],
    reason: &'static str,
}

const KNOWLEDGE: &[Knowledge] = &[
    Knowledge {
        of: "postern-mail",
        may_know: &[],
        reason: "the vocabulary stands on nothing",
    },
    Knowledge {
        of: "postern-smtp",
        may_know: &["postern-mail"],
        reason: "the wire is a state machine without IO, TLS and policy",
    },
    Knowledge {
        of: "postern-tls",
        may_know: &["postern-mail", "postern-smtp"],
        reason: "a channel carries opening commands and evidence, and knows no partner",
    },
    Knowledge {
        of: "postern-dns",
        may_know: &[],
        reason: "answers do not depend on mail",
    },
    Knowledge {
        of: "postern-policy",
        may_know: &["postern-mail", "postern-tls"],
        reason: "it judges values: no socket, no look-up, no queue is in its reach",
    },
    Knowledge {
        of: "postern-spool",
        may_know: &["postern-mail"],
        reason: "the queue keeps messages whatever protocol brings or takes them",
    },
    Knowledge {
        of: "postern-reports",
        may_know: &["postern-mail", "postern-dns"],
        reason: "a report is about messages and counts, whoever makes them; \
                 where it goes the DNS says",
    },
    Knowledge {
        of: "postern-config",
        may_know: &["postern-mail", "postern-tls", "postern-policy"],
        reason: "it makes checked settings and runs nothing",
    },
    Knowledge {
        of: "postern-fetch",
        may_know: &[
            "postern-mail",
            "postern-tls",
            "postern-dns",
            "postern-policy",
        ],
        reason: "what is published for senders is fetched without knowing of deliveries",
    },
    Knowledge {
        of: "postern-web",
        may_know: &["postern-mail", "postern-tls", "postern-policy"],
        reason: "a page is served to whoever comes, without knowing of mail",
    },
    Knowledge {
        of: "postern-authentication",
        may_know: &["postern-mail", "postern-dns"],
        reason: "who wrote a message is found out from the message and the DNS alone",
    },
    Knowledge {
        of: "postern-rewriting",
        may_know: &["postern-mail"],
        reason: "an address becomes another by rules, whoever carries the mail",
    },
    Knowledge {
        of: "postern-publish",
        may_know: &[
            "postern-mail",
            "postern-tls",
            "postern-dns",
            "postern-policy",
        ],
        reason: "what is to be published is computed from facts about keys and hosts",
    },
    Knowledge {
        of: "postern-inbound",
        may_know: &[
            "postern-mail",
            "postern-smtp",
            "postern-tls",
            "postern-dns",
            "postern-policy",
            "postern-spool",
            "postern-authentication",
            "postern-rewriting",
        ],
        reason: "reception meets delivery at the spool alone",
    },
    Knowledge {
        of: "postern-outbound",
        may_know: &[
            "postern-mail",
            "postern-smtp",
            "postern-tls",
            "postern-dns",
            "postern-policy",
            "postern-spool",
            "postern-reports",
            "postern-fetch",
            "postern-authentication",
            "postern-rewriting",
        ],
        reason: "delivery meets reception at the spool alone",
    },
    Knowledge {
        of: "postern-admin",
        may_know: &["postern-mail", "postern-spool"],
        reason: "control looks at the queue, never at the wire",
    },
    Knowledge {
        of: "postern",
        may_know: &[
            "postern-mail",
            "postern-smtp",
            "postern-tls",
            "postern-dns",
            "postern-policy",
            "postern-spool",
            "postern-reports",
            "postern-config",
            "postern-inbound",
            "postern-outbound",
            "postern-admin",
            "postern-fetch",
            "postern-web",
            "postern-authentication",
            "postern-rewriting",
            "postern-publish",
        ],
        reason: "it wires everything together, save what is for tests only",
    },
    Knowledge {
        of: "postern-testkit",
        may_know: &["postern-smtp"],
        reason: "a test peer must not share the mistakes of what it tests; \
                 only moments of a session are come to by the session core",
    },
    Knowledge {
        of: "postern-bench",
        may_know: &[
            "postern-mail",
            "postern-smtp",
            "postern-tls",
            "postern-policy",
            "postern-spool",
            "postern-config",
            "postern-testkit",
            "postern-tests",
        ],
        reason: "whole programs are measured from outside, and parts alone where they must grow; \
                 nothing that is measured knows of it",
    },
    Knowledge {
        of: "postern-tests",
        may_know: &["postern-mail", "postern-spool"],
        reason: "the whole daemon is met on the wire and the command line; \
                 the queue is met alone as well, where its files fail",
    },
];

/// A crate and a package that would break what it promises.
struct Ban {
    of: &'static str,
    package: &'static str,
    reason: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        of: "postern-mail",
        package: "tokio",
        reason: "the vocabulary does no IO",
    },
    Ban {
        of: "postern-smtp",
        package: "tokio",
        reason: "the cores do no IO and do not wait",
    },
    Ban {
        of: "postern-smtp",
        package: "rustls",
        reason: "the cores do not know TLS",
    },
    Ban {
        of: "postern-smtp",
        package: "tracing",
        reason: "the cores do not log",
    },
    Ban {
        of: "postern-policy",
        package: "tokio",
        reason: "a judgement does no IO",
    },
    Ban {
        of: "postern-policy",
        package: "hickory-resolver",
        reason: "policy gets answers, not resolvers",
    },
    Ban {
        of: "postern-config",
        package: "tokio",
        reason: "settings run nothing",
    },
];

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `null` for a normal one, else `dev` or `build`.
    kind: Option<String>,
    #[serde(default)]
    features: Vec<String>,
}

impl Dependency {
    /// With no other feature than this one, tokio is the traits of IO and nothing that performs
    /// it.
    fn is_traits_alone(&self) -> bool {
        self.name == "tokio" && self.features == ["io-util"]
    }
}

impl Package {
    /// What ends up in the program: all but what only tests use.
    fn knows(&self) -> impl Iterator<Item = &str> {
        let production =
            |it: &&Dependency| it.kind.as_deref() != Some("dev") && !it.is_traits_alone();
        self.dependencies
            .iter()
            .filter(production)
            .map(|it| it.name.as_str())
    }
}

fn metadata() -> Metadata {
    let mut command = Command::new(env!("CARGO"));
    command.args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
        "--locked",
    ]);
    let output = command.current_dir(project()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn crates_know_only_what_they_may() {
    check(
        "crates know only what they may",
        &undue_knowledge(&metadata(), KNOWLEDGE),
    );
}

#[test]
fn pure_crates_stay_pure() {
    check("pure crates stay pure", &banned(&metadata(), BANS));
}

#[test]
fn undue_knowledge_is_noticed() {
    let house = |text: &str| serde_json::from_str::<Metadata>(text).unwrap();
    let table = &[
        Knowledge {
            of: "a",
            may_know: &["b"],
            reason: "because",
        },
        Knowledge {
            of: "b",
            may_know: &[],
            reason: "because",
        },
    ];
    let fine = house(
        r#"{"packages": [
            {"name": "a", "dependencies": [{"name": "b", "kind": null}]},
            {"name": "b", "dependencies": [{"name": "a", "kind": "dev"}, {"name": "x", "kind": null}]}
        ]}"#,
    );
    assert_eq!(undue_knowledge(&fine, table), Vec::<String>::new());
    let bad = house(
        r#"{"packages": [
            {"name": "b", "dependencies": [{"name": "a", "kind": "build"}]},
            {"name": "c", "dependencies": []}
        ]}"#,
    );
    assert_eq!(
        undue_knowledge(&bad, table).len(),
        3,
        "b knows a; c unlisted; a listed in vain"
    );
    let bans = &[Ban {
        of: "b",
        package: "x",
        reason: "because",
    }];
    assert_eq!(banned(&fine, bans), ["b knows x: because"]);
}

fn undue_knowledge(house: &Metadata, table: &[Knowledge]) -> Vec<String> {
    let mut violations = Vec::new();
    let ours = |name: &str| {
        house.packages.iter().any(|package| package.name == name)
            || table.iter().any(|row| row.of == name)
    };
    for package in &house.packages {
        let Some(row) = table.iter().find(|row| row.of == package.name) else {
            violations.push(format!(
                "{} is not in the table of who knows whom",
                package.name
            ));
            continue;
        };
        for known in package
            .knows()
            .filter(|name| ours(name) && !row.may_know.contains(name))
        {
            violations.push(format!("{} knows {known}: {}", row.of, row.reason));
        }
    }
    for row in table {
        if !house.packages.iter().any(|package| package.name == row.of) {
            violations.push(format!("{} is in the table and does not exist", row.of));
        }
    }
    violations
}

fn banned(house: &Metadata, bans: &[Ban]) -> Vec<String> {
    let offends = |ban: &&Ban| {
        let offender = |it: &&Package| it.name == ban.of;
        house
            .packages
            .iter()
            .filter(offender)
            .any(|it| it.knows().any(|name| name == ban.package))
    };
    let tell = |ban: &Ban| format!("{} knows {}: {}", ban.of, ban.package, ban.reason);
    bans.iter().filter(offends).map(tell).collect()
}
