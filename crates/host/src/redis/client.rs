//! Opening connections.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo};

use crate::bindings::redis::Error;
use crate::counters::bump;
use crate::state::Shared;

/// Checks the address against the manifest, then connects.
pub(super) async fn open(shared: &Shared, address: &str) -> Result<MultiplexedConnection, Error> {
    if !shared.allowed_hosts.allow(address, "redis") {
        return Err(Error::InvalidAddress);
    }
    let info = address.into_connection_info().map_err(|_| Error::InvalidAddress)?;
    let client = Client::open(info).map_err(|_| Error::InvalidAddress)?;
    bump(&shared.counters.redis_opens);
    let config = match shared.faults.redis_resolver() {
        Some(resolver) => AsyncConnectionConfig::new().set_dns_resolver(resolver),
        None => AsyncConnectionConfig::new(),
    };
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(other)
}

/// Any failure that the interface has no name for.
pub(super) fn other(error: redis::RedisError) -> Error {
    Error::Other(error.to_string())
}
