//! One file per concern; their order is in `router.rs`.

pub mod access_log;
pub mod auth;
pub mod client;
pub mod cors;
pub mod deprecation;
pub mod errors;
pub mod gate;
pub mod limits;
pub mod metrics;
pub mod representation;
pub mod request_id;
pub mod security_headers;
