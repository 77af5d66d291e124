//! A model of the cache protocol (`todo_core::cache`), explored exhaustively: every interleaving of a few writers and
//! readers with cut connections, lost replies, killed instances, evictions, flushes and restarts of Redis with its
//! data, with older data and without any. The claim: no hit is ever older than the last write that was answered before
//! its request came in, nor older than a write whose instance was killed after the commit, once the life of its fence
//! is over (or twice that, if Redis lost the fence). A repetition of a write that finds it done is answered like the
//! write itself. A write that was given up and committed later is seen once its record has stood for the life of a
//! check.
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

mod protocol;
mod reader;
mod scenarios;
mod state;
mod writer;

use protocol::Model;
use scenarios::scenarios;
use state::Flaw;

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
