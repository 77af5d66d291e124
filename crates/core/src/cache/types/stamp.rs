//! When a request came in.

use std::time::{Duration, Instant};

use super::RateVerdict;

/// Proof of when a request came in, by the clock of Redis: what bounds how long a check is good and a token is
/// remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestStamp {
    /// Microseconds of Redis' clock and the epoch; `None` if Redis was away.
    pub(crate) read: Option<(i64, String)>,
    /// When that had been read, by the clock of this instance.
    pub(crate) received: Option<Instant>,
    /// Whether the address was charged because the token was not known to be valid.
    pub(crate) address_charged: bool,
    /// The verdicts so far.
    pub(crate) rates: Vec<RateVerdict>,
}

impl RequestStamp {
    /// When the request was received, in microseconds of Redis' clock, and the epoch.
    pub fn came(&self) -> Option<(i64, &str)> {
        self.read.as_ref().map(|(came, epoch)| (*came, epoch.as_str()))
    }

    /// How old the stamp was at this instant, or less: it was older than its reply by then.
    pub fn age(&self, now: Instant) -> Duration {
        self.received.map(|received| now.saturating_duration_since(received)).unwrap_or_default()
    }

    /// Whether the address was charged because the token was not known to be valid.
    pub fn address_charged(&self) -> bool {
        self.address_charged
    }
}
