//! One attempt at a call: on a connection of the pool that is known to be of the current epoch, or on a new one, whose
//! handshake is a part of the call.

use std::sync::Arc;

use spin_sdk::redis::Connection;

use super::Redis;
use super::connection::RedisConnection;
use super::failure::{RedisFailure, broken};
use super::pool::PooledConnection;
use crate::cache::installation::prefix;
use crate::cache::script::{Args, HANDSHAKE, Handshake, Reply, ReplyReader, Script};
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
        let prefix = self.prefix()?;
        let mut connection = match self.known(pooled, &prefix) {
            Some(connection) => connection,
            // Only in a certain epoch: that must be known before.
            None if epoch.is_some() => self.open_with_handshake(meter, prefix).await?,
            None => self.open(prefix).await?,
        };
        if epoch.is_some_and(|epoch| epoch != connection.epoch) {
            pooled.connection = Some(connection);
            return Err(RedisFailure::OtherEpoch);
        }
        let reader = if connection.epoch.is_empty() {
            self.evaluate_with_handshake(meter, &mut connection, script, args).await?
        } else {
            reader(script, self.evaluate(meter, &connection, script, args, connection.epoch.as_str()).await?)?
        };
        pooled.connection = Some(connection);
        Ok(reader)
    }

    /// The connection of a place, or a new one after its handshake.
    pub(super) async fn connect(
        &self,
        meter: &Meter,
        pooled: &mut PooledConnection,
        prefix: Arc<str>,
    ) -> Result<RedisConnection, RedisFailure> {
        match self.known(pooled, &prefix) {
            Some(connection) => Ok(connection),
            None => self.open_with_handshake(meter, prefix).await,
        }
    }

    /// A script on a connection without a handshake, in an instance that does not know the prefix of its keys: that is
    /// `start` and the id of the installation, which is looked up under `memory`. `None` if it is not there.
    pub(super) async fn attempt_first(
        &self,
        meter: &Meter,
        pooled: &mut PooledConnection,
        script: &Script,
        args: &Args,
        (start, memory): (&str, &str),
    ) -> Result<Option<ReplyReader>, RedisFailure> {
        let mut connection = self.open(start.into()).await?;
        let reply = self.evaluate(meter, &connection, script, args, &format!("handshake {memory}")).await?;
        if let [Reply::Bytes(first)] = reply.as_slice()
            && first == b"unknown installation"
        {
            return Ok(None);
        }
        let reader = reader(script, reply)?;
        let Handshake { epoch, installation } = handshake(&reader)?;
        connection.epoch.clone_from(epoch);
        connection.prefix = prefix(start, installation).into();
        *lock(&self.prefix) = Some(Arc::clone(&connection.prefix));
        pooled.connection = Some(connection);
        Ok(Some(reader))
    }

    /// The connection of a place, if there is one whose handshake was for this prefix.
    fn known(&self, pooled: &mut PooledConnection, prefix: &Arc<str>) -> Option<RedisConnection> {
        pooled.connection.take().filter(|connection| connection.prefix == *prefix)
    }

    /// A connection without a handshake yet.
    async fn open(&self, prefix: Arc<str>) -> Result<RedisConnection, RedisFailure> {
        let connection = Connection::open(&self.url).await.map_err(broken)?;
        Ok(RedisConnection { connection, epoch: String::new(), prefix })
    }

    /// A connection after a handshake that was a call of its own.
    async fn open_with_handshake(&self, meter: &Meter, prefix: Arc<str>) -> Result<RedisConnection, RedisFailure> {
        let mut connection = self.open(prefix).await?;
        self.evaluate_with_handshake(meter, &mut connection, &HANDSHAKE, &Args::new()).await?;
        Ok(connection)
    }

    /// Runs a script that begins with the handshake of its connection.
    async fn evaluate_with_handshake(
        &self,
        meter: &Meter,
        connection: &mut RedisConnection,
        script: &Script,
        args: &Args,
    ) -> Result<ReplyReader, RedisFailure> {
        let memory = lock(&self.memory).clone();
        let words = memory.map_or("handshake".to_owned(), |(key, id)| format!("handshake {key} {id}"));
        let reader = reader(script, self.evaluate(meter, connection, script, args, &words).await?)?;
        connection.epoch.clone_from(&handshake(&reader)?.epoch);
        Ok(reader)
    }

    /// Runs a script after the arguments that all have: `epoch` is that of the connection, or asks for a handshake.
    async fn evaluate(
        &self,
        meter: &Meter,
        connection: &RedisConnection,
        script: &Script,
        args: &Args,
        epoch: &str,
    ) -> Result<Vec<Reply>, RedisFailure> {
        let common = Args::new().with(connection.prefix.as_bytes()).with(epoch).number(self.fence_ttl.as_micros());
        connection.evaluate(meter, script, common.0.iter().chain(&args.0)).await.map_err(broken)
    }
}

fn reader(script: &Script, reply: Vec<Reply>) -> Result<ReplyReader, RedisFailure> {
    ReplyReader::new(reply).ok_or_else(|| {
        RedisFailure::Broken(format!("{}: the server has another epoch, or answered with an error", script.name))
    })
}

fn handshake(reader: &ReplyReader) -> Result<&Handshake, RedisFailure> {
    reader.handshake().ok_or_else(|| RedisFailure::Broken("handshake: no epoch".to_owned()))
}
