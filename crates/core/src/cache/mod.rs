//! The cache, the rate limit and the shared counters, all in Redis.

mod types;

pub use types::{
    Admission, Admitted, CacheSettings, Entrance, Entry, Fresh, Health, Hit, Intent, Lookup, Pass, Published, RateClass,
    RateLimits, RateVerdict, Reach, Ticket, Who,
};

use std::time::Duration;

use crate::{Meter, WorkspaceId};

/// The instance's cache. Cheap to share behind an `Arc`; holds the instance's Redis connections.
#[derive(Debug)]
pub struct Cache {
    settings: CacheSettings,
}

impl Cache {
    /// How long an admission is remembered, counted from before its check. A revoked token is refused after this at the latest.
    pub const LEASE: Duration = Duration::from_secs(1);

    /// How long a write that could not tell Redis waits after its commit, until every admission that did not see its pending
    /// invalidation has run out: [`Self::LEASE`] and a margin for clocks that run at slightly different rates.
    pub const DISTRUST_WAIT: Duration = Duration::from_millis(1100);

    /// Reads nothing and connects to nothing yet.
    pub fn new(settings: CacheSettings) -> Self {
        Self { settings }
    }

    /// Whether a Redis is configured.
    pub fn is_on(&self) -> bool {
        !self.settings.url.is_empty()
    }

    /// The one Redis call of a read: counts the request, finds the principal of its token and the cached response.
    pub async fn enter(&self, meter: &Meter, entry: &Entry<'_>) -> Entrance {
        todo!("{meter:?} {entry:?}")
    }

    /// After the store has admitted someone whom `enter` did not know (or asked to renew): remembers them for the rest of
    /// [`Self::LEASE`], charges the token in place of the address, and looks the response up.
    pub async fn admit(&self, meter: &Meter, entry: &Entry<'_>, pass: &Pass, admission: &Admission<'_>) -> Admitted {
        todo!("{meter:?} {entry:?} {pass:?} {admission:?}")
    }

    /// Charges the class `auth_failures` of an address. Never refuses by itself; the next `enter` does.
    pub async fn charge_auth_failure(&self, meter: &Meter, address: &str, limits: &RateLimits) {
        todo!("{meter:?} {address:?} {limits:?}")
    }

    /// Polls for the response that another caller is fetching, for at most 50 ms. `Err` returns the ticket: fetch, then store.
    pub async fn wait_for(&self, meter: &Meter, ticket: Ticket) -> Result<Hit, Ticket> {
        todo!("{meter:?} {ticket:?}")
    }

    /// Stores a response for `ttl`, unless a write has been announced since the ticket was given.
    pub async fn store(&self, meter: &Meter, ticket: Ticket, fresh: &Fresh<'_>, ttl: Duration) {
        todo!("{meter:?} {ticket:?} {fresh:?} {ttl:?}")
    }

    /// Gives a ticket back without storing, so that nobody waits for the response.
    pub async fn abandon(&self, meter: &Meter, ticket: Ticket) {
        todo!("{meter:?} {ticket:?}")
    }

    /// Announces a write. Call it right before the statement.
    pub async fn intent(&self, meter: &Meter, workspace: WorkspaceId) -> Intent {
        todo!("{meter:?} {workspace:?}")
    }

    /// Publishes a write whose outcome is known, before it is answered. Also after a statement that certainly changed nothing.
    pub async fn publish(&self, meter: &Meter, intent: Intent) -> Published {
        todo!("{meter:?} {intent:?}")
    }

    /// Kills every entry of a workspace because the store has pending invalidations for it. If true, delete **exactly the
    /// rows seen before this call** (by id, not "up to an id": a row with a smaller id may commit later).
    pub async fn settle(&self, meter: &Meter, workspace: WorkspaceId) -> bool {
        todo!("{meter:?} {workspace:?}")
    }

    /// Adds to counters that all instances share. Spawn it after the response: it gathers what comes within 200 ms and sends
    /// it with one call.
    pub async fn count(&self, counts: &[(&str, u64)]) {
        todo!("{counts:?}")
    }

    /// The counters of all instances. Without Redis those of this instance.
    pub async fn counts(&self, meter: &Meter) -> Vec<(String, u64)> {
        todo!("{meter:?}")
    }

    /// Asks Redis for a sign of life, past the breaker.
    pub async fn health(&self, meter: &Meter) -> Health {
        todo!("{meter:?}")
    }
}
