//! How many exports of one caller run at once.

use std::sync::Arc;
use std::time::Duration;

use super::Service;
use crate::Meter;
use crate::cache::ExportId;

impl Service {
    /// Takes or renews a lease for an export, unless its owner has `most` others. Says whether it has one; without
    /// Redis it has.
    pub async fn hold_export(&self, meter: &Arc<Meter>, id: &ExportId, most: usize, lease: Duration) -> bool {
        self.cache.hold_export(meter, id, most, lease).await
    }

    /// Gives the lease of an export back.
    pub async fn end_export(&self, meter: &Arc<Meter>, id: &ExportId) {
        self.cache.end_export(meter, id).await;
    }
}
