//! Counters that all instances share, for the metrics. They cost the caller nothing: an instance gathers what its
//! requests count and sends it together.

use std::collections::BTreeMap;
use std::time::Duration;

use super::redis::lock;
use super::script::{Args, COUNT, Reply};
use super::{Cache, Health};
use crate::Meter;

/// How long counts are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(200);

/// What this instance has counted and not sent.
#[derive(Debug, Default)]
pub struct Pending {
    counts: BTreeMap<String, u64>,
    sender: bool,
}

impl Pending {
    fn add(&mut self, name: &str, by: u64) {
        match self.counts.get_mut(name) {
            Some(count) => *count = count.saturating_add(by),
            None => {
                self.counts.insert(name.to_owned(), by);
            }
        }
    }
}

impl Cache {
    /// Adds to counters that all instances share. Spawn it after the response: the first caller waits 200 ms and sends
    /// what has come together by then.
    pub async fn count(&self, counts: &[(&str, u64)]) {
        {
            let mut pending = lock(&self.pending);
            for (name, by) in counts {
                pending.add(name, *by);
            }
            if pending.sender || self.redis.is_none() {
                return;
            }
            pending.sender = true;
        }
        let place = SenderPlace(self);
        spin_sdk::time::sleep(GATHER).await;
        drop(place);
        self.send_counts(&Meter::default()).await;
    }

    /// The counters of all instances, by name. Without Redis, those that this instance has not been able to send.
    pub async fn counts(&self, meter: &Meter) -> Vec<(String, u64)> {
        self.send_counts(meter).await;
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

    /// Asks Redis for a sign of life, past the breaker.
    pub async fn health(&self, meter: &Meter) -> Health {
        let Some(redis) = &self.redis else {
            return Health::Off;
        };
        match redis.probe(meter, self.settings.write_budget).await {
            Ok(latency) => Health::Up(latency),
            Err(failure) => Health::Down(format!("{failure:?}")),
        }
    }

    fn own_counts(&self) -> Vec<(String, u64)> {
        lock(&self.pending).counts.iter().map(|(name, count)| (name.clone(), *count)).collect()
    }

    async fn send_counts(&self, meter: &Meter) {
        let Some(redis) = &self.redis else { return };
        let counts = std::mem::take(&mut lock(&self.pending).counts);
        if counts.is_empty() {
            return;
        }
        let args = counts.iter().fold(Args::new(), |args, (name, by)| args.with(name.as_str()).number(by));
        if redis.run(meter, self.reading(), &COUNT, args, None).await.is_err() {
            let mut pending = lock(&self.pending);
            for (name, by) in &counts {
                pending.add(name, *by);
            }
        }
    }
}

/// Whoever gathers; frees the place even if its task is dropped.
struct SenderPlace<'a>(&'a Cache);

impl Drop for SenderPlace<'_> {
    fn drop(&mut self) {
        lock(&self.0.pending).sender = false;
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
