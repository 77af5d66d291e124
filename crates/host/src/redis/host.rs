//! The interface itself.

use std::sync::Arc;

use ::redis::{AsyncCommands, ErrorKind, RedisError};
use wasmtime::component::{Accessor, Resource};

use super::Connection;
use super::client::{open, other};
use super::reply::{Reply, memory};
use crate::bindings::redis::{self as wit, Error, Payload, RedisParameter, RedisResult};
use crate::counters::bump;
use crate::state::{Spin, State};

/// The most that one answer may occupy in the host, in bytes, as in Spin.
const MAX_BUFFERED: usize = 128 << 20;

impl wit::Host for State {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl wit::HostConnection for State {
    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> wit::HostConnectionWithStore<T> for Spin {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Result<Resource<Connection>, Error> {
        let shared = accessor.with(|mut access| Arc::clone(&access.get().shared));
        let connection = Connection(open(&shared, &address).await?);
        accessor.with(|mut access| {
            let pushed = access.get().table.push(connection);
            pushed.map_err(|_| Error::TooManyConnections)
        })
    }

    async fn publish(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        channel: String,
        payload: Payload,
    ) -> Result<(), Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        redis.publish(channel, payload).await.map_err(other)
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
    ) -> Result<Option<Payload>, Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        let value: Option<Payload> = redis.get(key).await.map_err(other)?;
        ensure_fits(value.as_ref().map_or(0, Vec::len))?;
        Ok(value)
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
        value: Payload,
    ) -> Result<(), Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        redis.set(key, value).await.map_err(other)
    }

    async fn incr(accessor: &Accessor<T, Self>, connection: Resource<Connection>, key: String) -> Result<i64, Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        redis.incr(key, 1).await.map_err(other)
    }

    async fn del(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        keys: Vec<String>,
    ) -> Result<u32, Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        redis.del(keys).await.map_err(other)
    }

    async fn sadd(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Result<u32, Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        redis.sadd(key, values).await.map_err(typed)
    }

    async fn smembers(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
    ) -> Result<Vec<String>, Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        redis.smembers(key).await.map_err(other)
    }

    async fn srem(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Result<u32, Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        redis.srem(key, values).await.map_err(other)
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Result<Vec<RedisResult>, Error> {
        let Connection(mut redis) = connection_of(accessor, &connection)?;
        let mut command = ::redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => command.arg(number),
                RedisParameter::Binary(bytes) => command.arg(bytes),
            };
        }
        let Reply(reply) = command.query_async(&mut redis).await.map_err(other)?;
        ensure_fits(memory(&reply))?;
        Ok(reply)
    }
}

/// Finds the connection for a command, which is thereby counted.
fn connection_of<T: Send>(
    accessor: &Accessor<T, Spin>,
    connection: &Resource<Connection>,
) -> Result<Connection, Error> {
    accessor.with(|mut access| {
        let state = access.get();
        bump(&state.shared.counters.redis_calls);
        let found = state.table.get(connection).cloned();
        found.map_err(|_| Error::Other("could not find connection for resource".into()))
    })
}

fn typed(error: RedisError) -> Error {
    match error.kind() {
        ErrorKind::TypeError => Error::TypeError,
        _ => other(error),
    }
}

fn ensure_fits(bytes: usize) -> Result<(), Error> {
    if bytes <= MAX_BUFFERED {
        return Ok(());
    }
    Err(Error::Other(format!("query result exceeds limit of {MAX_BUFFERED} bytes")))
}
