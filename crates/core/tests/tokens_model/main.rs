//! A model of what Redis remembers of a token (`todo_core::cache`, rules 3 to 6), explored exhaustively as
//! `cache_model/` does for responses: a revocation, callers who use the token, and a Redis that is cut off, flushed or
//! restarted between any two steps. The claim: no request that comes in after the revocation was answered is let in on
//! what Redis remembers. Whoever Postgres let in before it was committed is not its business.
//!
//! Each rule is also left out in turn, and each time the checker has to find the caller who is let in.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]
#![allow(clippy::indexing_slicing, clippy::print_stderr, reason = "a test tells what it explored")]

mod model;
mod revoker;

use model::{Caller, Faults, Flaw, Keys, LEASE, Model, Revoker, State};

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
