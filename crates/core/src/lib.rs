//! The todo service without HTTP: what a todo is, what can be done with it, and how that reaches Postgres and Redis.
//!
//! * [`domain`] parses input into types that cannot be wrong. It does no I/O.
//! * [`usecases`] decide. HTTP handlers and the worker call nothing else.
//! * `store` is the only caller of Postgres, and nobody outside sees it. [`cache`] is the only caller of Redis; outside
//!   only its types are used, and its scripts by tests.
//!
//! Nothing here knows an HTTP status or a version of the API.

pub mod cache;
pub mod caller;
mod concurrency;
pub mod deadline;
pub mod domain;
pub mod error;
mod lock;
pub mod log;
mod queue;
mod store;
pub mod usecases;

pub use caller::{Actor, Announced, Caller, Meter, WorkspaceId};
pub use error::{Error, Result};
pub use lock::lock;
