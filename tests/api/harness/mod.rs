//! What the tests stand on: a server, a workspace of one's own, answers that can be asserted on.

pub mod adoption;
pub mod answer;
pub mod client;
pub mod completeness;
pub mod contract;
pub mod database;
pub mod follower;
pub mod generated;
pub mod hostile;
pub mod mcp;
pub mod mirror;
pub mod random;
pub mod raw;
pub mod record;
pub mod replaced;
pub mod schema;
pub mod server;
pub mod suite;
pub mod targets;
pub mod workspace;

pub use answer::Answer;
pub use client::{Call, Client};
pub use server::{Options, Server, changed, with_parameter};
pub use workspace::{Workspace, id, unique, uuid};

pub(crate) use suite::suite;
