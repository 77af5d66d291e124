//! The cache protocol around a write: announce, commit, publish (see [`crate::cache`]).

use std::time::Duration;

use futures::future::select;

use crate::cache::{Cache, Intent, Published, Touched};
use crate::store::invalidations;
use crate::store::write::{IdempotencyKey, Write, Written};
use crate::{Caller, Error, Result};

use super::Service;

/// How long a writer that does not know its outcome tries to record that.
const RECORD_DEADLINE: Duration = Duration::from_secs(1);

/// A write that was announced to the cache.
#[must_use = "settle it with the outcome of the statement"]
pub(super) struct Writing<'a> {
    service: &'a Service,
    caller: &'a Caller,
    key: Option<&'a IdempotencyKey>,
    intent: Intent,
}

impl Service {
    /// Announces a write of `caller`. The statement is sent with [`Writing::write`] and its outcome given to
    /// [`Writing::settle`].
    pub(super) async fn write<'a>(&'a self, caller: &'a Caller, key: Option<&'a IdempotencyKey>) -> Writing<'a> {
        self.write_to(caller, key, Touched::Everything).await
    }

    /// The same for a write that touches less than everything.
    pub(super) async fn write_to<'a>(
        &'a self,
        caller: &'a Caller,
        key: Option<&'a IdempotencyKey>,
        touched: Touched,
    ) -> Writing<'a> {
        let intent = self.cache.intent(&caller.meter, caller.workspace, touched).await;
        Writing { service: self, caller, key, intent }
    }
}

impl<'a> Writing<'a> {
    /// What the statement has to carry.
    pub(super) fn write(&self) -> Write<'a> {
        Write { caller: self.caller, idempotency: self.key, distrust_cache: self.intent.distrust() }
    }

    /// Publishes a known outcome; after it no instance serves the old state. A statement that Postgres ended at its deadline was
    /// rolled back, which is known, too. An unknown one leaves the mark standing, and is recorded, since a commit that waits for a
    /// standby may come after the end of the mark.
    pub(super) async fn settle<T>(self, outcome: Result<Written<T>>) -> Result<Written<T>> {
        let Self { service, caller, key: _, intent } = self;
        if matches!(outcome, Err(Error::Unavailable { outcome_unknown: true, .. })) {
            if !intent.is_off() {
                // Best effort: Postgres may be away.
                let record = Box::pin(invalidations::outcome_unknown(&service.pg, caller));
                select(record, Box::pin(spin_sdk::time::sleep(RECORD_DEADLINE))).await;
            }
            drop(intent);
            return outcome;
        }
        let distrusted = intent.distrust();
        let published = service.cache.publish(&caller.meter, intent).await;
        let written = outcome?;
        // A replay records nothing: the first attempt did, and perhaps was cut off before its wait was over.
        let mut wait = written.cache_wait || (distrusted && written.replayed);
        if published == Published::Distrust {
            wait |= invalidations::distrust(&service.pg, caller).await?;
        }
        if wait {
            spin_sdk::time::sleep(Cache::DISTRUST_WAIT).await;
        }
        Ok(written)
    }
}
