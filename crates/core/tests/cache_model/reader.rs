//! What a reader does next.

use crate::protocol::{Model, Stale};
use crate::state::{Flaw, LEASE, ReaderState, State, Writer};

impl Model {
    /// The state after the reader's step, unless it has none now.
    pub fn reader_step(&self, state: &State, index: usize) -> Result<Option<State>, Stale> {
        let mut after = state.clone();
        let reader = match &state.readers[index] {
            ReaderState::Idle => {
                if state.requests == 0 {
                    return Ok(None);
                }
                self.come(&mut after)?
            }
            ReaderState::Stranger { epoch, floor } => self.check(state, *epoch, *floor),
            ReaderState::Checked { asked, epoch, floor, seen, held } => {
                self.note(&mut after, *asked, *epoch, !seen.is_empty());
                if !seen.is_empty() {
                    ReaderState::Settled { seen: seen.iter().copied().filter(|id| !held.contains(id)).collect() }
                } else if is_checked(&after) {
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
                self.store(&mut after, (*epoch, *generation), *version);
                ReaderState::Idle
            }
        };
        after.readers[index] = reader;
        Ok(Some(after))
    }

    /// A request comes in, and finds a check that is good, or has to make one.
    fn come(&self, after: &mut State) -> Result<ReaderState, Stale> {
        after.requests -= 1;
        self.handshake(after);
        let (floor, epoch) = (after.answered, after.keys.epoch);
        if is_checked(after) {
            return self.look_up(after, floor);
        }
        Ok(ReaderState::Stranger { epoch, floor })
    }

    /// Reads which rows are pending, however long the statement has waited for its connection.
    fn check(&self, state: &State, epoch: u8, floor: u8) -> ReaderState {
        let seen = state.rows.keys().copied().collect();
        let late = |writer: &Writer| match writer {
            Writer::Late { row, .. } if self.flaw != Flaw::UnknownIsSettledBeforeItsEnd => Some(*row),
            _ => None,
        };
        let held = state.writers.iter().filter_map(late).collect();
        ReaderState::Checked { asked: state.now, epoch, floor, seen, held }
    }

    /// Tells Redis of a check and of whether something was pending.
    fn note(&self, after: &mut State, asked: u8, epoch: u8, is_pending: bool) {
        self.handshake(after);
        if is_pending && self.flaw != Flaw::SettlesWithoutGeneration {
            self.raise(after);
        }
        let until = if self.flaw == Flaw::CheckFromItsEnd { after.now + LEASE } else { asked + LEASE };
        if epoch == after.keys.epoch && until > after.now {
            after.keys.check = Some((epoch, after.keys.check.map_or(until, |(_, other)| other.max(until))));
            if is_pending && self.flaw != Flaw::ServedDespitePending {
                after.keys.untrusted = after.keys.untrusted.max(until);
            }
        }
    }

    /// Stores what was fetched, if its ticket is still good.
    fn store(&self, after: &mut State, ticket: (u8, u8), version: u8) {
        // This may change the epoch, so it comes first.
        let generation = self.generation(after);
        let current = (after.keys.epoch, generation);
        if self.flaw == Flaw::StoreTrustsItsTicket {
            after.keys.entries.insert(current, version);
        } else if ticket == current {
            after.keys.entries.insert(ticket, version);
        }
    }
}

/// Whether a check of this epoch is still good.
fn is_checked(state: &State) -> bool {
    state.keys.check.is_some_and(|(checked, until)| checked == state.keys.epoch && until > state.now)
}
