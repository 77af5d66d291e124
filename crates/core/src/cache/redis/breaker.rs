//! After a failure Redis is left alone for a while, so that a slow or missing one costs its budget once and then
//! nothing.
//!
//! Writes have a longer budget than reads, and giving up costs them far more. So a read that overran its budget, as one
//! does on a busy machine, says nothing to writes: only a write that failed makes others leave Redis alone.
//!
//! And an answer that comes late says that Redis is there: what was slow is most likely this machine, and leaving the
//! cache alone would make it slower still. So the first call that comes late ends the wait, and only if the next calls
//! overrun as well is it Redis that is slow. And while other calls are answered, one that is not yet is only late.

use std::time::{Duration, Instant};

/// The state of the circuit breaker.
#[derive(Debug)]
pub struct Breaker {
    period: Duration,
    /// When a read may try again, if it may not now.
    reads: Option<Instant>,
    /// When a write may.
    writes: Option<Instant>,
    /// When a late answer was last forgiven; until one comes in time, no other is.
    forgiven: Option<Instant>,
    /// When a call was last answered.
    answered: Option<Instant>,
}

impl Breaker {
    /// Closed; after a failure it stays open for `period`.
    pub fn new(period: Duration) -> Self {
        Self { period, reads: None, writes: None, forgiven: None, answered: None }
    }

    /// Whether a call may be made now, an urgent one (a write's) or any other. While the breaker is open one a period
    /// may, as a probe.
    pub fn allows(&mut self, now: Instant, urgent: bool) -> bool {
        let until = if urgent { &mut self.writes } else { &mut self.reads };
        match until {
            None => true,
            Some(until) if now >= *until => {
                *until = now + self.period;
                true
            }
            Some(_) => false,
        }
    }

    /// Whether calls are refused now. Asking makes no call a probe.
    pub fn is_open(&self, now: Instant, urgent: bool) -> bool {
        let until = if urgent { self.writes } else { self.reads };
        until.is_some_and(|until| now < until)
    }

    /// A call succeeded in time.
    pub fn succeeded(&mut self, now: Instant) {
        (self.reads, self.writes, self.forgiven, self.answered) = (None, None, None, Some(now));
    }

    /// Whether Redis answers other calls: what is late then waits for its turn, in a busy machine or in Redis.
    pub fn is_answering(&self, now: Instant) -> bool {
        self.answered.is_some_and(|answered| now.saturating_duration_since(answered) < ANSWERING)
    }

    /// A call failed.
    pub fn failed(&mut self, now: Instant, urgent: bool) {
        self.reads = Some(now + self.period);
        if urgent {
            self.writes = self.reads;
        }
    }

    /// A call that began then overran its budget. One that was under way when another was forgiven says nothing new.
    pub fn overran(&mut self, began: Instant, now: Instant, urgent: bool) {
        if self.forgiven.is_none_or(|forgiven| began > forgiven) {
            self.failed(now, urgent);
        }
    }

    /// A call that overran its budget has succeeded after all.
    pub fn came_late(&mut self, now: Instant) {
        self.answered = Some(now);
        if self.forgiven.is_none() {
            (self.reads, self.writes, self.forgiven) = (None, None, Some(now));
        }
    }
}

/// A server that has answered within this time is there.
const ANSWERING: Duration = Duration::from_millis(100);

/// A timer that fires so much later than it was set to tells of an instance that gets too little of the processors.
const LATE_TIMER: Duration = Duration::from_millis(5);

/// Whether this instance is starved: a timer that was set to `budget` fired after `elapsed`.
pub fn is_starved(elapsed: Duration, budget: Duration) -> bool {
    elapsed > budget + LATE_TIMER
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    #[test]
    fn one_probe_a_period_while_it_is_open() {
        for urgent in [false, true] {
            let start = Instant::now();
            let mut breaker = Breaker::new(PERIOD);
            assert!(breaker.allows(start, urgent));
            breaker.failed(start, urgent);
            assert!(!breaker.allows(start + PERIOD / 2, urgent));
            assert!(breaker.allows(start + PERIOD, urgent));
            assert!(!breaker.allows(start + PERIOD, urgent), "the probe is under way");
            breaker.failed(start + PERIOD, urgent);
            assert!(!breaker.allows(start + PERIOD + PERIOD / 2, urgent));
            assert!(breaker.allows(start + PERIOD * 2, urgent));
            breaker.succeeded(start);
            assert!(breaker.allows(start + PERIOD * 2, urgent));
            assert!(breaker.allows(start + PERIOD * 2, urgent));
        }
    }

    #[test]
    fn a_probe_that_never_reports_does_not_keep_the_breaker_open_for_ever() {
        let start = Instant::now();
        let mut breaker = Breaker::new(PERIOD);
        breaker.failed(start, false);
        assert!(breaker.allows(start + PERIOD, false));
        assert!(breaker.allows(start + PERIOD * 2, false));
    }

    #[test]
    fn a_read_that_failed_says_nothing_to_writes() {
        let start = Instant::now();
        let mut breaker = Breaker::new(PERIOD);
        breaker.failed(start, false);
        assert!(!breaker.allows(start, false));
        assert!(breaker.allows(start, true));
        assert!(breaker.allows(start, true), "several writes at once");
        breaker.failed(start, true);
        assert!(!breaker.allows(start, true) && !breaker.allows(start, false));
    }

    #[test]
    fn the_first_late_answer_is_forgiven() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut breaker = Breaker::new(PERIOD);
        breaker.overran(ms(0), ms(25), false);
        assert!(!breaker.allows(ms(26), false));
        breaker.came_late(ms(27));
        assert!(breaker.allows(ms(28), false));
        breaker.overran(ms(10), ms(35), false);
        assert!(breaker.allows(ms(36), false), "it began before the late answer came");
        breaker.overran(ms(28), ms(53), false);
        breaker.came_late(ms(54));
        assert!(!breaker.allows(ms(55), false), "Redis is slow");
        breaker.succeeded(start);
        breaker.overran(ms(60), ms(85), false);
        breaker.came_late(ms(86));
        assert!(breaker.allows(ms(87), false), "an answer in time begins anew");
    }

    #[test]
    fn while_others_are_answered_a_call_is_only_late() {
        let start = Instant::now();
        let mut breaker = Breaker::new(PERIOD);
        assert!(!breaker.is_answering(start));
        breaker.succeeded(start);
        assert!(breaker.is_answering(start + ANSWERING / 2) && !breaker.is_answering(start + ANSWERING));
    }

    #[test]
    fn a_late_timer_tells_a_starving_instance_from_a_slow_redis() {
        let ms = Duration::from_millis;
        assert!(!is_starved(ms(26), ms(25)), "the timer was punctual: Redis is slow");
        assert!(is_starved(ms(60), ms(25)));
    }
}
