//! One connection to Redis: the epoch and prefix of its handshake, and the commands on it.

use std::sync::Arc;
use std::time::Instant;

use spin_sdk::redis::{Connection, Error as WireError, RedisParameter, RedisResult};

use crate::Meter;
use crate::cache::script::{Reply, Script};

/// A connection after its handshake: the epoch that the server named, and the prefix of keys for which it did.
pub(super) struct RedisConnection {
    pub(super) connection: Connection,
    pub(super) epoch: String,
    pub(super) prefix: Arc<str>,
}

impl RedisConnection {
    pub(super) async fn evaluate(
        &self,
        meter: &Meter,
        script: &Script,
        args: impl Iterator<Item = &Vec<u8>> + Clone,
    ) -> Result<Vec<Reply>, WireError> {
        let parameters = |first: &str| {
            let start = [first.as_bytes().to_vec(), b"0".to_vec()].into_iter();
            start.chain(args.clone().cloned()).map(RedisParameter::Binary).collect()
        };
        match self.command(meter, "EVALSHA", parameters(script.digest())).await {
            Err(WireError::Other(text)) if is_unknown_script(&text) => {
                self.command(meter, "EVAL", parameters(script.source)).await
            }
            outcome => outcome,
        }
    }

    pub(super) async fn command(
        &self,
        meter: &Meter,
        name: &str,
        parameters: Vec<RedisParameter>,
    ) -> Result<Vec<Reply>, WireError> {
        let start = Instant::now();
        let outcome = self.connection.execute(name, parameters).await;
        meter.redis_call(start.elapsed());
        Ok(outcome?.into_iter().map(reply).collect())
    }
}

impl std::fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConnection").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// Hosts pass on either Redis' own word or that of their client library.
fn is_unknown_script(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("noscript") || text.contains("no script") || text.contains("no matching script")
}

fn reply(result: RedisResult) -> Reply {
    match result {
        RedisResult::Nil => Reply::Nil,
        RedisResult::Status(text) => Reply::Bytes(text.into_bytes()),
        RedisResult::Int64(number) => Reply::Int(number),
        RedisResult::Binary(bytes) => Reply::Bytes(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_script_is_recognised_in_every_dialect() {
        assert!(is_unknown_script("NOSCRIPT No matching script. Please use EVAL."));
        assert!(is_unknown_script("\"NoScript\": No matching script."));
        assert!(!is_unknown_script("READONLY You can't write against a read only replica."));
    }
}
