//! The harness of the whole-daemon tests: real mail software as throw-away instances on loopback.
//!
//! Postfix, Exim, OpenSMTPD, swaks, openssl, nsd and unbound come from Debian's packages
//! (`.ci/install-test-programs`). An instance lives in a temporary directory, on a port of its own,
//! and is gone with the value that stands for it; what it delivered is read back octet by octet.
//! Nothing here leaves the machine: where a scenario needs the DNS it has one of its own, from the
//! root down ([`zones`]).
//!
//! ```no_run
//! use postern_tests::certificates::{Authority, Key, Leaf};
//! use postern_tests::message::Message;
//! use postern_tests::postfix::{ServerTls, Setup};
//! use postern_tests::swaks::{Swaks, Tls};
//!
//! # fn main() -> Result<(), postern_tests::fault::Fault> {
//! let authority = Authority::new("Test CA", Key::Ecdsa)?;
//! let certificate = authority.issue(&Leaf::named("mx.receiver.example"))?;
//! let postfix = Setup::named("mx.receiver.example")
//!     .serving("receiver.example")
//!     .tls(ServerTls::Offered, &certificate)
//!     .start()?;
//! let message = Message::plain("hello");
//! Swaks::with(postfix.address())
//!     .from("alice@sender.example")
//!     .to("bob@receiver.example")
//!     .tls(Tls::StartTls)
//!     .send(&message)?
//!     .accepted()?;
//! postfix.delivered(1)?[0].trace_before(&message)?;
//! # Ok(())
//! # }
//! ```
//!
//! A scenario that needs a program which is not there is reported as ignored, with the reason; where
//! `CI` is set it fails instead. `POSTERN_TEST_KEEP` keeps the temporary directories, and
//! `POSTERN_TEST_EXECUTABLE` names a Postern to be tested in place of the one of this workspace.

pub mod certificates;
pub mod configuration;
pub mod exim;
pub mod fault;
pub mod home;
pub mod load;
pub mod loopback;
pub mod mailbox;
pub mod message;
pub mod opensmtpd;
pub mod openssl;
pub mod partner;
pub mod policy_host;
pub mod ports;
pub mod postern;
pub mod postfix;
pub mod posttls_finger;
pub mod probe;
pub mod process;
pub mod programs;
pub mod queue;
pub mod scripted;
pub mod second_opinion;
pub mod secured;
pub mod server;
pub mod sink;
pub mod smtp_dialogue;
pub mod stranger;
pub mod swaks;
pub mod tlsa;
pub mod torture;
pub mod users;
pub mod wait;
pub mod zones;
