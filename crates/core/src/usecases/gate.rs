//! The gate's part of the response cache: looking up, waiting for and storing answers, and announcing writes.

use std::sync::Arc;
use std::time::Duration;

use super::Service;
pub use crate::cache::writes::new_id as new_write_id;
use crate::cache::{Fresh, GateReply, GateRequest, Hit, Starved, Ticket};
use crate::{Caller, Meter, Result};

impl Service {
    /// The one Redis call of a request; `None` where the installation is not known yet, which [`Service::enter`] learns
    /// first.
    pub async fn enter_if_known(&self, meter: &Arc<Meter>, gate_request: &GateRequest<'_>) -> Option<GateReply> {
        if !self.cache.knows_installation() {
            return None;
        }
        Some(self.call_gate(meter, gate_request).await)
    }

    /// Whether writes are announced to the cache.
    pub fn announces_writes(&self) -> bool {
        self.cache.announces()
    }

    /// Withdraws the announcement of a write that was none.
    pub async fn withdraw(&self, caller: &Caller) {
        self.cache.withdraw(caller).await;
    }

    /// Waits briefly for an answer that another caller fetches. If none comes in time, the ticket is the right to fetch
    /// it oneself.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where the instance is overloaded: to fetch it, too, would give the processors more
    /// to do.
    pub async fn wait_for_answer(&self, meter: &Arc<Meter>, ticket: &Ticket) -> Result<Option<Hit>> {
        let waited = self.cache.wait_for(meter, ticket).await;
        waited.map_err(|Starved| self.overloaded(meter))
    }

    /// Stores an answer for the next callers.
    pub async fn store_answer(&self, meter: &Arc<Meter>, ticket: Ticket, fresh: &Fresh<'_>, ttl: Duration) {
        self.cache.store(meter, ticket, fresh, ttl).await;
    }

    /// Lets another caller fetch what this one could not.
    pub async fn abandon_answer(&self, meter: &Arc<Meter>, ticket: Ticket) {
        self.cache.abandon(meter, ticket).await;
    }
}
