//! The types of the domain. Each is parsed once, at the edge, and cannot be wrong afterwards. Nothing here does I/O.

pub mod access;
pub mod bulk;
pub mod cursor;
pub mod event;
pub mod feed;
pub mod filter;
pub mod id;
pub mod idempotency;
pub mod instant;
pub mod job;
pub mod list;
mod markup;
pub mod overview;
pub mod page;
pub mod people;
mod sanitising;
pub mod stats;
pub mod tag;
pub mod text;
pub mod todo;
pub mod token;
pub mod workspace;
