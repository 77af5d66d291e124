//! Numbers over all instances.

use std::sync::Arc;

use super::Service;
use crate::domain::job::JobCounts;
use crate::store::jobs;
use crate::{Meter, Result};

impl Service {
    /// Adds to counters that all instances share.
    pub async fn count(&self, counts: Vec<(String, u64)>) {
        self.cache.count(counts).await;
    }

    /// The counters of all instances, by name. Without Redis, those that this instance has not been able to send.
    pub async fn counts(&self, meter: &Arc<Meter>) -> Vec<(String, u64)> {
        self.cache.counts(meter).await
    }

    /// Jobs of all workspaces by status.
    ///
    /// # Errors
    /// As every statement.
    pub async fn job_counts(&self, meter: &Meter) -> Result<JobCounts> {
        jobs::counts(&self.pg, meter).await
    }
}
