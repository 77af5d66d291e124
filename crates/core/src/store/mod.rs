//! Postgres: the only place with SQL, one module per table. Every operation is one statement (ARCHITECTURE.md says
//! why), but for exports, which read in chunks, and some pages of workspaces with archived lists (`todos/list.rs`).
//!
//! Functions take the [`pg::Pg`] of the instance and a [`Caller`](crate::Caller), whose workspace every statement is
//! bound to; those that are no tenant's business (authentication, the job queue, administration) take a
//! [`Meter`](crate::Meter) instead. Writes take a [`write::Write`] and give a [`write::Written`].

pub mod authentication;
pub mod departments;
pub mod employees;
pub mod events;
pub mod feed;
pub mod invalidations;
pub mod jobs;
pub mod lists;
pub mod page;
pub mod pg;
pub mod readiness;
pub mod tags;
pub mod todos;
pub mod tokens;
pub mod workspaces;
pub mod write;
