//! The protocol: what is done to the keys of Redis, what happens to the world, and the search through all that follows.

use std::collections::HashSet;

use crate::state::{FENCE, FOREIGN, Faults, Flaw, Keys, LEASE, LOST, ReaderState, STATEMENT, State, WINDOW, Writer};

/// A stale hit, as the last step of a history.
pub struct Stale;

pub struct Model {
    pub flaw: Flaw,
    pub horizon: u8,
    /// Whether Redis may lose fences.
    pub loses: bool,
}

impl Model {
    pub fn handshake(&self, state: &mut State) {
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
    pub fn generation(&self, state: &mut State) -> u8 {
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

    pub fn raise(&self, state: &mut State) {
        let generation = self.generation(state);
        state.keys.generation = Some(generation + 1);
        state.generations = state.generations.max(generation + 1);
        if self.flaw != Flaw::FormerDespiteAWrite {
            state.keys.former = None;
        }
    }

    pub fn announce(&self, state: &mut State, writer: usize) {
        self.generation(state);
        if self.flaw != Flaw::IntentLeavesNoFence {
            state.keys.fences.insert(u8::try_from(writer).unwrap(), state.now + FENCE);
        }
    }

    pub fn publish(&self, state: &mut State, writer: usize) {
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

    /// Takes the announcement of a write back whose statement certainly changed nothing.
    pub fn withdraw(&self, state: &mut State, writer: usize) {
        self.generation(state);
        match self.flaw {
            Flaw::WithdrawalTakesAllFences => state.keys.fences.clear(),
            _ => drop(state.keys.fences.remove(&u8::try_from(writer).unwrap())),
        }
    }

    pub fn look_up(&self, state: &mut State, floor: u8) -> Result<ReaderState, Stale> {
        let generation = self.generation(state);
        let (epoch, now) = (state.keys.epoch, state.now);
        if state.keys.untrusted > now {
            return Ok(ReaderState::Idle);
        }
        let is_stale = |version: &u8| *version < floor || *version == FOREIGN;
        let former = state.keys.former.filter(|(_, until)| *until > now);
        if let Some((former, _)) = former
            && state.keys.entries.get(&(epoch, former)).is_some_and(is_stale)
        {
            // It is served until somebody has fetched anew.
            return Err(Stale);
        }
        match state.keys.entries.get(&(epoch, generation)) {
            Some(version) if is_stale(version) => Err(Stale),
            Some(_) => Ok(ReaderState::Idle),
            None => Ok(ReaderState::Ticket { epoch, generation }),
        }
    }

    /// Whether the writer must wait, and which older row is kept until its statement ends, in place of a new one.
    pub fn record_invalidation(&self, state: &State) -> (bool, u8) {
        let ripe = if self.flaw == Flaw::RowsRipenEarly { LEASE } else { LEASE + STATEMENT };
        match state.rows.iter().find(|(_, inserted)| **inserted + ripe <= state.now) {
            Some((id, _)) => (false, *id),
            None => (self.flaw != Flaw::AwayIsAnsweredAtOnce, 0),
        }
    }

    /// Another installation on the same Redis stores what it knows of a workspace with the same number.
    fn store_foreign(&self, state: &mut State) {
        if self.flaw == Flaw::KeysWithoutInstallation {
            let generation = self.generation(state);
            state.keys.entries.insert((state.keys.epoch, generation), FOREIGN);
        }
    }

    /// A backup takes the place of the database, which nobody writes to meanwhile. Its state is counted as a later
    /// version, since all that Redis has is of a world that was lost. Instances that have not heard of the new id use
    /// keys that nobody else reads.
    fn restore(&self, state: &mut State) {
        state.version += 1;
        state.answered = state.version;
        state.rows.clear();
        state.writers.iter_mut().filter(|writer| **writer != Writer::Idle).for_each(|writer| *writer = Writer::Done);
        if self.flaw != Flaw::RestoreKeepsInstallation {
            state.readers.fill(ReaderState::Idle);
            (state.keys, state.saved) = (Keys::default(), Keys::default());
        }
    }

    pub fn world_steps(&self, state: &State, next: &mut Vec<State>) {
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

    /// What happens to the databases: another one uses the same Redis, or a backup takes the place of ours.
    fn database_steps(&self, state: &State, next: &mut Vec<State>) {
        if state.faults.foreign > 0 {
            let mut after = state.clone();
            after.faults.foreign -= 1;
            self.store_foreign(&mut after);
            next.push(after);
        }
        if state.faults.restores > 0 {
            let mut after = state.clone();
            after.faults.restores -= 1;
            self.restore(&mut after);
            next.push(after);
        }
    }

    pub fn next(&self, state: &State) -> Result<Vec<State>, Stale> {
        let mut next = Vec::new();
        for index in 0..state.writers.len() {
            self.writer_steps(state, index, &mut next);
        }
        for index in 0..state.readers.len() {
            next.extend(self.reader_step(state, index)?);
        }
        self.world_steps(state, &mut next);
        self.database_steps(state, &mut next);
        Ok(next)
    }

    pub fn new(flaw: Flaw, horizon: u8, start: &State) -> Self {
        let Faults { restarts, evictions, flushes, .. } = start.faults;
        Self { flaw, horizon, loses: restarts + evictions + flushes > 0 }
    }

    /// All states that can be reached, or the stale hit.
    pub fn explore(&self, start: State) -> Result<usize, Box<State>> {
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
