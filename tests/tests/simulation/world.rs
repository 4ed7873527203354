//! One world: it is begun from a seed, stepped to its end, and judged after each step.

use std::collections::BTreeMap;

use postern_outbound::Vigil;
use postern_smtp::server::Answer;
use postern_spool::{
    Spool as _,
    simulated::{Honesty, Sync},
};

use super::{
    caller::{Caller, Condition, Upgrade},
    cast::DESTINATIONS,
    core::{Core, Dial},
    ends::{Carrier, End, Manners, Peer, Reception, Sender, later},
    errand::Errand,
    fortune::{manners, weather},
    grant::Terms,
    habits::Habits,
    host::{Done, Host, Work},
    link::{Link, Piece, Side},
    mutation::Mutation,
    report::{Report, Violation},
    timeline::Event,
};

const MINUTE: u64 = 60_000;

/// What a world may hold at any time. The figures are far above what it needs and far below what
/// a leak would come to.
const LINKS: usize = 32;
const OCTETS: usize = 64 * 1024;
const EVENTS: usize = 512;
const JOBS: usize = 16;

/// Runs the world of a seed.
pub(crate) fn run(seed: u64, mutation: Option<Mutation>) -> Result<Report, Violation> {
    World::new(seed, mutation, false).run().map_err(|_| {
        // The same once more, and this time it is written down.
        match World::new(seed, mutation, true).run() {
            Err(violation) => violation,
            Ok(_) => Violation {
                seed,
                mutation,
                what: "what failed the first time did not fail again: it is not of the seed alone"
                    .to_owned(),
                steps: Vec::new(),
            },
        }
    })
}

#[derive(Debug)]
struct World {
    seed: u64,
    core: Core,
    links: BTreeMap<u32, Link>,
    sessions: u64,
    steps: u64,
    /// Until when everything must have come to its end.
    limit: u64,
    /// What the disk was like at the last look.
    looked: u64,
}

impl World {
    fn new(seed: u64, mutation: Option<Mutation>, traced: bool) -> Self {
        let mut core = Core::new(seed, mutation, traced);
        if mutation == Some(Mutation::SyncLies) {
            core.disk.set_honesty(Honesty::Lying);
        }
        let heal = core.random.between(5 * MINUTE, 150 * MINUTE);
        for errand in 0..core.random.between(1, 4) as usize {
            let at = core.random.below(heal / 2);
            let errand_ = Errand::new(&mut core.random, errand);
            core.errands.push(errand_);
            core.at(at, Event::Submit(errand));
        }
        for _ in 0..core.random.below(3) {
            let at = core.random.below(heal);
            let power = core.random.chance(60);
            core.at(at, Event::Crash { power });
        }
        for _ in 0..core.random.below(5) {
            let at = core.random.below(heal);
            core.at(at, Event::Operate);
        }
        for _ in 0..core.random.below(6) {
            let at = core.random.below(heal);
            core.at(at, Event::Reload);
        }
        if core.random.chance(25) {
            let at = core.random.below(heal);
            core.at(at, Event::SetClock);
        }
        if core.random.chance(30) {
            let (at, until) = (core.random.below(heal), core.random.below(heal));
            let destination = core.random.below(DESTINATIONS.len() as u64) as usize;
            core.at(at, Event::Freeze(destination));
            core.at(until.max(at + 1), Event::Thaw(destination));
        }
        core.publishing = core.random.chance(60);
        for _ in 0..core.random.below(8) {
            let at = core.random.below(heal);
            let destination = core.random.below(DESTINATIONS.len() as u64) as usize;
            core.at(at, Event::Publish(destination));
        }
        core.at(heal, Event::Heal);
        let lifetime = core.schedule.lifetime.as_millis() as u64;
        Self {
            seed,
            core,
            links: BTreeMap::new(),
            sessions: 0,
            steps: 0,
            limit: heal + 2 * lifetime + 120 * MINUTE,
            looked: 0,
        }
    }

    fn run(mut self) -> Result<Report, Violation> {
        while !self.is_over() {
            let Some((at, event)) = self.core.timeline.next() else {
                let what = format!("nothing happens any more, and {}", self.unfinished());
                return Err(self.violation(what));
            };
            if at > self.limit {
                let what = format!("the world has not come to its end: {}", self.unfinished());
                return Err(self.violation(what));
            }
            self.steps += 1;
            self.core.set_time(at);
            self.happen(event);
            self.follow_up();
            self.check();
            if !self.core.ledger.violations.is_empty() {
                let what = self.core.ledger.violations.swap_remove(0);
                return Err(self.violation(what));
            }
        }
        let ledger = &self.core.ledger;
        Ok(Report {
            worlds: 1,
            steps: self.steps,
            sessions: self.sessions,
            promised: ledger.promised,
            delivered: ledger.delivered,
            duplicates: ledger.duplicates,
            bounced: ledger.bounced,
            crashes: self.core.crashes,
            reloads: self.core.reloads,
            reused: self.core.reused,
            rewound: self.core.rewound,
        })
    }

    fn violation(mut self, what: String) -> Violation {
        Violation {
            seed: self.seed,
            mutation: self.core.mutation,
            what,
            steps: self.core.take_trace(),
        }
    }

    fn is_over(&self) -> bool {
        let idle = |host: &Host| host.is_idle();
        self.core.healed
            && self.core.errands.iter().all(|errand| errand.done)
            && self.links.is_empty()
            && self.core.disk.records() == 0
            && self.core.host.as_ref().is_some_and(idle)
    }

    fn unfinished(&self) -> String {
        let waiting = self.core.errands.iter().filter(|errand| !errand.done);
        let host = self.core.host.as_ref();
        format!(
            "{} senders wait, {} connections are open, {} records are on disk, {} deliveries are \
             under way",
            waiting.count(),
            self.links.len(),
            self.core.disk.records(),
            host.map_or(0, |host| host.attempts.len()),
        )
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(link, side) => self.arrive(link, side),
            Event::Wake(link, side) => self.wake(link, side),
            Event::Submit(errand) => self.submit(errand),
            Event::Claim(boot) if boot == self.core.boots => {
                if let Some(host) = &mut self.core.host {
                    host.claim_at = None;
                }
                self.core.claim();
            }
            Event::Commit(boot) if boot == self.core.boots => self.commit(),
            Event::Planned(boot, number) if boot == self.core.boots => self.core.planned(number),
            Event::Claim(_) | Event::Commit(_) | Event::Planned(..) => {}
            Event::Reload => self.core.reload(),
            Event::SetClock => self.core.set_clock(),
            Event::ClockSetRight => self.core.wall_clock_is(0),
            Event::Look(boot) if boot == self.core.boots => self.core.look_at_clock(),
            Event::Look(_) => {}
            Event::Freeze(destination) => self.core.freeze(destination),
            Event::Thaw(destination) => self.core.thaw(destination),
            Event::Publish(destination) => self.core.publish(destination),
            Event::Operate => self.core.operate(),
            Event::Release => self.core.release_all(),
            Event::Crash { power } => self.crash(power),
            Event::Boot => self.boot(),
            Event::Heal => {
                self.core.note(|| "the world heals".to_owned());
                self.core.healed = true;
                self.core.publish_sound();
                self.core.wall_clock_is(0);
                (0..DESTINATIONS.len()).for_each(|at| self.core.thaw(at));
                // By then the machine is up again, whatever happened just before.
                self.core.after(5 * MINUTE, Event::Release);
            }
        }
    }

    fn arrive(&mut self, number: u32, side: Side) {
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        let piece = link.arrive(side);
        let port = link.port(side);
        match piece {
            Some(Piece::Octets(octets)) => port.input.extend_from_slice(&octets),
            Some(Piece::End) => port.ended = true,
            None => return,
        }
        self.run_end(number, side);
    }

    fn wake(&mut self, number: u32, side: Side) {
        let now = self.core.now;
        if let Some(link) = self.links.get_mut(&number)
            && link.port(side).wake == Some(now)
        {
            link.port(side).wake = None;
            self.run_end(number, side);
        }
    }

    /// Lets an end do what it can do now.
    fn run_end(&mut self, number: u32, side: Side) {
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        let Some(mut end) = link.end(side).take() else {
            return;
        };
        end.run(link.port(side), &mut self.core);
        let deadline = end.deadline();
        *link.end(side) = Some(end);
        let now = self.core.now;
        let arrivals = link.transmit(side, now, &mut self.core.random);
        self.core.announce(number, side.other(), &arrivals);
        if let Some(deadline) = deadline {
            let at = self.core.millis(deadline).max(now + 1);
            let port = link.port(side);
            if port.wake.is_none_or(|wake| wake > at) {
                port.wake = Some(at);
                self.core.at(at, Event::Wake(number, side));
            }
        }
        if link.is_over() {
            self.links.remove(&number);
        }
    }

    fn submit(&mut self, at: usize) {
        if self.core.host.is_none() {
            let wait = self.core.random.between(5_000, 60_000);
            return self.core.after(wait, Event::Submit(at));
        }
        self.core.letters += 1;
        let letter_number = self.core.letters;
        let now = self.core.instant();
        let Some(errand) = self.core.errands.get_mut(at) else {
            return;
        };
        let letter = errand.letter(letter_number);
        let upgrade = errand.face.map_or(
            Upgrade::Not(postern_tls::NotSecured::NotRequired),
            Upgrade::IfOffered,
        );
        self.core.ledger.submits(letter_number, &letter);
        let envelope = &letter.envelope;
        let (from, to) = (
            envelope.reverse_path.clone(),
            super::ledger::names(envelope),
        );
        let caller = Caller::new(
            "client.example",
            letter,
            upgrade,
            Condition::None,
            None,
            now,
        );
        let link = self.next_link();
        self.core
            .note(|| format!("connection {link}: {from} has a letter for {to:?}"));
        let sender = Sender {
            caller,
            errand: at,
            number: letter_number,
            told: false,
        };
        let reception = Reception::new(link, Habits::honest(&mut self.core.random));
        self.connect(
            link,
            End::Sender(Box::new(sender)),
            End::Reception(Box::new(reception)),
        );
    }

    fn next_link(&mut self) -> u32 {
        self.sessions += 1;
        u32::try_from(self.sessions).unwrap_or(u32::MAX)
    }

    fn connect(&mut self, number: u32, caller: End, listener: End) {
        let healed = self.core.healed;
        let weather = weather(&mut self.core.random, healed);
        let link = Link::new(caller, listener, weather, self.core.now);
        self.links.insert(number, link);
        for side in [Side::Listener, Side::Caller] {
            self.run_end(number, side);
        }
    }

    /// Makes the connections that were asked for, hands writes to the disk, asks for what is due.
    fn follow_up(&mut self) {
        loop {
            for dial in std::mem::take(&mut self.core.dials) {
                self.dial(dial);
            }
            self.finish_jobs();
            if self.core.dials.is_empty() {
                break;
            }
        }
        self.arm();
    }

    /// Gives what is to be delivered to a connection that was kept, if it is good for that.
    fn reuse(&mut self, dial: Dial) -> Option<Dial> {
        let may = matches!(dial.upgrade, Upgrade::IfOffered(_)) && self.core.random.chance(90);
        let kept = may.then(|| self.core.take_kept(dial.carriage.to.host));
        let Some((number, link)) = kept.flatten().and_then(|number| {
            let link = self.links.get_mut(&number)?;
            Some((number, link))
        }) else {
            return Some(dial);
        };
        let Some(mut end) = link.end(Side::Caller).take() else {
            return Some(dial);
        };
        let (key, to) = (dial.carriage.key, dial.carriage.to);
        let terms = Terms::clone(&dial.terms);
        let back = match &mut end {
            End::Carrier(carrier) => {
                let port = link.port(Side::Caller);
                carrier.take_up(dial.carriage, terms, port, &self.core)
            }
            End::Sender(_) | End::Reception(_) | End::Peer(_) => Some(dial.carriage),
        };
        *link.end(Side::Caller) = Some(end);
        let used = back.is_none();
        self.core.note(|| {
            let not = if used { "" } else { "not " };
            format!(
                "connection {number}: is {not}used for {key:?} to {}",
                to.domain
            )
        });
        if used {
            self.core.reused += 1;
            self.core.ledger.link_begins(number, key);
        }
        self.run_end(number, Side::Caller);
        back.map(|carriage| Dial { carriage, ..dial })
    }

    fn dial(&mut self, dial: Dial) {
        let Some(dial) = self.reuse(dial) else { return };
        let Dial {
            carriage,
            upgrade,
            terms,
        } = dial;
        let link = self.next_link();
        let healed = self.core.healed;
        let ours = carriage.to.demand(self.core.situation.rules).wants();
        let wanted = ours.or(terms.learnt.truth.wants());
        let manners = manners(&mut self.core.random, wanted, healed);
        let (key, to) = (carriage.key, carriage.to);
        self.core.note(|| {
            let Manners {
                handshakes,
                starttls,
                turn,
                ..
            } = &manners;
            format!(
                "connection {link}: {key:?} to {}: {starttls:?}, {handshakes:?}, {turn:?}",
                to.domain
            )
        });
        let caller = Caller::new(
            "mx.postern.example",
            carriage.letter.clone(),
            upgrade,
            Condition::Plan(terms),
            self.core.mutation,
            self.core.instant(),
        );
        if self.core.mishap(3) {
            let soon = self.core.random.below(3_000);
            self.core.after(soon, Event::Reload);
        }
        let carrier = Carrier::new(caller.keeping(), link, carriage);
        let peer = Peer::new(link, to, manners);
        self.connect(
            link,
            End::Carrier(Box::new(carrier)),
            End::Peer(Box::new(peer)),
        );
    }

    /// Goes on with what waited for the disk.
    fn finish_jobs(&mut self) {
        let finished = self.core.host.as_mut().map(Host::finished);
        for (work, done) in finished.into_iter().flatten() {
            match (work, done) {
                (
                    Work::Tell {
                        link,
                        envelope,
                        content,
                        shown,
                    },
                    Done::Accepted(accepted),
                ) => {
                    let answer = match accepted {
                        Ok(id) => Answer::AcceptSaying(format!("queued as {id}")),
                        Err(_) => Answer::Refuse(later()),
                    };
                    let kept = !matches!(answer, Answer::Refuse(_));
                    if self.answer(link, answer) && kept {
                        self.core.promise(&envelope, &content, shown);
                    }
                    self.run_end(link, Side::Listener);
                }
                (work @ Work::Settle { .. }, Done::Settled(settled)) => {
                    self.core.settled(work, settled.is_ok());
                }
                (Work::Nothing | Work::Tell { .. } | Work::Settle { .. }, _) => {}
            }
        }
    }

    /// Answers a client, if it is still there.
    fn answer(&mut self, link: u32, answer: Answer) -> bool {
        let link = self.links.get_mut(&link);
        let Some(End::Reception(reception)) =
            link.and_then(|link| link.end(Side::Listener).as_mut())
        else {
            return false;
        };
        reception.listener.answer(answer);
        true
    }

    /// Sets the next turns of the committer and of the queue.
    fn arm(&mut self) {
        let Core {
            host,
            random,
            now,
            boots,
            mutation,
            clock,
            ..
        } = &mut self.core;
        let boots = *boots;
        let Some(host) = host else { return };
        let mut turns = Vec::new();
        if host.committer.waiting() > 0 && !host.commit_due {
            host.commit_due = true;
            let slow = random.chance(2);
            let wait = random.between(1, if slow { 20_000 } else { 8 });
            turns.push((*now + wait, Event::Commit(boots)));
        }
        let due = host.spool.next_due().map(|due| {
            let since = due.duration_since(std::time::SystemTime::UNIX_EPOCH);
            let millis = since.unwrap_or_default().as_millis() as i64 - clock.wrong;
            let millis = u64::try_from(millis).unwrap_or_default();
            millis.saturating_sub(super::core::EPOCH).max(*now + 1)
        });
        let room = host.attempts.len() < super::core::ATTEMPTS;
        let piles_up = *mutation == Some(Mutation::TimersPileUp);
        if let Some(due) = due.filter(|_| room)
            && (host.claim_at.is_none_or(|at| at > due) || piles_up)
            && host.spool.health() == postern_spool::Health::Good
        {
            host.claim_at = Some(due);
            turns.push((due, Event::Claim(boots)));
        }
        for (at, event) in turns {
            self.core.at(at, event);
        }
    }

    fn commit(&mut self) {
        let fails = self.core.mishap(1);
        let written = self.core.random.chance(50);
        let Some(host) = &mut self.core.host else {
            return;
        };
        host.commit_due = false;
        if fails {
            self.core.disk.next_sync(if written {
                Sync::FailedWritten
            } else {
                Sync::FailedUnwritten
            });
        }
        host.committer.commit();
        self.core.disk.next_sync(Sync::Done);
        if fails {
            self.core
                .note(|| format!("a sync fails, written: {written}"));
            // Whoever runs the daemon starts it again.
            let wait = self.core.random.between(1_000, 5_000);
            self.core.after(wait, Event::Crash { power: false });
        }
    }

    fn crash(&mut self, power: bool) {
        let Some(host) = self.core.host.take() else {
            return;
        };
        let waiting = host.committer.waiting() as u64;
        let reached = self.core.random.below(waiting + 1);
        self.core
            .note(|| format!("the machine stops, {reached} of {waiting} writes got to the disk"));
        self.core.crashes += 1;
        host.committer.cut_short(reached as usize);
        if power {
            self.core.disk.lose_power();
        }
        drop(host);
        self.core.ledger.crash();
        let numbers: Vec<_> = self.links.keys().copied().collect();
        for number in numbers {
            self.tear(number);
        }
        let wait = self.core.random.between(1_000, 60_000);
        self.core.after(wait, Event::Boot);
    }

    /// Our end of a connection goes with the machine.
    fn tear(&mut self, number: u32) {
        let now = self.core.now;
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        for side in Side::BOTH {
            if link.end(side).as_ref().is_some_and(End::is_ours) {
                self.core.ledger.link_torn(number);
                let arrivals = link.vanish(side, now, &mut self.core.random);
                self.core.announce(number, side.other(), &arrivals);
            }
        }
        if link.is_over() {
            self.links.remove(&number);
        }
    }

    fn boot(&mut self) {
        self.core.note(|| "the machine starts".to_owned());
        self.core.boots += 1;
        let vigil = Vigil::new(self.core.wall(), self.core.instant());
        self.core.host = Some(Host::boot(&self.core.disk, &self.core.machine, vigil));
    }

    fn check(&mut self) {
        let revision = self.core.disk.revision();
        if std::mem::take(&mut self.core.promised) || revision != self.looked {
            self.looked = revision;
            let durable = self.core.disk.durable();
            self.core.ledger.check(&durable);
        }
        let jobs = self.core.host.as_ref().map_or(0, |host| host.jobs.len());
        let octets: usize = self.links.values().map(Link::octets).sum();
        let bounds = [
            ("connections", self.links.len(), LINKS),
            ("octets under way", octets, OCTETS),
            ("events to come", self.core.timeline.len(), EVENTS),
            ("writes under way", jobs, JOBS),
            (
                "records on disk",
                self.core.disk.records(),
                8 * self.core.letters as usize,
            ),
        ];
        for (name, there, most) in bounds {
            if there > most {
                let what = format!("{there} {name} are more than {most}");
                self.core.ledger.violate(what);
            }
        }
    }
}

impl Core {
    /// Pieces are on their way to an end.
    fn announce(&mut self, link: u32, to: Side, arrivals: &[u64]) {
        for at in arrivals {
            self.at(*at, Event::Arrive(link, to));
        }
    }
}
