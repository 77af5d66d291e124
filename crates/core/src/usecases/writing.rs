//! The cache protocol around a write: announce, commit, publish (see [`crate::cache`]).

use std::sync::Arc;
use std::time::Duration;

use futures::future::select;

use crate::cache::{Cache, Intent, InvalidationScope, Published};
use crate::domain::idempotency::{IdempotencyKey, Written};
use crate::store::invalidations;
use crate::store::pg::Pg;
use crate::store::write::Write;
use crate::{Caller, Error, Result};

use super::Service;

/// How long a writer that does not know its outcome tries to record that.
const RECORD_DEADLINE: Duration = Duration::from_secs(1);

/// A write that was announced to the cache.
#[must_use = "complete it with the outcome of the statement"]
pub(super) struct Writing<'a> {
    service: &'a Service,
    caller: &'a Caller,
    key: Option<&'a IdempotencyKey>,
    intent: Intent,
    scope: InvalidationScope,
    unknown: Option<Unknown>,
}

impl Service {
    /// Announces a write of `caller` that changes what `scope` says. The statement is sent with [`Writing::write`] and
    /// its outcome given to [`Writing::complete`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the instance is overloaded: without the cache, the write would be slower still.
    pub(super) async fn write<'a>(
        &'a self,
        caller: &'a Caller,
        key: Option<&'a IdempotencyKey>,
        scope: InvalidationScope,
    ) -> Result<Writing<'a>> {
        let intent = self.cache.intent(caller, scope).await;
        if intent.is_starved() {
            return Err(self.overloaded(&caller.meter));
        }
        let unknown = (!intent.is_off()).then(|| Unknown {
            pg: Arc::clone(&self.pg),
            caller: caller.clone(),
            scope,
            over: false,
        });
        Ok(Writing { service: self, caller, key, intent, scope, unknown })
    }
}

impl<'a> Writing<'a> {
    /// What the statement has to carry.
    pub(super) fn write(&self) -> Write<'a> {
        Write { caller: self.caller, idempotency: self.key, record_invalidation: self.intent.must_record() }
    }

    /// The same as [`Writing::complete`] where the outcome tells that less was changed than was announced.
    pub(super) async fn settle_as<T>(
        mut self,
        outcome: Result<Written<T>>,
        changed: impl FnOnce(&T) -> InvalidationScope,
    ) -> Result<Written<T>> {
        if let Ok(Written { value, .. }) = &outcome {
            self.intent = self.intent.narrowed(changed(value));
        }
        self.complete(outcome).await
    }

    /// Publishes a known outcome; after it no instance serves the old state. A statement that failed changed nothing,
    /// also one that Postgres ended at its deadline; one whose answer makes no sense may have. If the outcome is
    /// unknown, or the request is given up before it is known, that is recorded, since a commit that waits for a
    /// standby may come after the end of the write fence.
    pub(super) async fn complete<T>(self, outcome: Result<Written<T>>) -> Result<Written<T>> {
        let Self { service, caller, key: _, intent, scope, unknown } = self;
        if matches!(outcome, Err(Error::Unavailable { outcome_unknown: true, .. })) {
            if let Some(unknown) = unknown {
                Box::pin(unknown.record()).await;
            }
            return outcome;
        }
        let must_record = intent.must_record();
        let changed = matches!(outcome, Ok(_) | Err(Error::Internal(_)));
        let published = service.cache.publish(&caller.meter, intent, changed).await;
        let written = match outcome {
            Ok(written) => written,
            Err(error) => {
                if published == Published::Done {
                    over(unknown);
                }
                return Err(error);
            }
        };
        let mut wait = written.cache_wait;
        // The statement of a replay records nothing, and the first attempt may have died before its publish.
        if published == Published::MustRecord || (must_record && written.replayed) {
            wait |= invalidations::record(&service.pg, caller, scope).await?;
        }
        over(unknown);
        if wait {
            spin_sdk::time::sleep(Cache::INVALIDATION_WAIT).await;
        }
        Ok(written)
    }
}

fn over(unknown: Option<Unknown>) {
    if let Some(mut unknown) = unknown {
        unknown.over = true;
    }
}

/// A write whose outcome is not known yet, or known and not published. If its request is given up as such, that is
/// recorded by a task of the instance.
struct Unknown {
    pg: Arc<Pg>,
    caller: Caller,
    scope: InvalidationScope,
    over: bool,
}

impl Unknown {
    /// Best effort: Postgres may be away.
    async fn record(mut self) {
        self.over = true;
        record(Arc::clone(&self.pg), self.caller.clone(), self.scope).await;
    }
}

impl Drop for Unknown {
    fn drop(&mut self) {
        if !self.over {
            spin_sdk::wasip3::spawn(record(Arc::clone(&self.pg), self.caller.clone(), self.scope));
        }
    }
}

async fn record(pg: Arc<Pg>, caller: Caller, scope: InvalidationScope) {
    let record = Box::pin(invalidations::outcome_unknown(&pg, &caller, scope));
    select(record, Box::pin(spin_sdk::time::sleep(RECORD_DEADLINE))).await;
}
