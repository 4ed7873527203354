//! `postern demo`: the relay and its neighbours on loopback, with real messages over real
//! sockets.
//!
//! | question | module |
//! |---|---|
//! | what is tried, and what must come of it? | [`story`] |
//! | who takes part? | [`neighbours`] in a [`neighbourhood`], [`callers`], [`meddler`], [`relay`] |
//! | what do they prove, and with what? | [`certificates`], [`configuration`] |
//! | how is what happened found out? | [`stage`], by [`witness`], [`mailbox`] and the queue |
//! | was it right? | [`outcome`] |
//! | what is shown? | [`picture`], [`table`], [`notice`], [`guide`], to an [`audience`] |
//!
//! It needs no DNS, no network, no privileges, and no files but those of a temporary directory.
//! The relay runs as `postern serve` would run it, from a configuration file that is written for
//! the occasion; nothing in it knows of the demonstration. Every wait is bounded.

mod audience;
mod callers;
mod certificates;
mod configuration;
mod guide;
mod home;
mod letter;
mod mailbox;
mod meddler;
mod neighbourhood;
mod neighbours;
mod notice;
mod outcome;
mod picture;
mod relay;
mod stage;
mod story;
mod table;
mod witness;

use std::sync::Arc;

use postern_admin::Client;

use self::{
    audience::Audience,
    callers::Callers,
    configuration::Ports,
    home::Home,
    neighbourhood::Neighbourhood,
    neighbours::Who,
    outcome::{Played, Seen, all_as_it_must_be},
    relay::Relay,
    stage::Stage,
    story::SCENES,
    witness::Witness,
};
use crate::{
    cli::Demo,
    failure::{Exit, Failure},
};

/// Sets everything up, plays the story, and stays for as long as the user likes.
pub(crate) fn run(wanted: Demo) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("no runtime", &error))?;
    runtime.block_on(Box::pin(demonstrate(wanted)))
}

/// Everything that takes part but the relay.
#[derive(Debug)]
struct Setting {
    home: Arc<Home>,
    ports: Ports,
    neighbourhood: Neighbourhood,
    callers: Callers,
    queue: Client,
    witness: Witness,
}

async fn demonstrate(wanted: Demo) -> Result<Exit, Failure> {
    let mut setting = Setting::make().await?;
    let mut relay = Relay::start(&setting.home, &setting.witness).await?;
    let audience = Audience::of(wanted);
    audience.tell(&setting.opening())?;
    let played = tokio::select! {
        played = setting.play(audience) => played?,
        ended = relay.ended() => return Err(ended.err().unwrap_or_else(too_early)),
    };
    audience.report(&setting, &played)?;
    if wanted.once {
        relay.stop().await?;
    } else {
        audience.tell(&guide::guide(&setting.home, &setting.ports))?;
        setting.stay(&mut relay, audience).await?;
    }
    Ok(verdict(&played))
}

/// The user has seen enough before everything was shown.
fn too_early() -> Failure {
    Failure::plain("the demonstration was ended before it was over")
}

/// How the program ends after this story.
fn verdict(played: &[Played]) -> Exit {
    if all_as_it_must_be(played) {
        Exit::Fine
    } else {
        Exit::Negative
    }
}

impl Setting {
    async fn make() -> Result<Self, Failure> {
        let home = Arc::new(Home::new()?);
        certificates::write(&home)?;
        let neighbourhood = Neighbourhood::settle(&home).await?;
        let ports = Ports::keep()?;
        configuration::write(&home, &ports, &neighbourhood)?;
        Ok(Self {
            callers: Callers::new(&home)?,
            queue: Client::new(home.file("control.sock")),
            witness: Witness::default(),
            neighbourhood,
            ports,
            home,
        })
    }

    fn stage(&self) -> Stage<'_> {
        Stage {
            ports: &self.ports,
            neighbourhood: &self.neighbourhood,
            callers: &self.callers,
            queue: &self.queue,
            witness: &self.witness,
        }
    }

    fn opening(&self) -> String {
        format!(
            "{}  The configuration of the relay: {}\n\n{}",
            picture::picture(&self.ports, &self.neighbourhood),
            self.home.configuration().display(),
            table::head(),
        )
    }

    /// Plays every scene and tells of each when it is over.
    async fn play(&self, audience: Audience) -> Result<Vec<Played>, Failure> {
        let stage = self.stage();
        let mut played = Vec::new();
        for (scene, number) in SCENES.iter().zip(1..) {
            let scene = Played::judge(number, scene, stage.play(scene).await);
            audience.tell(&scene.to_string())?;
            played.push(scene);
        }
        // What was refused is tried again and again by now. It must still not be anywhere.
        for (scene, played) in SCENES.iter().zip(&mut played) {
            if let Err(odd) = stage.look_again(scene, &played.seen) {
                *played = Played::judge(played.number, scene, Seen::otherwise(odd));
                audience.tell(&played.to_string())?;
            }
        }
        Ok(played)
    }

    /// Stays until the relay is asked to end, and tells what arrives meanwhile.
    async fn stay(&mut self, relay: &mut Relay, audience: Audience) -> Result<(), Failure> {
        self.neighbourhood.pass_over_arrivals();
        loop {
            tokio::select! {
                ended = relay.ended() => return ended,
                Some(arrival) = self.neighbourhood.next_arrival() => {
                    audience.tell(&format!("{arrival}\n"))?;
                }
            }
        }
    }

    /// The notice about the impostor, as the sender has it.
    fn notice(&self) -> Vec<String> {
        let mailbox = self.neighbourhood.mailbox(Who::OurMailSystem);
        let notices = mailbox
            .map(|mailbox| mailbox.having(|arrival| notice::is_about(arrival, story::TO_IMPOSTOR)));
        let notices = notices.unwrap_or_default();
        notices.first().map(notice::excerpt).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
