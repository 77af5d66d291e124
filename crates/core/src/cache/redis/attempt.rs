//! One attempt at a call: on a connection of the pool that is known to be of the current epoch, or on a new one, whose
//! handshake is a part of the call.

use std::sync::Arc;

use spin_sdk::redis::Connection;

use super::Redis;
use super::connection::RedisConnection;
use super::failure::{RedisFailure, broken};
use super::pool::PooledConnection;
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
            None if epoch.is_some() => self.greeted(meter, prefix).await?,
            None => self.open(prefix).await?,
        };
        if epoch.is_some_and(|epoch| epoch != connection.epoch) {
            pooled.connection = Some(connection);
            return Err(RedisFailure::OtherEpoch);
        }
        let reader = if connection.epoch.is_empty() {
            self.greet(meter, &mut connection, script, args).await?
        } else {
            let common = self.common(&connection.prefix, connection.epoch.as_str());
            let reply = connection.evaluate(meter, script, common.0.iter().chain(&args.0)).await.map_err(broken)?;
            read(script, reply)?
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
            None => self.greeted(meter, prefix).await,
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
        let mut connection = self.open("".into()).await?;
        let common = self.common(start, format!("handshake {memory}"));
        let reply = connection.evaluate(meter, script, common.0.iter().chain(&args.0)).await.map_err(broken)?;
        if let [Reply::Bytes(first)] = reply.as_slice()
            && first == b"unknown installation"
        {
            return Ok(None);
        }
        let reader = read(script, reply)?;
        let Handshake { epoch, installation } = told(&reader)?;
        connection.epoch.clone_from(epoch);
        connection.prefix = format!("{start}{installation}:").into();
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
    async fn greeted(&self, meter: &Meter, prefix: Arc<str>) -> Result<RedisConnection, RedisFailure> {
        let mut connection = self.open(prefix).await?;
        self.greet(meter, &mut connection, &HANDSHAKE, &Args::new()).await?;
        Ok(connection)
    }

    /// Runs a script that begins with the handshake of its connection.
    async fn greet(
        &self,
        meter: &Meter,
        connection: &mut RedisConnection,
        script: &Script,
        args: &Args,
    ) -> Result<ReplyReader, RedisFailure> {
        let memory = lock(&self.memory).clone();
        let words = memory.map_or("handshake".to_owned(), |(key, id)| format!("handshake {key} {id}"));
        let common = self.common(&connection.prefix, words);
        let reply = connection.evaluate(meter, script, common.0.iter().chain(&args.0)).await.map_err(broken)?;
        let reader = read(script, reply)?;
        connection.epoch.clone_from(&told(&reader)?.epoch);
        Ok(reader)
    }

    /// What the arguments of every script begin with.
    fn common(&self, prefix: &str, epoch: impl Into<Vec<u8>>) -> Args {
        Args::new().with(prefix).with(epoch).number(self.fence_ttl.as_micros())
    }
}

fn read(script: &Script, reply: Vec<Reply>) -> Result<ReplyReader, RedisFailure> {
    ReplyReader::new(reply).ok_or_else(|| {
        RedisFailure::Broken(format!("{}: the server has another epoch, or answered with an error", script.name))
    })
}

fn told(reader: &ReplyReader) -> Result<&Handshake, RedisFailure> {
    reader.handshake().ok_or_else(|| RedisFailure::Broken("handshake: no epoch".to_owned()))
}
