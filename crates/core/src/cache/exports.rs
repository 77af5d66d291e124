//! Leases of running exports, so that no caller has too many of them at once, on whichever instances. An export whose
//! client is gone, or whose instance died, ends with its lease.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Cache;
use super::script::{Args, HOLD};
use crate::{Meter, lock};

/// An export, as its lease names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportId {
    /// The owner, whose exports are counted together.
    pub owner: String,
    /// Which of the owner's.
    pub export: String,
}

/// Until when the exports of this instance have a lease, while Redis is away.
#[derive(Debug, Default)]
pub struct LocalExports(BTreeMap<ExportId, Instant>);

impl LocalExports {
    fn hold(&mut self, now: Instant, id: &ExportId, most: usize, lease: Duration) -> bool {
        self.0.retain(|_, end| *end > now);
        let others = self.0.keys().filter(|known| known.owner == id.owner && **known != *id).count();
        let may = lease.is_zero() || self.0.contains_key(id) || others < most;
        if lease.is_zero() {
            self.0.remove(id);
        } else if may {
            self.0.insert(id.clone(), now + lease);
        }
        may
    }
}

impl Cache {
    /// Takes the lease of an export, or renews it. False if `most` others of the same owner run. While Redis is away,
    /// each instance counts alone.
    pub async fn hold_export(&self, meter: &Arc<Meter>, id: &ExportId, most: usize, lease: Duration) -> bool {
        let local = |exports: &Self| lock(&exports.exports).hold(Instant::now(), id, most, lease);
        let Some(redis) = &self.redis else {
            return local(self);
        };
        let ExportId { owner, export } = id;
        let args = Args::new().with(owner.as_str()).with(export.as_str()).number(most).number(lease.as_micros());
        match redis.run(meter, self.reading(), &HOLD, args, None).await {
            Ok(mut reply) => reply.number() != Some(0),
            Err(_) => local(self),
        }
    }

    /// Gives the lease back.
    pub async fn end_export(&self, meter: &Arc<Meter>, id: &ExportId) {
        self.hold_export(meter, id, 0, Duration::ZERO).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_alone_counts_the_leases_that_have_not_ended() {
        let mut exports = LocalExports::default();
        let (begin, lease) = (Instant::now(), Duration::from_secs(30));
        let id = |owner: &str, export: &str| ExportId { owner: owner.to_owned(), export: export.to_owned() };
        let mut hold = |second, id, lease| exports.hold(begin + Duration::from_secs(second), &id, 2, lease);
        assert!(hold(0, id("a", "1"), lease) && hold(1, id("a", "2"), lease) && hold(1, id("b", "1"), lease));
        assert!(!hold(2, id("a", "3"), lease), "two run");
        assert!(hold(3, id("a", "1"), lease), "it is one of them");
        assert!(!hold(30, id("a", "3"), lease) && hold(32, id("a", "3"), lease), "the second one's lease is over");
        assert!(
            !hold(32, id("a", "4"), lease) && hold(32, id("a", "3"), Duration::ZERO) && hold(32, id("a", "4"), lease)
        );
    }
}
