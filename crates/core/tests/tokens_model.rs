//! A model of what Redis remembers of a token (`todo_core::cache`, rules 3 to 6), explored exhaustively as `cache_model/` does for
//! responses: a revocation, callers who use the token, and a Redis that is cut off, flushed or restarted between any two steps. The
//! claim: no request that comes in after the revocation was answered is let in on what Redis remembers. Whoever Postgres let in before
//! it was committed is not its business.
//!
//! Each rule is also left out in turn, and each time the checker has to find the caller who is let in.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]
#![allow(clippy::indexing_slicing, clippy::print_stderr, reason = "a test tells what it explored")]

use std::collections::{BTreeMap, HashSet};

const LEASE: u8 = 1;
const STATEMENT: u8 = 1;
const FENCE: u8 = 2;
const REVOKER: u8 = 0;
const LOST: u8 = 1;

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    IntentLeavesNoFence,
    FenceEndsInSilence,
    PublishForgetsNothing,
    FailedPublishIsAnswered,
    RemembersWhatWasBefore,
    ChecksOfAnyEpoch,
    LossLeavesNoFence,
    AwayIsNotRecorded,
    AwayIsAnsweredAtOnce,
    MemoryWithoutCheck,
    PendingForgetsNothing,
}

/// What may happen, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Faults {
    away: u8,
    unpublished: u8,
    crashes: u8,
    restarts: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Keys {
    run: u8,
    epoch: u8,
    /// When a token was last revoked.
    access: u8,
    fences: BTreeMap<u8, u8>,
    /// Of an epoch: since when the token is known.
    remembered: BTreeMap<u8, u8>,
    /// The epoch of the last check, and until when it is good.
    check: Option<(u8, u8)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Revoker {
    Idle,
    Announced { sent: u8, told: bool },
    Running { sent: u8, told: bool, began: u8 },
    Committed { sent: u8, told: bool, at: u8 },
    Waiting { until: u8 },
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Caller {
    Idle,
    Stranger { came: u8, epoch: u8 },
    Checked { came: u8, epoch: u8, valid: bool, seen: Vec<u8> },
    Settling { seen: Vec<u8> },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    run: u8,
    keys: Keys,
    /// Whether Postgres has the token as revoked, and the pending invalidations.
    revoked: bool,
    rows: Vec<u8>,
    answered: bool,
    revoker: Revoker,
    callers: Vec<Caller>,
    requests: u8,
    faults: Faults,
}

/// A caller who is let in after the answer, as the last step of a history.
struct LetIn;

struct Model {
    flaw: Flaw,
    horizon: u8,
    loses: bool,
}

impl Model {
    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// What every script begins with.
    fn begin(&self, state: &mut State) {
        let (run, now, keys) = (state.run, state.now, &mut state.keys);
        if keys.run != run {
            let epoch = keys.epoch.max(run) + 1;
            let remembered = std::mem::take(&mut keys.remembered);
            let fences = if self.is(Flaw::LossLeavesNoFence) { BTreeMap::new() } else { [(LOST, now + FENCE)].into() };
            *keys = Keys { run, epoch, remembered, fences, ..Keys::default() };
        }
        if keys.fences.values().any(|until| *until <= now) {
            keys.fences.retain(|_, until| *until > now);
            if !self.is(Flaw::FenceEndsInSilence) {
                keys.access = now;
            }
        }
    }

    fn announce(&self, state: &mut State) {
        self.begin(state);
        if !self.is(Flaw::IntentLeavesNoFence) {
            state.keys.fences.insert(REVOKER, state.now + FENCE);
        }
    }

    fn record(&self, state: &mut State) {
        if !self.is(Flaw::AwayIsNotRecorded) {
            state.rows.push(state.now);
        }
    }

    fn revoker_steps(&self, state: &State, next: &mut Vec<State>) {
        let now = state.now;
        let mut step = |change: &dyn Fn(&mut State) -> Revoker| {
            let mut after = state.clone();
            after.revoker = change(&mut after);
            next.push(after);
        };
        match state.revoker {
            Revoker::Idle => {
                step(&|after| {
                    self.announce(after);
                    Revoker::Announced { sent: now, told: true }
                });
                for arrives in [false, true] {
                    if state.faults.away > 0 {
                        step(&|after| {
                            after.faults.away -= 1;
                            if arrives {
                                self.announce(after);
                            }
                            Revoker::Announced { sent: now, told: false }
                        });
                    }
                }
            }
            Revoker::Announced { sent, told } => step(&|_| Revoker::Running { sent, told, began: now }),
            Revoker::Running { sent, told, began } => {
                if now <= began + STATEMENT && (!told || now < sent + FENCE) {
                    step(&|after| {
                        after.revoked = true;
                        if !told {
                            self.record(after);
                        }
                        Revoker::Committed { sent, told, at: now }
                    });
                }
            }
            Revoker::Committed { sent, told, at } => {
                if state.faults.crashes > 0 {
                    step(&|after| {
                        after.faults.crashes -= 1;
                        let end = if self.loses { sent + STATEMENT + FENCE } else { sent + FENCE };
                        Revoker::Waiting { until: if told { end } else { at + LEASE } }
                    });
                }
                if !told {
                    let wait = if self.is(Flaw::AwayIsAnsweredAtOnce) { 0 } else { LEASE };
                    step(&|_| Revoker::Waiting { until: at + wait });
                    return;
                }
                step(&|after| {
                    self.begin(after);
                    if !self.is(Flaw::PublishForgetsNothing) {
                        after.keys.access = now;
                    }
                    after.keys.fences.remove(&REVOKER);
                    Revoker::Waiting { until: 0 }
                });
                if state.faults.unpublished > 0 {
                    step(&|after| {
                        after.faults.unpublished -= 1;
                        if self.is(Flaw::FailedPublishIsAnswered) {
                            return Revoker::Waiting { until: 0 };
                        }
                        self.record(after);
                        Revoker::Waiting { until: now + LEASE }
                    });
                }
            }
            Revoker::Waiting { until } => {
                if now >= until {
                    step(&|after| {
                        after.answered = true;
                        Revoker::Done
                    });
                }
            }
            Revoker::Done => {}
        }
    }

    fn caller_step(&self, state: &State, index: usize) -> Result<Option<State>, LetIn> {
        let mut after = state.clone();
        let now = state.now;
        let caller = match &state.callers[index] {
            Caller::Idle if state.requests == 0 => return Ok(None),
            Caller::Idle => {
                after.requests -= 1;
                self.begin(&mut after);
                let keys = &after.keys;
                let is_checked = keys.check.is_some_and(|(epoch, until)| epoch == keys.epoch && until > now);
                let known = keys.remembered.get(&keys.epoch).filter(|came| **came > keys.access);
                if known.is_some() && (is_checked || self.is(Flaw::MemoryWithoutCheck)) {
                    if state.answered {
                        return Err(LetIn);
                    }
                    Caller::Idle
                } else {
                    Caller::Stranger { came: now, epoch: keys.epoch }
                }
            }
            Caller::Stranger { came, epoch } => {
                Caller::Checked { came: *came, epoch: *epoch, valid: !state.revoked, seen: state.rows.clone() }
            }
            Caller::Checked { came, epoch, valid, seen } => {
                self.begin(&mut after);
                let keys = &mut after.keys;
                if !seen.is_empty() && !self.is(Flaw::PendingForgetsNothing) {
                    keys.access = now;
                }
                let is_same = *epoch == keys.epoch || self.is(Flaw::ChecksOfAnyEpoch);
                if is_same && came + LEASE > now {
                    let until = keys.check.map_or(0, |(_, until)| until).max(came + LEASE);
                    keys.check = Some((keys.epoch, until));
                    if *valid && (*came > keys.access || self.is(Flaw::RemembersWhatWasBefore)) {
                        let since = if self.is(Flaw::RemembersWhatWasBefore) { now + 1 } else { *came };
                        keys.remembered.insert(keys.epoch, since);
                    }
                }
                if seen.is_empty() { Caller::Idle } else { Caller::Settling { seen: seen.clone() } }
            }
            Caller::Settling { seen } => {
                after.rows.retain(|row| !seen.contains(row));
                Caller::Idle
            }
        };
        after.callers[index] = caller;
        after.callers.sort_unstable();
        Ok(Some(after))
    }

    fn next(&self, state: &State) -> Result<Vec<State>, LetIn> {
        let mut next = Vec::new();
        self.revoker_steps(state, &mut next);
        for index in 0..state.callers.len() {
            next.extend(self.caller_step(state, index)?);
        }
        if state.now < self.horizon {
            next.push(State { now: state.now + 1, ..state.clone() });
        }
        if state.faults.restarts > 0 {
            // With its data, and without.
            for keys in [state.keys.clone(), Keys { epoch: state.keys.epoch, ..Keys::default() }] {
                let faults = Faults { restarts: state.faults.restarts - 1, ..state.faults };
                next.push(State { run: state.run + 1, keys, faults, ..state.clone() });
            }
        }
        Ok(next)
    }

    /// All states that can be reached, or the caller who is let in.
    fn explore(&self, start: State) -> Result<usize, Box<State>> {
        let mut seen = HashSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some(state) = open.pop() {
            let Ok(next) = self.next(&state) else { return Err(Box::new(state)) };
            for after in next {
                if seen.insert(after.clone()) {
                    open.push(after);
                }
            }
        }
        Ok(seen.len())
    }
}

/// A token that is known and checked since tick 1, two callers, and so many requests.
fn start(requests: u8, faults: Faults) -> State {
    let keys = Keys { run: 1, epoch: 1, remembered: [(1, 1)].into(), check: Some((1, 1 + LEASE)), ..Keys::default() };
    State {
        now: 1,
        run: 1,
        keys,
        revoked: false,
        rows: Vec::new(),
        answered: false,
        revoker: Revoker::Idle,
        callers: vec![Caller::Idle; 2],
        requests,
        faults,
    }
}

/// A start, the number of ticks to explore, and the rules that are needed in it.
fn scenarios() -> Vec<(&'static str, State, u8, &'static [Flaw])> {
    let calm = Faults::default();
    vec![
        ("a revocation", start(3, calm), 4, &[Flaw::PublishForgetsNothing, Flaw::RemembersWhatWasBefore]),
        (
            "a revocation whose instance is killed",
            start(3, Faults { crashes: 1, ..calm }),
            6,
            &[Flaw::IntentLeavesNoFence, Flaw::FenceEndsInSilence],
        ),
        (
            "Redis out of the revoker's reach",
            start(3, Faults { away: 1, ..calm }),
            5,
            &[
                Flaw::AwayIsNotRecorded,
                Flaw::AwayIsAnsweredAtOnce,
                Flaw::MemoryWithoutCheck,
                Flaw::PendingForgetsNothing,
            ],
        ),
        ("its publish fails", start(3, Faults { unpublished: 1, ..calm }), 5, &[Flaw::FailedPublishIsAnswered]),
        ("Redis restarts", start(3, Faults { restarts: 1, ..calm }), 5, &[Flaw::ChecksOfAnyEpoch]),
        (
            "Redis restarts and the instance is killed",
            start(3, Faults { crashes: 1, restarts: 1, ..calm }),
            6,
            &[Flaw::LossLeavesNoFence],
        ),
        (
            "Redis restarts and its publish fails",
            start(3, Faults { unpublished: 1, restarts: 1, ..calm }),
            5,
            &[Flaw::FailedPublishIsAnswered],
        ),
        (
            "Redis restarts, out of the revoker's reach",
            start(3, Faults { away: 1, restarts: 1, ..calm }),
            5,
            &[Flaw::AwayIsNotRecorded],
        ),
    ]
}

#[test]
fn nobody_is_let_in_after_the_answer() {
    for (name, start, horizon, _) in scenarios() {
        let loses = start.faults.restarts > 0;
        match (Model { flaw: Flaw::None, horizon, loses }).explore(start) {
            Ok(states) => eprintln!("{name}: {states} states, nobody let in"),
            Err(state) => panic!("{name}: let in from {state:#?}"),
        }
    }
}

#[test]
fn every_rule_is_needed() {
    for (name, start, horizon, flaws) in scenarios() {
        for flaw in flaws {
            let loses = start.faults.restarts > 0;
            let outcome = Model { flaw: *flaw, horizon, loses }.explore(start.clone());
            assert!(outcome.is_err(), "{name}: nobody let in with {flaw:?}");
        }
    }
}
