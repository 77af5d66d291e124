//! `spin:redis@3.0.0`: connections in `client`, the interface in `host`, replies in `reply`.
//!
//! As in Spin there is no pool and no timeout, a connection never reconnects, and its socket keeps Nagle's algorithm.

mod client;
mod host;
mod reply;

/// What a `connection` resource stands for: one TCP connection, shared by concurrent calls.
#[derive(Clone)]
pub struct Connection(::redis::aio::MultiplexedConnection);
