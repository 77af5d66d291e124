//! What Redis, Postgres, the revoker and the callers are in, what is done to Redis, and the search through all that
//! follows.

use std::collections::{BTreeMap, HashSet};

pub const LEASE: u8 = 1;
pub const STATEMENT: u8 = 1;
pub const FENCE: u8 = 2;
pub const REVOKER: u8 = 0;
pub const LOST: u8 = 1;

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
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
pub struct Faults {
    pub away: u8,
    pub unpublished: u8,
    pub crashes: u8,
    pub restarts: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Keys {
    pub run: u8,
    pub epoch: u8,
    /// When a token was last revoked.
    pub access: u8,
    pub fences: BTreeMap<u8, u8>,
    /// Of an epoch: since when the token is known.
    pub remembered: BTreeMap<u8, u8>,
    /// The epoch of the last check, and until when it is good.
    pub check: Option<(u8, u8)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revoker {
    Idle,
    Announced { sent: u8, told: bool },
    Running { sent: u8, told: bool, began: u8 },
    Committed { sent: u8, told: bool, at: u8 },
    Waiting { until: u8 },
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Caller {
    Idle,
    Stranger {
        epoch: u8,
    },
    /// `asked`: when the store was.
    Checked {
        asked: u8,
        epoch: u8,
        valid: bool,
        seen: Vec<u8>,
    },
    Settling {
        seen: Vec<u8>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub now: u8,
    pub run: u8,
    pub keys: Keys,
    /// Whether Postgres has the token as revoked, and the pending invalidations.
    pub revoked: bool,
    pub rows: Vec<u8>,
    pub answered: bool,
    pub revoker: Revoker,
    pub callers: Vec<Caller>,
    pub requests: u8,
    pub faults: Faults,
}

/// A caller who is let in after the answer, as the last step of a history.
pub struct LetIn;

pub struct Model {
    pub flaw: Flaw,
    pub horizon: u8,
    pub loses: bool,
}

impl Model {
    pub fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// What every script begins with.
    pub fn begin(&self, state: &mut State) {
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

    pub fn announce(&self, state: &mut State) {
        self.begin(state);
        if !self.is(Flaw::IntentLeavesNoFence) {
            state.keys.fences.insert(REVOKER, state.now + FENCE);
        }
    }

    pub fn record(&self, state: &mut State) {
        if !self.is(Flaw::AwayIsNotRecorded) {
            state.rows.push(state.now);
        }
    }

    pub fn caller_step(&self, state: &State, index: usize) -> Result<Option<State>, LetIn> {
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
                    Caller::Stranger { epoch: keys.epoch }
                }
            }
            Caller::Stranger { epoch } => {
                Caller::Checked { asked: now, epoch: *epoch, valid: !state.revoked, seen: state.rows.clone() }
            }
            Caller::Checked { asked, epoch, valid, seen } => {
                self.begin(&mut after);
                let keys = &mut after.keys;
                if !seen.is_empty() && !self.is(Flaw::PendingForgetsNothing) {
                    keys.access = now;
                }
                let is_same = *epoch == keys.epoch || self.is(Flaw::ChecksOfAnyEpoch);
                if is_same && asked + LEASE > now {
                    let until = keys.check.map_or(0, |(_, until)| until).max(asked + LEASE);
                    keys.check = Some((keys.epoch, until));
                    if *valid && (*asked > keys.access || self.is(Flaw::RemembersWhatWasBefore)) {
                        let since = if self.is(Flaw::RemembersWhatWasBefore) { now + 1 } else { *asked };
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

    pub fn next(&self, state: &State) -> Result<Vec<State>, LetIn> {
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
    pub fn explore(&self, start: State) -> Result<usize, Box<State>> {
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
