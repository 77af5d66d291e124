//! `spin:postgres@4.2.0`: the interface in `host`, pools and statements in `client`, the limit of connections in
//! `limit`, values in `types`, errors in `error`.

mod client;
mod error;
mod host;
mod limit;
mod stream;
mod types;

pub(crate) use client::Pools;
pub(crate) use limit::ConnectionLimit;

/// What a `connection` resource stands for: one connection of the component's pool until the resource is dropped.
#[derive(Clone)]
pub struct Connection(client::PooledClient);

/// What a `connection-builder` resource stands for.
#[derive(Clone)]
pub struct ConnectionBuilder {
    address: String,
    ca_root: Option<String>,
}
