//! Postgres: the only place with SQL, one module per table. Every operation is one statement (ARCHITECTURE.md says why).
//!
//! Functions take the [`pg::Pg`] of the instance and a [`Caller`](crate::Caller), whose workspace every statement is bound to;
//! those that are no tenant's business (authentication, the job queue, administration) take a [`Meter`](crate::Meter) instead.
//! Writes take a [`write::Write`] and give a [`write::Written`].

pub mod authentication;
pub mod batch;
pub mod departments;
pub mod employees;
pub mod events;
pub mod export;
pub mod feed;
pub mod invalidations;
pub mod job_queue;
pub mod jobs;
pub mod lists;
pub mod overview;
pub mod page;
pub mod pg;
mod pg_address;
mod pg_checkout;
pub mod pg_down;
mod pg_failure;
mod pg_rows;
pub mod purge;
pub mod readiness;
pub mod stats;
pub mod tags;
mod todo_condition;
mod todo_fields;
pub mod todo_list;
mod todo_listing;
pub mod todo_query;
pub mod todos;
pub mod tokens;
pub mod workspaces;
pub mod write;
