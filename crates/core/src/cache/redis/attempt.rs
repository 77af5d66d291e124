//! One attempt at a call: on a connection of the pool that is known to be of the current epoch, or on a new one.

use std::sync::Arc;

use spin_sdk::redis::Connection;

use super::Redis;
use super::connection::RedisConnection;
use super::failure::{RedisFailure, broken};
use super::pool::PooledConnection;
use crate::cache::script::{Args, HANDSHAKE, ReplyReader, Script};
use crate::{Meter, lock};

impl Redis {
    /// While the connection is out of `pooled`, dropping it (a failure, an overrun, a request that went away) closes
    /// it.
    pub(super) async fn attempt(
        &self,
        meter: &Meter,
        pooled: &mut PooledConnection,
        script: &Script,
        args: &Args,
        epoch: Option<&str>,
    ) -> Result<ReplyReader, RedisFailure> {
        let connection = self.connect(meter, pooled, self.prefix()?).await?;
        if epoch.is_some_and(|epoch| epoch != connection.epoch) {
            pooled.connection = Some(connection);
            return Err(RedisFailure::OtherEpoch);
        }
        let common = Args::new()
            .with(connection.prefix.as_bytes())
            .with(connection.epoch.as_str())
            .number(self.fence_ttl.as_micros());
        let reply = connection.evaluate(meter, script, common.0.iter().chain(&args.0)).await.map_err(broken)?;
        let reader = ReplyReader::new(reply).ok_or_else(|| {
            RedisFailure::Broken(format!("{}: the server has another epoch, or answered with an error", script.name))
        })?;
        pooled.connection = Some(connection);
        Ok(reader)
    }

    /// The connection of a place, or a new one.
    pub(super) async fn connect(
        &self,
        meter: &Meter,
        pooled: &mut PooledConnection,
        prefix: Arc<str>,
    ) -> Result<RedisConnection, RedisFailure> {
        match pooled.connection.take().filter(|connection| connection.prefix == prefix) {
            Some(connection) => Ok(connection),
            None => {
                let mut connection = self.open().await?;
                self.handshake(meter, &mut connection, prefix).await?;
                Ok(connection)
            }
        }
    }

    /// A connection without a handshake yet.
    pub(super) async fn open(&self) -> Result<RedisConnection, RedisFailure> {
        let connection = Connection::open(&self.url).await.map_err(broken)?;
        Ok(RedisConnection { connection, epoch: String::new(), prefix: "".into() })
    }

    pub(super) async fn handshake(
        &self,
        meter: &Meter,
        connection: &mut RedisConnection,
        prefix: Arc<str>,
    ) -> Result<(), RedisFailure> {
        connection.prefix = prefix;
        let memory = lock(&self.memory).clone().unwrap_or_default();
        let args = Args::new().with(connection.prefix.as_bytes()).number(self.fence_ttl.as_micros());
        let args = args.with(memory.0).with(memory.1);
        let reply = connection.evaluate(meter, &HANDSHAKE, args.0.iter()).await.map_err(broken)?;
        let epoch = ReplyReader::new(reply)
            .and_then(|mut reader| reader.bytes()?)
            .and_then(|epoch| String::from_utf8(epoch).ok());
        connection.epoch = epoch.ok_or_else(|| RedisFailure::Broken("handshake: no epoch".to_owned()))?;
        Ok(())
    }
}
