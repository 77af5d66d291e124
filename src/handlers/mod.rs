//! One file per resource, in the newest shape; `v1.rs` holds the shims of the deprecated version. A handler translates
//! and decides nothing; its name is the OpenAPI operation id.

pub mod admin;
pub mod batch;
pub mod bulk;
pub mod changes;
pub mod departments;
pub mod employees;
pub mod events;
pub mod export;
pub mod health;
pub mod jobs;
pub mod lists;
pub mod mcp;
pub mod me;
pub mod metrics;
pub mod openapi;
pub mod root;
pub mod stats;
pub mod tags;
pub mod todobackend;
pub mod todos;
pub mod v1;
