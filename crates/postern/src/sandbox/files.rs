//! Files, by Landlock.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus,
};

/// What the rules are written for. A kernel that knows less enforces less, but none below
/// [`AccessFs::Refer`]: there no file could be moved from one folder to another any more.
const KNOWN: ABI = ABI::V5;

/// What is read by libraries and by us, whatever the configuration names: the resolver's and the
/// host's own files, roots of trust, time zones, what the kernel says of this process.
const READABLE: [&str; 7] = [
    "/etc",
    "/usr/share",
    "/usr/lib",
    "/run/systemd/resolve",
    "/run/credentials",
    "/proc/self",
    "/sys/fs/cgroup",
];

/// Devices that are opened by libraries.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];

/// The folders in which the daemon works.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) readable: Vec<PathBuf>,
    pub(super) writable: Vec<PathBuf>,
}

/// Why files are not confined.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unconfined {
    #[error(
        "the kernel has no Landlock that could be used (Linux 5.19 or later with lsm=landlock)"
    )]
    Unknown,
    #[error("the kernel knows a part of the rules only")]
    InPart,
    #[error(transparent)]
    Rules(#[from] RulesetError),
}

/// Leaves this process no files but those below `folders`.
pub(super) fn confine(folders: &Folders) -> Result<(), Unconfined> {
    let everything = AccessFs::from_all(KNOWN);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Refer)
        .map_err(|_| Unconfined::Unknown)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(everything)?
        .create()?;
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let ruleset = allow(ruleset, READABLE, reading)?;
    let ruleset = allow(ruleset, &folders.readable, reading)?;
    let ruleset = allow(ruleset, DEVICES, AccessFs::ReadFile | AccessFs::WriteFile)?;
    let ruleset = allow(ruleset, &folders.writable, everything & !AccessFs::Execute)?;
    match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => Err(Unconfined::InPart),
        RulesetStatus::NotEnforced => Err(Unconfined::Unknown),
    }
}

/// What is not there, or not ours to open, cannot be used later either.
fn allow(
    ruleset: RulesetCreated,
    paths: impl IntoIterator<Item = impl AsRef<Path>>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, Unconfined> {
    let opened = paths.into_iter().filter_map(|path| PathFd::new(path).ok());
    let mut opened = opened.map(|opened| PathBeneath::new(opened, access));
    opened.try_fold(ruleset, |ruleset, rule| Ok(ruleset.add_rule(rule)?))
}
