//! A model of the cache protocol (`todo_core::cache`), explored exhaustively: every interleaving of a few writers and
//! readers with cut connections, lost replies, killed instances, evictions, flushes and restarts of Redis with its
//! data, with older data and without any. The claim: no hit is ever older than the last write that was answered before
//! its request came in, nor older than a write whose instance was killed after the commit, once the life of its fence is
//! over (or twice that, if Redis lost the fence). A repetition of a write that finds it done is answered like the write
//! itself. A write that was given up and committed later is seen once its record has stood for the life of a check.
//!
//! A checker that cannot fail proves nothing, so each rule of the protocol is also left out in turn, and each time the
//! checker has to find the stale hit that the rule is there to prevent.
//!
//! Time goes in ticks. A statement runs at most `STATEMENT` of them; a fence outlives announcement and statement.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]

mod scenarios;

use std::collections::{BTreeMap, HashSet};

use scenarios::scenarios;

const LEASE: u8 = 1;
const STATEMENT: u8 = 1;
const FENCE: u8 = 2;
const LOST: u8 = u8::MAX;
/// How long what a background write has made stale is served until somebody has fetched anew.
const WINDOW: u8 = 1;

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    IntentLeavesNoFence,
    FenceEndsInSilence,
    PublishKeepsGeneration,
    FailedPublishIsAnswered,
    StoreTrustsItsTicket,
    RestartKeepsEpoch,
    LossLeavesNoFence,
    AwayIsNotRecorded,
    AwayIsAnsweredAtOnce,
    CheckFromItsEnd,
    ServedDespitePending,
    SettlesUpToAnId,
    SettlesWithoutGeneration,
    RowsRipenEarly,
    HeldRowsMayBeSettled,
    FormerForEver,
    FormerDespiteAWrite,
    ReplayPublishesNothing,
    ReplayRecordsNothing,
    UnknownIsNotRecorded,
    UnknownIsSettledBeforeItsEnd,
}

/// What may happen, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Faults {
    away: u8,
    unpublished: u8,
    crashes: u8,
    unknown: u8,
    restarts: u8,
    snapshots: u8,
    evictions: u8,
    flushes: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Keys {
    run: u8,
    epoch: u8,
    generation: Option<u8>,
    fences: BTreeMap<u8, u8>,
    /// The generation before the last background write, and until when it may be served.
    former: Option<(u8, u8)>,
    entries: BTreeMap<(u8, u8), u8>,
    /// The epoch of the last check, and until when it is good.
    check: Option<(u8, u8)>,
    /// Until when nothing is served because a check found something pending.
    untrusted: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Idle,
    Announced {
        sent: u8,
        told: bool,
    },
    Running {
        sent: u8,
        told: bool,
        began: u8,
        row: u8,
        wait: bool,
        holds: u8,
    },
    Committed {
        sent: u8,
        told: bool,
        version: u8,
        at: u8,
        wait: bool,
    },
    /// The outcome is unknown to the writer; the commit may come at any time.
    Late {
        row: u8,
        recorded: u8,
    },
    Waiting {
        version: u8,
        until: u8,
    },
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum ReaderState {
    Idle,
    Stranger {
        came: u8,
        epoch: u8,
        floor: u8,
    },
    /// `held`: rows of writers that had not ended.
    Checked {
        came: u8,
        epoch: u8,
        floor: u8,
        seen: Vec<u8>,
        held: Vec<u8>,
    },
    Settled {
        seen: Vec<u8>,
    },
    Ticket {
        epoch: u8,
        generation: u8,
    },
    Fetched {
        epoch: u8,
        generation: u8,
        version: u8,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    // Redis
    run: u8,
    keys: Keys,
    saved: Keys,
    epochs: u8,
    generations: u8,
    // Postgres: the version of the one object, pending invalidations by id with the time of their insertion
    version: u8,
    rows: BTreeMap<u8, u8>,
    ids: u8,
    // The world
    answered: u8,
    /// Whether the first writer works in the background: nobody is told of its commit before its publish.
    background: bool,
    /// Whether the second writer repeats what the first one did, under one idempotency key.
    repeats: bool,
    writers: Vec<Writer>,
    readers: Vec<ReaderState>,
    requests: u8,
    faults: Faults,
}

impl State {
    fn is_background(&self, writer: usize) -> bool {
        self.background && writer == 0
    }

    fn is_repetition(&self, writer: usize) -> bool {
        self.repeats && writer == 1
    }

    /// Forgets what can no longer matter and renames what only has to differ, so that more histories meet. Valid where
    /// the rules hold: there nothing of an earlier generation or epoch is ever used again.
    fn simplify(&mut self) {
        let (now, run) = (self.now, self.run);
        for keys in [&mut self.keys, &mut self.saved] {
            keys.check = keys.check.filter(|(epoch, until)| *until > now && *epoch == keys.epoch);
            keys.untrusted = if keys.untrusted > now { keys.untrusted } else { 0 };
            keys.former = keys.former.filter(|(_, until)| *until > now);
            let former = keys.former.and_then(|(generation, _)| keys.entries.remove(&(keys.epoch, generation)));
            let current = keys.generation.and_then(|generation| keys.entries.remove(&(keys.epoch, generation)));
            let former = former.map(|version| ((1, 0), version));
            keys.entries = current.map(|version| ((1, 1), version)).into_iter().chain(former).collect();
        }
        let current = (self.keys.epoch, self.keys.generation);
        for reader in &mut self.readers {
            *reader = match std::mem::replace(reader, ReaderState::Idle) {
                ReaderState::Ticket { epoch, generation } if (epoch, Some(generation)) == current => {
                    ReaderState::Ticket { epoch: 1, generation: 1 }
                }
                ReaderState::Fetched { epoch, generation, version } if (epoch, Some(generation)) == current => {
                    ReaderState::Fetched { epoch: 1, generation: 1, version }
                }
                ReaderState::Ticket { .. } | ReaderState::Fetched { .. } => ReaderState::Idle,
                ReaderState::Stranger { came, epoch, floor } => {
                    ReaderState::Stranger { came, epoch: u8::from(epoch == current.0), floor }
                }
                ReaderState::Checked { came, epoch, floor, seen, held } => {
                    ReaderState::Checked { came, epoch: u8::from(epoch == current.0), floor, seen, held }
                }
                other => other,
            };
        }
        for keys in [&mut self.keys, &mut self.saved] {
            keys.run = if keys.run == run { 2 } else { keys.run.min(1) };
            keys.epoch = 1;
            keys.generation = keys.generation.map(|_| 1);
            keys.former = keys.former.map(|(_, until)| (0, until));
            keys.check = keys.check.map(|(_, until)| (1, until));
        }
        (self.run, self.epochs, self.generations) = (2, 1, 1);
        self.readers.sort_unstable();
        if self.requests == 0 && self.readers.iter().all(|reader| *reader == ReaderState::Idle) {
            // Nobody will read any more: all such states are the same.
            self.writers.clear();
            self.faults = CALM;
            self.now = u8::MAX;
        }
    }
}

/// A stale hit, as the last step of a history.
struct Stale;

struct Model {
    flaw: Flaw,
    horizon: u8,
    /// Whether Redis may lose fences.
    loses: bool,
}

impl Model {
    fn handshake(&self, state: &mut State) {
        let keys = &mut state.keys;
        if keys.run == state.run {
            return;
        }
        keys.run = state.run;
        if self.flaw != Flaw::RestartKeepsEpoch {
            state.epochs += 1;
            // What is known of the workspace is kept by epoch.
            *keys = Keys {
                run: state.run,
                epoch: state.epochs,
                entries: std::mem::take(&mut keys.entries),
                ..Keys::default()
            };
        }
    }

    /// The generation; those whose fences have expired are published by whoever comes next.
    fn generation(&self, state: &mut State) -> u8 {
        self.handshake(state);
        if state.keys.generation.is_none() {
            state.generations += 1;
            state.keys.generation = Some(state.generations);
            if self.flaw != Flaw::LossLeavesNoFence {
                state.keys.fences.insert(LOST, state.now + FENCE);
            }
        }
        let now = state.now;
        if state.keys.fences.values().any(|until| *until <= now) {
            state.keys.fences.retain(|_, until| *until > now);
            if self.flaw != Flaw::FenceEndsInSilence {
                self.raise(state);
            }
        }
        state.keys.generation.unwrap()
    }

    fn raise(&self, state: &mut State) {
        let generation = self.generation(state);
        state.keys.generation = Some(generation + 1);
        state.generations = state.generations.max(generation + 1);
        if self.flaw != Flaw::FormerDespiteAWrite {
            state.keys.former = None;
        }
    }

    fn announce(&self, state: &mut State, writer: usize) {
        self.generation(state);
        if self.flaw != Flaw::IntentLeavesNoFence {
            state.keys.fences.insert(u8::try_from(writer).unwrap(), state.now + FENCE);
        }
    }

    fn publish(&self, state: &mut State, writer: usize) {
        let generation = self.generation(state);
        if self.flaw != Flaw::PublishKeepsGeneration {
            self.raise(state);
        }
        state.keys.fences.remove(&u8::try_from(writer).unwrap());
        if state.is_background(writer) {
            let until = if self.flaw == Flaw::FormerForEver { u8::MAX } else { state.now + WINDOW };
            state.keys.former = Some((generation, until));
        }
    }

    fn look_up(&self, state: &mut State, floor: u8) -> Result<ReaderState, Stale> {
        let generation = self.generation(state);
        let (epoch, now) = (state.keys.epoch, state.now);
        if state.keys.untrusted > now {
            return Ok(ReaderState::Idle);
        }
        let former = state.keys.former.filter(|(_, until)| *until > now);
        if let Some((former, _)) = former
            && state.keys.entries.get(&(epoch, former)).is_some_and(|version| *version < floor)
        {
            // It is served until somebody has fetched anew.
            return Err(Stale);
        }
        match state.keys.entries.get(&(epoch, generation)) {
            Some(version) if *version < floor => Err(Stale),
            Some(_) => Ok(ReaderState::Idle),
            None => Ok(ReaderState::Ticket { epoch, generation }),
        }
    }

    /// Whether the writer must wait, and which older row is kept until its statement ends, in place of a new one.
    fn record_invalidation(&self, state: &State) -> (bool, u8) {
        let ripe = if self.flaw == Flaw::RowsRipenEarly { LEASE } else { LEASE + STATEMENT };
        match state.rows.iter().find(|(_, inserted)| **inserted + ripe <= state.now) {
            Some((id, _)) => (false, *id),
            None => (self.flaw != Flaw::AwayIsAnsweredAtOnce, 0),
        }
    }

    fn writer_steps(&self, state: &State, index: usize, next: &mut Vec<State>) {
        let mut step = |change: &dyn Fn(&mut State) -> Writer| {
            let mut after = state.clone();
            after.writers[index] = change(&mut after);
            next.push(after);
        };
        let now = state.now;
        match state.writers[index] {
            Writer::Idle => {
                step(&|after| {
                    self.announce(after, index);
                    Writer::Announced { sent: now, told: true }
                });
                if state.faults.away > 0 {
                    step(&|after| {
                        after.faults.away -= 1;
                        Writer::Announced { sent: now, told: false }
                    });
                    step(&|after| {
                        after.faults.away -= 1;
                        self.announce(after, index);
                        Writer::Announced { sent: now, told: false }
                    });
                }
            }
            Writer::Announced { sent, told } => step(&|after| {
                if told || self.flaw == Flaw::AwayIsNotRecorded {
                    let wait = !told && self.flaw != Flaw::AwayIsAnsweredAtOnce;
                    return Writer::Running { sent, told, began: now, row: 0, wait, holds: 0 };
                }
                let (wait, holds) = self.record_invalidation(after);
                if holds > 0 {
                    // The row that is kept until this write has committed does for it, too.
                    let holds = if self.flaw == Flaw::HeldRowsMayBeSettled { 0 } else { holds };
                    return Writer::Running { sent, told, began: now, row: 0, wait, holds };
                }
                after.ids += 1;
                Writer::Running { sent, told, began: now, row: after.ids, wait, holds: 0 }
            }),
            Writer::Running { sent, told, row, wait, .. } if state.is_repetition(index) => {
                // While the first attempt runs, a repetition is refused. Later it finds the key, and writes nothing.
                if state.version > 0 {
                    step(&|after| {
                        if row > 0 && self.flaw != Flaw::ReplayRecordsNothing {
                            after.rows.insert(row, now);
                        }
                        Writer::Committed { sent, told, version: after.version, at: now, wait }
                    });
                }
            }
            Writer::Running { sent, told, began, row, wait, .. } => {
                if state.faults.unknown > 0 {
                    step(&|after| {
                        after.faults.unknown -= 1;
                        after.ids += 1;
                        if self.flaw != Flaw::UnknownIsNotRecorded {
                            after.rows.insert(after.ids, now);
                        }
                        Writer::Late { row: after.ids, recorded: now }
                    });
                }
                if now <= began + STATEMENT && (!told || now < sent + FENCE) {
                    step(&|after| {
                        after.version += 1;
                        if row > 0 {
                            after.rows.insert(row, began);
                        }
                        Writer::Committed { sent, told, version: after.version, at: now, wait }
                    });
                }
            }
            Writer::Committed { sent, told, version, at, wait } => {
                // What a killed repetition had found is another's write.
                if state.faults.crashes > 0 && !state.is_repetition(index) {
                    step(&|after| {
                        after.faults.crashes -= 1;
                        // Nobody answers, but this is when the write has to be seen all the same. A fence that Redis lost is
                        // followed by another one, no later than the commit.
                        let end = if self.loses { sent + STATEMENT + FENCE } else { sent + FENCE };
                        Writer::Waiting { version, until: if told { end } else { at + LEASE } }
                    });
                }
                if !told {
                    step(&|_| Writer::Waiting { version, until: if wait { at + LEASE } else { at } });
                    return;
                }
                let is_background = state.is_background(index);
                step(&|after| {
                    if self.flaw != Flaw::ReplayPublishesNothing || !state.is_repetition(index) {
                        self.publish(after, index);
                    }
                    Writer::Waiting { version, until: if is_background { now + WINDOW } else { 0 } }
                });
                if state.faults.unpublished > 0 {
                    step(&|after| {
                        after.faults.unpublished -= 1;
                        if self.flaw == Flaw::FailedPublishIsAnswered {
                            return Writer::Waiting { version, until: 0 };
                        }
                        after.ids += 1;
                        after.rows.insert(after.ids, now);
                        Writer::Waiting { version, until: now + LEASE }
                    });
                }
            }
            Writer::Late { row: _, recorded } => step(&|after| {
                after.version += 1;
                Writer::Waiting { version: after.version, until: recorded + LEASE }
            }),
            Writer::Waiting { version, until } => {
                if now >= until {
                    step(&|after| {
                        after.answered = after.answered.max(version);
                        Writer::Done
                    });
                }
            }
            Writer::Done => {}
        }
    }

    fn reader_step(&self, state: &State, index: usize) -> Result<Option<State>, Stale> {
        let mut after = state.clone();
        let now = state.now;
        let reader = match &state.readers[index] {
            ReaderState::Idle => {
                if state.requests == 0 {
                    return Ok(None);
                }
                after.requests -= 1;
                self.handshake(&mut after);
                let epoch = after.keys.epoch;
                match after.keys.check {
                    Some((checked, until)) if checked == epoch && until > now => {
                        self.look_up(&mut after, state.answered)?
                    }
                    _ => ReaderState::Stranger { came: now, epoch, floor: state.answered },
                }
            }
            ReaderState::Stranger { came, epoch, floor } => {
                let seen = state.rows.keys().copied().collect();
                let late = |writer: &Writer| match writer {
                    Writer::Late { row, .. } if self.flaw != Flaw::UnknownIsSettledBeforeItsEnd => Some(*row),
                    _ => None,
                };
                let held = state.writers.iter().filter_map(late).collect();
                ReaderState::Checked { came: *came, epoch: *epoch, floor: *floor, seen, held }
            }
            ReaderState::Checked { came, epoch, floor, seen, held } => {
                self.handshake(&mut after);
                if !seen.is_empty() && self.flaw != Flaw::SettlesWithoutGeneration {
                    self.raise(&mut after);
                }
                let until = if self.flaw == Flaw::CheckFromItsEnd { now + LEASE } else { came + LEASE };
                if *epoch == after.keys.epoch && until > now {
                    after.keys.check = Some((*epoch, after.keys.check.map_or(until, |(_, other)| other.max(until))));
                    if !seen.is_empty() && self.flaw != Flaw::ServedDespitePending {
                        after.keys.untrusted = after.keys.untrusted.max(until);
                    }
                }
                if !seen.is_empty() {
                    ReaderState::Settled { seen: seen.iter().copied().filter(|id| !held.contains(id)).collect() }
                } else if after.keys.check.is_some_and(|(checked, until)| checked == after.keys.epoch && until > now) {
                    self.look_up(&mut after, *floor)?
                } else {
                    ReaderState::Idle
                }
            }
            ReaderState::Settled { seen } => {
                let held =
                    |id: &u8| state.writers.iter().any(|w| matches!(w, Writer::Running { holds, .. } if holds == id));
                if seen.iter().any(held) {
                    return Ok(None);
                }
                let last = seen.iter().copied().max().unwrap_or(0);
                let up_to = self.flaw == Flaw::SettlesUpToAnId;
                after.rows.retain(|id, _| if up_to { *id > last } else { !seen.contains(id) });
                ReaderState::Idle
            }
            ReaderState::Ticket { epoch, generation } => {
                ReaderState::Fetched { epoch: *epoch, generation: *generation, version: state.version }
            }
            ReaderState::Fetched { epoch, generation, version } => {
                let current = self.generation(&mut after);
                let fits = *epoch == after.keys.epoch && *generation == current;
                if fits || self.flaw == Flaw::StoreTrustsItsTicket {
                    let entry = if self.flaw == Flaw::StoreTrustsItsTicket {
                        (after.keys.epoch, current)
                    } else {
                        (*epoch, *generation)
                    };
                    after.keys.entries.insert(entry, *version);
                }
                ReaderState::Idle
            }
        };
        after.readers[index] = reader;
        Ok(Some(after))
    }

    fn world_steps(&self, state: &State, next: &mut Vec<State>) {
        let mut step = |change: &dyn Fn(&mut State)| {
            let mut after = state.clone();
            change(&mut after);
            next.push(after);
        };
        if state.now < self.horizon {
            step(&|after| after.now += 1);
        }
        if state.faults.restarts > 0 {
            for data in 0..3 {
                step(&|after| {
                    after.faults.restarts -= 1;
                    after.run += 1;
                    match data {
                        0 => {}
                        1 => after.keys = after.saved.clone(),
                        _ => after.keys = Keys::default(),
                    }
                });
            }
        }
        if state.faults.snapshots > 0 {
            step(&|after| {
                after.faults.snapshots -= 1;
                after.saved = after.keys.clone();
            });
        }
        if state.faults.evictions > 0 && state.keys.generation.is_some() {
            step(&|after| {
                after.faults.evictions -= 1;
                after.keys.generation = None;
                after.keys.fences.clear();
                after.keys.former = None;
                after.keys.untrusted = 0;
            });
        }
        if state.faults.flushes > 0 {
            step(&|after| {
                after.faults.flushes -= 1;
                after.keys = Keys::default();
            });
        }
    }

    fn next(&self, state: &State) -> Result<Vec<State>, Stale> {
        let mut next = Vec::new();
        for index in 0..state.writers.len() {
            self.writer_steps(state, index, &mut next);
        }
        for index in 0..state.readers.len() {
            next.extend(self.reader_step(state, index)?);
        }
        self.world_steps(state, &mut next);
        Ok(next)
    }

    fn new(flaw: Flaw, horizon: u8, start: &State) -> Self {
        let Faults { restarts, evictions, flushes, .. } = start.faults;
        Self { flaw, horizon, loses: restarts + evictions + flushes > 0 }
    }

    /// All states that can be reached, or the stale hit.
    fn explore(&self, start: State) -> Result<usize, Box<State>> {
        let mut seen = HashSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some(state) = open.pop() {
            let Ok(next) = self.next(&state) else { return Err(Box::new(state)) };
            for mut after in next {
                if self.flaw == Flaw::None {
                    after.simplify();
                }
                if seen.insert(after.clone()) {
                    open.push(after);
                }
            }
        }
        Ok(seen.len())
    }
}

fn start(writers: usize, readers: usize, requests: u8, faults: Faults) -> State {
    let keys =
        Keys { run: 1, epoch: 1, generation: Some(1), entries: BTreeMap::from([((1, 1), 0)]), ..Keys::default() };
    State {
        now: 1,
        run: 1,
        saved: keys.clone(),
        keys,
        epochs: 1,
        generations: 1,
        version: 0,
        rows: BTreeMap::new(),
        ids: 0,
        answered: 0,
        background: false,
        repeats: false,
        writers: vec![Writer::Idle; writers],
        readers: vec![ReaderState::Idle; readers],
        requests,
        faults,
    }
}

const CALM: Faults =
    Faults { away: 0, unpublished: 0, crashes: 0, unknown: 0, restarts: 0, snapshots: 0, evictions: 0, flushes: 0 };

#[test]
fn no_interleaving_serves_a_stale_hit() {
    for (name, start, horizon, _) in scenarios() {
        match Model::new(Flaw::None, horizon, &start).explore(start) {
            Ok(states) => eprintln!("{name}: {states} states, none stale"),
            Err(state) => panic!("{name}: stale hit from {state:#?}"),
        }
    }
}

#[test]
fn every_rule_is_needed() {
    for (name, start, horizon, flaws) in scenarios() {
        for flaw in flaws {
            let outcome = Model::new(*flaw, horizon, &start).explore(start.clone());
            assert!(outcome.is_err(), "{name}: nothing stale with {flaw:?}");
            eprintln!("{name}: stale with {flaw:?}");
        }
    }
}
