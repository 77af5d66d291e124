//! What the model is in: Redis, Postgres, the writers and the readers, and what may still happen.

use std::collections::BTreeMap;

pub const LEASE: u8 = 1;
pub const STATEMENT: u8 = 1;
pub const FENCE: u8 = 2;
pub const LOST: u8 = u8::MAX;
/// How long what a background write has made stale is served until somebody has fetched anew.
pub const WINDOW: u8 = 1;
/// What another installation has stored, in place of a version: no reader may ever see it.
pub const FOREIGN: u8 = u8::MAX;

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
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
    UnknownIsTakenForFailed,
    WithdrawalTakesAllFences,
    KeysWithoutInstallation,
    RestoreKeepsInstallation,
}

/// What may happen, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    pub away: u8,
    pub unpublished: u8,
    pub crashes: u8,
    pub unknown: u8,
    /// Statements that certainly change nothing.
    pub failed: u8,
    pub restarts: u8,
    pub snapshots: u8,
    pub evictions: u8,
    pub flushes: u8,
    /// Answers that another installation stores for a workspace of the same number.
    pub foreign: u8,
    /// Databases that are replaced by a backup.
    pub restores: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Keys {
    pub run: u8,
    pub epoch: u8,
    pub generation: Option<u8>,
    pub fences: BTreeMap<u8, u8>,
    /// The generation before the last background write, and until when it may be served.
    pub former: Option<(u8, u8)>,
    pub entries: BTreeMap<(u8, u8), u8>,
    /// The epoch of the last check, and until when it is good.
    pub check: Option<(u8, u8)>,
    /// Until when nothing is served because a check found something pending.
    pub untrusted: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Writer {
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
pub enum ReaderState {
    Idle,
    Stranger {
        epoch: u8,
        floor: u8,
    },
    /// `asked`: when the store was; `held`: rows of writers that had not ended.
    Checked {
        asked: u8,
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
pub struct State {
    pub now: u8,
    // Redis
    pub run: u8,
    pub keys: Keys,
    pub saved: Keys,
    pub epochs: u8,
    pub generations: u8,
    // Postgres: the version of the one object, pending invalidations by id with the time of their insertion
    pub version: u8,
    pub rows: BTreeMap<u8, u8>,
    pub ids: u8,
    // The world
    pub answered: u8,
    /// Whether the first writer works in the background: nobody is told of its commit before its publish.
    pub background: bool,
    /// Whether the second writer repeats what the first one did, under one idempotency key.
    pub repeats: bool,
    pub writers: Vec<Writer>,
    pub readers: Vec<ReaderState>,
    pub requests: u8,
    pub faults: Faults,
}

impl State {
    pub fn is_background(&self, writer: usize) -> bool {
        self.background && writer == 0
    }

    pub fn is_repetition(&self, writer: usize) -> bool {
        self.repeats && writer == 1
    }

    /// Forgets what can no longer matter and renames what only has to differ, so that more histories meet. Valid where
    /// the rules hold: there nothing of an earlier generation or epoch is ever used again.
    pub fn simplify(&mut self) {
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
                ReaderState::Stranger { epoch, floor } => {
                    ReaderState::Stranger { epoch: u8::from(epoch == current.0), floor }
                }
                ReaderState::Checked { asked, epoch, floor, seen, held } => {
                    ReaderState::Checked { asked, epoch: u8::from(epoch == current.0), floor, seen, held }
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

pub fn start(writers: usize, readers: usize, requests: u8, faults: Faults) -> State {
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

pub const CALM: Faults = Faults {
    away: 0,
    unpublished: 0,
    crashes: 0,
    unknown: 0,
    failed: 0,
    restarts: 0,
    snapshots: 0,
    evictions: 0,
    flushes: 0,
    foreign: 0,
    restores: 0,
};
