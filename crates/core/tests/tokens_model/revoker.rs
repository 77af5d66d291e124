//! What the revoker may do next.

use crate::model::{FENCE, Flaw, LEASE, Model, REVOKER, Revoker, STATEMENT, State};

/// The steps of the revoker, as they are found.
struct Steps<'a> {
    state: &'a State,
    next: &'a mut Vec<State>,
}

impl Steps<'_> {
    fn add(&mut self, change: impl Fn(&mut State) -> Revoker) {
        let mut after = self.state.clone();
        after.revoker = change(&mut after);
        self.next.push(after);
    }
}

impl Model {
    pub fn revoker_steps(&self, state: &State, next: &mut Vec<State>) {
        let now = state.now;
        let mut steps = Steps { state, next };
        match state.revoker {
            Revoker::Idle => self.start(&mut steps),
            Revoker::Announced { sent, told } => steps.add(|_| Revoker::Running { sent, told, began: now }),
            Revoker::Running { sent, told, began } => {
                if now <= began + STATEMENT && (!told || now < sent + FENCE) {
                    steps.add(|after| {
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
                    steps.add(|after| {
                        after.faults.crashes -= 1;
                        let end = if self.loses { sent + STATEMENT + FENCE } else { sent + FENCE };
                        Revoker::Waiting { until: if told { end } else { at + LEASE } }
                    });
                }
                if told {
                    self.end(&mut steps);
                } else {
                    let wait = if self.is(Flaw::AwayIsAnsweredAtOnce) { 0 } else { LEASE };
                    steps.add(|_| Revoker::Waiting { until: at + wait });
                }
            }
            Revoker::Waiting { until } => {
                if now >= until {
                    steps.add(|after| {
                        after.answered = true;
                        Revoker::Done
                    });
                }
            }
            Revoker::Done => {}
        }
    }

    /// Announces the revocation, or does not know that it has, or has not.
    fn start(&self, steps: &mut Steps<'_>) {
        let now = steps.state.now;
        steps.add(|after| {
            self.announce(after);
            Revoker::Announced { sent: now, told: true }
        });
        for arrives in [false, true] {
            if steps.state.faults.away > 0 {
                steps.add(|after| {
                    after.faults.away -= 1;
                    if arrives {
                        self.announce(after);
                    }
                    Revoker::Announced { sent: now, told: false }
                });
            }
        }
    }

    /// Publishes the revocation that was announced, or fails to and records it.
    fn end(&self, steps: &mut Steps<'_>) {
        let now = steps.state.now;
        steps.add(|after| {
            self.begin(after);
            if !self.is(Flaw::PublishForgetsNothing) {
                after.keys.access = now;
            }
            after.keys.fences.remove(&REVOKER);
            Revoker::Waiting { until: 0 }
        });
        if steps.state.faults.unpublished > 0 {
            steps.add(|after| {
                after.faults.unpublished -= 1;
                if self.is(Flaw::FailedPublishIsAnswered) {
                    return Revoker::Waiting { until: 0 };
                }
                self.record(after);
                Revoker::Waiting { until: now + LEASE }
            });
        }
    }
}
