//! After a failure Redis is left alone for a while, so that a slow or missing one costs its budget once and then
//! nothing.

use std::time::{Duration, Instant};

/// Who may try.
#[derive(Debug)]
pub struct Breaker {
    period: Duration,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// When somebody may try again.
    until: Instant,
    /// Whether an urgent call may try before that. Once in an outage.
    urgent: bool,
}

impl Breaker {
    /// Closed; after a failure it stays open for `period`.
    pub fn new(period: Duration) -> Self {
        Self { period, open: None }
    }

    /// Whether a call may be made now. While the breaker is open one call a period may, as a probe. An urgent one (a
    /// write, for which giving up is dear) may also probe at once, a single time: a lone hiccup should not make writes
    /// wait.
    pub fn admits(&mut self, now: Instant, urgent: bool) -> bool {
        match &mut self.open {
            None => true,
            Some(open) if now >= open.until => {
                open.until = now + self.period;
                true
            }
            Some(open) => urgent && std::mem::take(&mut open.urgent),
        }
    }

    /// A call succeeded.
    pub fn succeeded(&mut self) {
        self.open = None;
    }

    /// A call failed or overran its budget.
    pub fn failed(&mut self, now: Instant) {
        let urgent = self.open.as_ref().is_none_or(|open| open.urgent);
        self.open = Some(Open { until: now + self.period, urgent });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    #[test]
    fn one_probe_a_period_while_it_is_open() {
        let start = Instant::now();
        let mut breaker = Breaker::new(PERIOD);
        assert!(breaker.admits(start, false));
        breaker.failed(start);
        assert!(!breaker.admits(start + PERIOD / 2, false));
        assert!(breaker.admits(start + PERIOD, false));
        assert!(!breaker.admits(start + PERIOD, false), "the probe is under way");
        breaker.failed(start + PERIOD);
        assert!(!breaker.admits(start + PERIOD + PERIOD / 2, false));
        assert!(breaker.admits(start + PERIOD * 2, false));
        breaker.succeeded();
        assert!(breaker.admits(start + PERIOD * 2, false));
        assert!(breaker.admits(start + PERIOD * 2, false));
    }

    #[test]
    fn a_probe_that_never_reports_does_not_close_the_door_for_ever() {
        let start = Instant::now();
        let mut breaker = Breaker::new(PERIOD);
        breaker.failed(start);
        assert!(breaker.admits(start + PERIOD, false));
        assert!(breaker.admits(start + PERIOD * 2, false));
    }

    #[test]
    fn an_urgent_call_may_probe_once_in_an_outage() {
        let start = Instant::now();
        let mut breaker = Breaker::new(PERIOD);
        breaker.failed(start);
        assert!(breaker.admits(start, true));
        assert!(!breaker.admits(start, true));
        breaker.failed(start);
        assert!(!breaker.admits(start, true));
        assert!(breaker.admits(start + PERIOD, true));
        breaker.failed(start + PERIOD);
        assert!(!breaker.admits(start + PERIOD, true));
    }
}
