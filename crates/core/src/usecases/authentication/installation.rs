//! Which installation this is, without which Redis is not called.

use std::sync::Arc;
use std::time::Duration;

use crate::Meter;
use crate::cache::{GateReply, GateRequest, Learning};
use crate::store::authentication;
use crate::usecases::Service;

impl Service {
    /// [`Cache::enter`](crate::cache::Cache::enter), where it may not be known yet which installation this is.
    pub async fn enter(&self, meter: &Arc<Meter>, gate_request: &GateRequest<'_>) -> GateReply {
        if self.is_to_learn_installation().await {
            if let Some(gate_reply) = self.cache.enter_first(meter, gate_request).await {
                return gate_reply;
            }
            self.ask_installation(meter).await;
        }
        self.call_gate(meter, gate_request).await
    }

    /// Makes sure that the cache knows whose it is. Where that fails Redis is left alone for a while.
    pub async fn learn_installation(&self, meter: &Arc<Meter>) {
        if self.is_to_learn_installation().await && !self.cache.find_installation(meter).await {
            self.ask_installation(meter).await;
        }
    }

    /// Whether the caller is the one that is to find out; whoever is not has waited for that one.
    async fn is_to_learn_installation(&self) -> bool {
        let mut pause = Duration::from_millis(2);
        loop {
            match self.cache.learning() {
                Learning::Done => return false,
                Learning::Ask => return true,
                Learning::Wait => spin_sdk::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Asks the database which installation it is.
    async fn ask_installation(&self, meter: &Arc<Meter>) {
        let installation = authentication::installation(&self.pg, meter).await.ok().flatten();
        self.cache.belong_to(installation.as_deref());
    }
}
