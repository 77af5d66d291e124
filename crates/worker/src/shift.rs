//! One run at a time in an instance.
//!
//! Every hint is a call, and many come at once. If each worked, the database would have as many long statements to run
//! as there are jobs, and requests would wait for them. So a call that finds a run under way leaves its wish with it
//! and is over.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether somebody works in this instance. Its tasks run on one thread, so nothing here is about memory.
#[derive(Debug, Default)]
pub struct Shift {
    working: AtomicBool,
    called: AtomicBool,
}

impl Shift {
    /// Begins a run, unless one is under way: that one looks at the queue once more before it ends.
    pub fn begin(&self) -> Option<RunGuard<'_>> {
        self.called.store(true, Relaxed);
        (!self.working.swap(true, Relaxed)).then_some(RunGuard(self))
    }
}

/// A run under way. However it ends, also when its call is dropped, the next may begin.
#[derive(Debug)]
pub struct RunGuard<'a>(&'a Shift);

impl RunGuard<'_> {
    /// Whether there was a call since this was last asked: look at the queue.
    pub fn was_called(&self) -> bool {
        self.0.called.swap(false, Relaxed)
    }
}

impl Drop for RunGuard<'_> {
    fn drop(&mut self) {
        self.0.working.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_during_a_run_is_left_to_it() {
        let shift = Shift::default();
        let run = shift.begin().unwrap();
        assert!(run.was_called());
        assert!(!run.was_called());
        assert!(shift.begin().is_none());
        assert!(run.was_called());
        drop(run);
        assert!(shift.begin().is_some());
    }
}
