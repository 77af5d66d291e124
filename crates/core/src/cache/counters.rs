//! Counters that all instances share, for the metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::redis::RedisFailure;
use super::script::{Args, COUNT, Reply};
use super::{Cache, DownReason, RedisHealth};
use crate::{Meter, lock};

/// What this instance was told to count and has not sent.
#[derive(Debug, Default)]
pub struct Unsent(BTreeMap<String, u64>);

impl Unsent {
    fn add(&mut self, counts: impl IntoIterator<Item = (String, u64)>) {
        for (name, by) in counts {
            let count = self.0.entry(name).or_default();
            *count = count.saturating_add(by);
        }
    }
}

impl Cache {
    /// Adds to counters that all instances share. What cannot be sent now is sent with the next ones.
    pub async fn count(&self, counts: Vec<(String, u64)>) {
        lock(&self.unsent).add(counts);
        let Some(redis) = &self.redis else { return };
        let counts = std::mem::take(&mut lock(&self.unsent).0);
        if counts.is_empty() {
            return;
        }
        let args = counts.iter().fold(Args::new(), |args, (name, by)| args.with(name.as_str()).number(by));
        if redis.run(&Arc::default(), self.reading(), &COUNT, args, None).await.is_err() {
            lock(&self.unsent).add(counts);
        }
    }

    /// The counters of all instances, by name. Without Redis, those that this instance has not been able to send.
    pub async fn counts(&self, meter: &Arc<Meter>) -> Vec<(String, u64)> {
        let Some(redis) = &self.redis else {
            return self.own_counts();
        };
        let Ok(reply) = redis.command(meter, self.reading(), "HGETALL", "counters").await else {
            return self.own_counts();
        };
        let mut counts: Vec<_> = reply.chunks_exact(2).filter_map(read_count).collect();
        counts.sort_unstable();
        counts
    }

    /// The state of Redis, asked with a PING past the breaker.
    pub async fn health(&self, meter: &Meter) -> RedisHealth {
        let Some(redis) = &self.redis else {
            return RedisHealth::Off;
        };
        match redis.probe(meter, self.settings.write_budget).await {
            Ok(latency) => RedisHealth::Up(latency),
            Err(RedisFailure::Misconfigured(reason)) => RedisHealth::Down(reason),
            Err(RedisFailure::Overrun | RedisFailure::Starved) => RedisHealth::Down(DownReason::Timeout),
            Err(RedisFailure::LeftAlone | RedisFailure::OtherEpoch | RedisFailure::Broken(_)) => {
                RedisHealth::Down(DownReason::Unreachable)
            }
        }
    }

    fn own_counts(&self) -> Vec<(String, u64)> {
        lock(&self.unsent).0.iter().map(|(name, count)| (name.clone(), *count)).collect()
    }
}

fn read_count(pair: &[Reply]) -> Option<(String, u64)> {
    let [Reply::Bytes(name), count] = pair else {
        return None;
    };
    let count = match count {
        Reply::Int(number) => u64::try_from(*number).ok()?,
        Reply::Bytes(text) => std::str::from_utf8(text).ok()?.parse().ok()?,
        Reply::Nil => return None,
    };
    Some((String::from_utf8(name.clone()).ok()?, count))
}
