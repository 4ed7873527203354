//! The relay itself: the daemon as `postern serve` runs it, in this process.

use std::{fs::File, sync::Arc};

use rustix::process::{Signal, getpid, kill_process};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{home::Home, witness::Witness};
use crate::{
    daemon::{self, Log, panics},
    failure::{Exit, Failure},
    load::load,
    wiring::Wiring,
};

/// The relay, running.
#[derive(Debug)]
pub(super) struct Relay(JoinHandle<Result<Exit, Failure>>);

impl Relay {
    /// Loads the configuration, and runs what it says.
    pub(super) async fn start(home: &Home, witness: &Witness) -> Result<Self, Failure> {
        let config = home.configuration();
        let settings = load(&config)?.settings;
        let path = home.log();
        let file = File::create(&path);
        let file = file.map_err(|error| Failure::new(path.display(), &error))?;
        let reader = Box::new(witness.clone());
        let log = Log::start_into(Arc::new(file), false, reader, &settings.log);
        panics::count();
        let (tell, told) = oneshot::channel();
        let announce = |_: &str| {
            // If nobody waits for it any more, the demonstration is at its end.
            let _ = tell.send(());
            Ok(())
        };
        let wiring = Wiring::try_from(settings);
        let wiring = wiring.map_err(|error| Failure::new("the relay", &error))?;
        let running = async move { daemon::run(&config, wiring, log, announce).await };
        let mut relay = Self(tokio::spawn(Box::pin(running)));
        tokio::select! {
            biased;
            Ok(()) = told => Ok(relay),
            ended = relay.ended() => Err(ended.err().unwrap_or_else(not_started)),
        }
    }

    /// Waits until the relay has ended, which it does in good order when this process is asked
    /// to end.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        let ended = (&mut self.0).await;
        let ended = ended.map_err(|error| Failure::new("the relay", &error))?;
        ended.map(drop)
    }

    /// Ends it as systemd would: it listens to the signals of this process.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        let asked = kill_process(getpid(), Signal::TERM);
        asked.map_err(|error| Failure::new("cannot end the relay", &error))?;
        self.ended().await
    }
}

fn not_started() -> Failure {
    Failure::plain("the relay ended before it was ready")
}
