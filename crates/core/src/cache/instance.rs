//! The cache of an instance: its settings, its connections and its state in memory. The calls are in `reads.rs`,
//! `writes.rs` and `counters.rs`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::CacheSettings;
use super::copies::Copies;
use super::counters::Unsent;
use super::exports::LocalExports;
use super::installation::Installation;
use super::rate::LocalRates;
use super::redis::{Effort, Redis};

/// The instance's cache: its Redis connections, and what stands in for Redis while it is away. Share it behind an
/// `Arc`.
#[derive(Debug)]
pub struct Cache {
    pub(super) settings: CacheSettings,
    /// `None` without a Redis.
    pub(super) redis: Option<Arc<Redis>>,
    pub(super) local: Mutex<LocalRates>,
    pub(super) unsent: Mutex<Unsent>,
    pub(super) exports: Mutex<LocalExports>,
    pub(super) copies: Mutex<Copies>,
    pub(super) installation: Installation,
}

/// How long a starved instance waits for Redis in all, before it refuses a request. Short, so that what is answered is
/// answered in time.
const PATIENCE: Duration = Duration::from_millis(800);
/// The same of a write that was committed: it must tell Redis, or record what became stale.
const PATIENCE_TO_PUBLISH: Duration = Duration::from_secs(5);

impl Cache {
    /// How long a check for pending invalidations is good, counted from before it. A revoked token is refused after
    /// this at the latest.
    pub const LEASE: Duration = Duration::from_secs(1);

    /// How long a token is remembered that nobody revokes, counted from before its check.
    pub const MEMORY: Duration = Duration::from_secs(600);

    /// How long a write that could not tell Redis waits after its commit, until every check that did not see its
    /// pending invalidation has run out: [`Self::LEASE`] and a margin for clocks that run at slightly different rates.
    pub const INVALIDATION_WAIT: Duration = Duration::from_millis(1100);

    /// Reads nothing and connects to nothing yet.
    pub fn new(settings: CacheSettings) -> Self {
        let redis = (!settings.url.is_empty()).then(|| Arc::new(Redis::new(&settings)));
        let local = Mutex::new(LocalRates::new(Instant::now()));
        let installation = Installation::default();
        let (unsent, exports, copies) = Default::default();
        Self { settings, redis, local, unsent, exports, copies, installation }
    }

    /// Whether a Redis is configured.
    pub fn is_on(&self) -> bool {
        self.redis.is_some()
    }

    pub(super) fn reading(&self) -> Effort {
        Effort { budget: self.settings.budget, patience: PATIENCE, urgent: false }
    }

    pub(super) fn announcing(&self) -> Effort {
        Effort { budget: self.settings.write_budget, patience: PATIENCE, urgent: true }
    }

    pub(super) fn publishing(&self) -> Effort {
        Effort { patience: PATIENCE_TO_PUBLISH, ..self.announcing() }
    }
}
