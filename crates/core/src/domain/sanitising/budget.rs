//! How much sanitising one request may cost.

use std::cell::Cell;

use crate::domain::text::TextError;

/// The steps of sanitising that all texts of one request share. A step is about what a parser does for one byte, one
/// element on its stack or one attribute that it copies: some nanoseconds.
///
/// While an instance sanitises it serves nobody else, so the bound is one for the request, not one for each text in it.
#[derive(Debug)]
pub struct SanitisingBudget {
    left: Cell<usize>,
}

impl Default for SanitisingBudget {
    fn default() -> Self {
        Self { left: Cell::new(Self::STEPS) }
    }
}

impl SanitisingBudget {
    /// The steps of a request: three times what 1 MiB of ordinary rich text takes.
    pub const STEPS: usize = 24_000_000;

    /// How many steps were taken.
    pub fn spent(&self) -> usize {
        Self::STEPS - self.left.get()
    }

    /// How many are left.
    pub(in crate::domain) fn left(&self) -> usize {
        self.left.get()
    }

    /// Takes steps; once there are too few, there are none for the texts that follow either.
    pub(in crate::domain) fn spend(&self, steps: usize) -> Result<(), TextError> {
        match self.left.get().checked_sub(steps) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.exhaust()),
        }
    }

    /// Leaves no step, and says so.
    pub(in crate::domain) fn exhaust(&self) -> TextError {
        self.left.set(0);
        let detail =
            "is, with the texts before it, more markup than is sanitised in one request; send less of it at once";
        TextError::new("too_much_markup", detail)
    }
}
