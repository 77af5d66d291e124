//! What a writer may do next.

use crate::protocol::Model;
use crate::state::{FENCE, Flaw, LEASE, STATEMENT, State, WINDOW, Writer};

/// The steps of one writer, as they are found.
struct Steps<'a> {
    state: &'a State,
    index: usize,
    next: &'a mut Vec<State>,
}

impl Steps<'_> {
    fn add(&mut self, change: impl Fn(&mut State) -> Writer) {
        let mut after = self.state.clone();
        after.writers[self.index] = change(&mut after);
        self.next.push(after);
    }
}

impl Model {
    pub fn writer_steps(&self, state: &State, index: usize, next: &mut Vec<State>) {
        let mut steps = Steps { state, index, next };
        match state.writers[index] {
            Writer::Idle => self.begin(&mut steps),
            Writer::Announced { sent, told } => self.send(&mut steps, sent, told),
            Writer::Running { sent, told, row, wait, .. } if state.is_repetition(index) => {
                self.repeat(&mut steps, sent, told, row, wait);
            }
            Writer::Running { sent, told, began, row, wait, .. } => {
                self.commit(&mut steps, sent, told, began, row, wait);
            }
            Writer::Committed { sent, told, version, at, wait } => {
                self.crash(&mut steps, sent, told, version, at);
                if told {
                    self.end(&mut steps, version);
                } else {
                    steps.add(|_| Writer::Waiting { version, until: if wait { at + LEASE } else { at } });
                }
            }
            Writer::Late { row: _, recorded } => steps.add(|after| {
                after.version += 1;
                Writer::Waiting { version: after.version, until: recorded + LEASE }
            }),
            Writer::Waiting { version, until } => {
                if state.now >= until {
                    steps.add(|after| {
                        after.answered = after.answered.max(version);
                        Writer::Done
                    });
                }
            }
            Writer::Done => {}
        }
    }

    /// Announces the write, or does not know that it has, or has not.
    fn begin(&self, steps: &mut Steps<'_>) {
        let (now, index) = (steps.state.now, steps.index);
        steps.add(|after| {
            self.announce(after, index);
            Writer::Announced { sent: now, told: true }
        });
        if steps.state.faults.away > 0 {
            steps.add(|after| {
                after.faults.away -= 1;
                Writer::Announced { sent: now, told: false }
            });
            steps.add(|after| {
                after.faults.away -= 1;
                self.announce(after, index);
                Writer::Announced { sent: now, told: false }
            });
        }
    }

    /// Sends the statement, with a row that records the write where Redis could not be told of it.
    fn send(&self, steps: &mut Steps<'_>, sent: u8, told: bool) {
        let now = steps.state.now;
        steps.add(|after| {
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
        });
    }

    /// While the first attempt runs, a repetition is refused. Later it finds the key, and writes nothing.
    fn repeat(&self, steps: &mut Steps<'_>, sent: u8, told: bool, row: u8, wait: bool) {
        let now = steps.state.now;
        if steps.state.version > 0 {
            steps.add(|after| {
                if row > 0 && self.flaw != Flaw::ReplayRecordsNothing {
                    after.rows.insert(row, now);
                }
                Writer::Committed { sent, told, version: after.version, at: now, wait }
            });
        }
    }

    /// Commits, fails, or gives up and may be committed later.
    fn commit(&self, steps: &mut Steps<'_>, sent: u8, told: bool, began: u8, row: u8, wait: bool) {
        let (now, index) = (steps.state.now, steps.index);
        if steps.state.faults.unknown > 0 {
            steps.add(|after| {
                after.faults.unknown -= 1;
                if self.flaw == Flaw::UnknownIsTakenForFailed {
                    self.withdraw(after, index);
                    return Writer::Late { row: 0, recorded: now };
                }
                after.ids += 1;
                if self.flaw != Flaw::UnknownIsNotRecorded {
                    after.rows.insert(after.ids, now);
                }
                Writer::Late { row: after.ids, recorded: now }
            });
        }
        if steps.state.faults.failed > 0 {
            steps.add(|after| {
                after.faults.failed -= 1;
                if told {
                    self.withdraw(after, index);
                }
                Writer::Done
            });
        }
        if now <= began + STATEMENT && (!told || now < sent + FENCE) {
            steps.add(|after| {
                after.version += 1;
                if row > 0 {
                    after.rows.insert(row, began);
                }
                Writer::Committed { sent, told, version: after.version, at: now, wait }
            });
        }
    }

    /// Is killed after the commit. What a killed repetition had found is another's write.
    fn crash(&self, steps: &mut Steps<'_>, sent: u8, told: bool, version: u8, at: u8) {
        if steps.state.faults.crashes > 0 && !steps.state.is_repetition(steps.index) {
            steps.add(|after| {
                after.faults.crashes -= 1;
                // Nobody answers, but this is when the write has to be seen all the same. A fence that Redis lost is
                // followed by another one, no later than the commit.
                let end = if self.loses { sent + STATEMENT + FENCE } else { sent + FENCE };
                Writer::Waiting { version, until: if told { end } else { at + LEASE } }
            });
        }
    }

    /// Publishes the write that was announced, or fails to and records it.
    fn end(&self, steps: &mut Steps<'_>, version: u8) {
        let (state, index) = (steps.state, steps.index);
        let now = state.now;
        steps.add(|after| {
            if self.flaw != Flaw::ReplayPublishesNothing || !state.is_repetition(index) {
                self.publish(after, index);
            }
            Writer::Waiting { version, until: if state.is_background(index) { now + WINDOW } else { 0 } }
        });
        if state.faults.unpublished > 0 {
            steps.add(|after| {
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
}
