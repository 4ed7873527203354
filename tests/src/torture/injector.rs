//! Faults at chosen system calls of a child process.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::fault::Fault;
use crate::programs::{self, Program};

/// The library's source. It is C because it stands in for functions of the C library.
const SOURCE: &str = include_str!("injector.c");

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// It fails with EIO, once.
    Eio,
    /// It fails with ENOSPC, once.
    Enospc,
    /// It and all after it fail with ENOSPC until the process ends: the disk is full.
    FullFromHere,
    /// It and all after it that write fail with EROFS: the file system has been made read-only, as
    /// Linux does after an error.
    ReadOnlyFromHere,
    /// A signal came in between: it fails with EINTR, once.
    Interrupted,
    /// Half of the octets are written, and the call says so.
    Short,
    /// The process is killed in its place.
    Kill,
    /// Half of the octets are written, then the process is killed.
    Torn,
    /// Reading fails with EIO, once.
    ReadEio,
}

impl How {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Eio,
        Self::Enospc,
        Self::FullFromHere,
        Self::ReadOnlyFromHere,
        Self::Interrupted,
        Self::Short,
        Self::Kill,
        Self::Torn,
        Self::ReadEio,
    ];

    /// The calls that it can happen to.
    fn calls(self) -> &'static str {
        match self {
            Self::Eio | Self::Kill => "write,sync,rename,open,truncate,unlink,mkdir",
            // A sync can find that there is no room for what was written before.
            Self::Enospc | Self::FullFromHere => "write,sync,rename,truncate,mkdir",
            Self::ReadOnlyFromHere => "write,sync,rename,truncate,unlink,mkdir",
            Self::Interrupted => "write,sync,open,truncate,read",
            Self::Short | Self::Torn => "write",
            Self::ReadEio => "read",
        }
    }

    fn manner(self) -> &'static str {
        match self {
            Self::Eio | Self::ReadEio => "eio",
            Self::Enospc | Self::FullFromHere => "enospc",
            Self::ReadOnlyFromHere => "erofs",
            Self::Interrupted => "eintr",
            Self::Short => "short",
            Self::Kill => "kill",
            Self::Torn => "torn",
        }
    }

    fn lasts(self) -> &'static str {
        match self {
            Self::FullFromHere | Self::ReadOnlyFromHere => "0",
            Self::Eio
            | Self::Enospc
            | Self::Interrupted
            | Self::Short
            | Self::Kill
            | Self::Torn
            | Self::ReadEio => "1",
        }
    }

    /// Whether it ends the process.
    pub fn kills(self) -> bool {
        matches!(self, Self::Kill | Self::Torn)
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Eio => "eio",
            Self::Enospc => "enospc",
            Self::FullFromHere => "full",
            Self::ReadOnlyFromHere => "read-only",
            Self::Interrupted => "eintr",
            Self::Short => "short",
            Self::Kill => "kill",
            Self::Torn => "torn",
            Self::ReadEio => "read-eio",
        })
    }
}

impl FromStr for How {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|how| how.to_string() == text);
        named.ok_or_else(|| format!("no such fault: {text:?}"))
    }
}

/// A fault at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// Which fault.
    pub how: How,
    /// At which of the calls that it can happen to, from 1 on; at 0 nothing happens and all is
    /// counted.
    pub at: u64,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.how, self.at)
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (how, at) = text
            .split_once(':')
            .ok_or_else(|| format!("a point is FAULT:CALL, not {text:?}"))?;
        let at = at.parse().map_err(|error| format!("{text:?}: {error}"))?;
        Ok(Self {
            how: how.parse()?,
            at,
        })
    }
}

/// The library, ready to be loaded.
#[derive(Debug)]
pub struct Injector {
    library: PathBuf,
}

/// What a process with the library has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// How many calls there were to which the fault can happen.
    pub calls: u64,
    /// The call that was met, and on which file; `None` if there were too few.
    pub fired: Option<(&'static str, PathBuf)>,
}

/// As in the library.
const CALLS: [&str; 8] = [
    "write", "sync", "rename", "open", "truncate", "unlink", "mkdir", "read",
];

/// The size of what the library tells.
const TOLD: usize = 1024;

impl Injector {
    /// Compiles the library, once per process.
    pub fn new() -> Result<Self, Fault> {
        static BUILT: OnceLock<Result<(tempfile::TempDir, PathBuf), String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| build().map_err(|fault| fault.to_string()));
        match built {
            Ok((_, library)) => Ok(Self {
                library: library.clone(),
            }),
            Err(fault) => Err(Fault::Unexpected(fault.clone())),
        }
    }

    /// Lets `point` happen to what `command` does below `under`, and be told in the file `tell`.
    pub fn arm(
        &self,
        command: &mut Command,
        under: &Path,
        point: Point,
        tell: &Path,
    ) -> Result<(), Fault> {
        fs::write(tell, [0; TOLD]).map_err(Fault::at(tell))?;
        command
            .env("LD_PRELOAD", &self.library)
            .env("POSTERN_FAULT_UNDER", under)
            .env("POSTERN_FAULT_CALLS", point.how.calls())
            .env("POSTERN_FAULT_HOW", point.how.manner())
            .env("POSTERN_FAULT_AT", point.at.to_string())
            .env("POSTERN_FAULT_FOR", point.how.lasts())
            .env("POSTERN_FAULT_TELL", tell);
        Ok(())
    }
}

impl Met {
    /// Reads what the library told.
    pub fn read(tell: &Path) -> Result<Self, Fault> {
        let told = fs::read(tell).map_err(Fault::at(tell))?;
        let number = |at: usize| -> Option<u64> {
            let octets = told.get(at * 8..at * 8 + 8)?;
            Some(u64::from_ne_bytes(octets.try_into().ok()?))
        };
        let short = || Fault::Unexpected(format!("{} is too short", tell.display()));
        let calls = number(0).ok_or_else(short)?;
        let fired = number(1).ok_or_else(short)? > 0;
        let call = number(2).ok_or_else(short)?;
        let call = usize::try_from(call).ok().and_then(|at| CALLS.get(at));
        let path = told.get(24..).unwrap_or_default();
        let path = path.split(|&octet| octet == 0).next().unwrap_or_default();
        let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
        Ok(Self {
            calls,
            fired: call.filter(|_| fired).map(|&call| (call, path)),
        })
    }
}

fn build() -> Result<(tempfile::TempDir, PathBuf), Fault> {
    let doing = "make the library of faults";
    let home = tempfile::tempdir().map_err(Fault::doing(doing))?;
    let (source, library) = (
        home.path().join("injector.c"),
        home.path().join("injector.so"),
    );
    fs::write(&source, SOURCE).map_err(Fault::at(&source))?;
    let mut command = Command::new(Program::Cc.find()?);
    command
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl");
    programs::run(&mut command)?;
    Ok((home, library))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the script meets in a directory of its own. It writes with dd: a shell's own output goes
    /// through the C library's streams, inside of which no call can be replaced.
    fn meets(script: &str, point: Point) -> (Met, std::process::Output, tempfile::TempDir) {
        let home = tempfile::tempdir().unwrap();
        let under = home.path().join("under");
        fs::create_dir(&under).unwrap();
        let tell = home.path().join("tell");
        let mut command = Command::new("/bin/bash");
        command.arg("-c").arg(script).current_dir(&under);
        let injector = Injector::new().unwrap();
        injector.arm(&mut command, &under, point, &tell).unwrap();
        command.env("U", &under);
        let output = command.output().unwrap();
        (Met::read(&tell).unwrap(), output, home)
    }

    #[test]
    fn calls_elsewhere_do_not_count() {
        let counting = Point {
            how: How::Kill,
            at: 0,
        };
        let (met, output, _home) = meets("printf a | dd of=${U}-beside", counting);
        assert!(output.status.success());
        assert_eq!((met.calls, met.fired), (0, None));
        // Opened, written.
        let (met, _, _home) = meets("printf a | dd of=$U/b conv=notrunc", counting);
        assert_eq!((met.calls, met.fired), (2, None));
    }

    #[test]
    fn the_fault_is_at_the_call_that_was_asked_for() {
        let at = |at| Point { how: How::Eio, at };
        let (met, output, home) = meets("dd of=$U/b conv=notrunc <<< one", at(2));
        let path = home.path().join("under/b");
        assert_eq!(met.fired, Some(("write", path.clone())));
        assert!(!output.status.success());
        assert_eq!(fs::read(path).unwrap(), b"");
    }

    #[test]
    fn a_torn_write_is_half_there() {
        let torn = Point {
            how: How::Torn,
            at: 1,
        };
        let (met, output, home) = meets("exec dd of=$U/b conv=notrunc <<< 1234567", torn);
        assert_eq!(output.status.code(), None, "killed");
        assert!(met.fired.is_some());
        assert_eq!(fs::read(home.path().join("under/b")).unwrap(), b"1234");
    }

    #[test]
    fn points_are_written_as_they_are_read() {
        for how in How::ALL {
            let point = Point { how, at: 17 };
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        assert!("eio".parse::<Point>().is_err());
        assert!("none:1".parse::<Point>().is_err());
    }
}
