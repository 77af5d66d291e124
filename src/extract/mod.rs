//! Extractors: each yields a value that cannot be wrong, or a `Problem` that names every fault.

pub mod body;
pub mod caller;
pub mod conditional;
pub mod fields;
pub mod idempotency;
pub mod negotiation;
pub mod page;
pub mod path;
pub mod query;
pub mod unique;
