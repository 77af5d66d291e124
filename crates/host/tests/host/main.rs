//! todo-host against a component that does what it is told: each interface, its errors, and the host's own behaviour.
//!
//! `cargo xtask test` builds the component (`todo-host-probe`) and sets `DATABASE_URL` and `REDIS_URL`. By hand, set
//! those and, if the component is elsewhere, `TODO_HOST_PROBE`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may")]

mod client;
mod faults;
mod fixture;
mod http;
mod instances;
mod network;
mod postgres;
mod postgres_types;
mod redis;
mod startup;
