//! The lease of a running export: a caller has few at once, since each holds a chunk in memory for as long as its
//! client reads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use todo_core::Meter;
use todo_core::cache::ExportId;
use uuid::Uuid;

use crate::app::App;
use crate::error::Problem;
use crate::identity::Identity;

/// The most exports of one token, or of a workspace where authentication is off, that run at once.
pub const MOST: usize = 4;
/// Longer than a chunk may take, counted from when a third of it is over. An export whose client reads more slowly goes
/// on without a lease.
const LENGTH: Duration = Duration::from_secs(30);

/// Given back when it is dropped, with the export.
pub struct Lease {
    app: Arc<App>,
    meter: Arc<Meter>,
    id: ExportId,
    since: Instant,
}

impl Lease {
    /// Takes one.
    ///
    /// # Errors
    /// 429 `too_many_exports` if the caller has as many as it may.
    pub async fn take(app: Arc<App>, identity: &Identity) -> Result<Self, Problem> {
        let Identity { principal, caller } = identity;
        let owner = principal.token_uid.unwrap_or(principal.workspace_uid).to_string();
        let id = ExportId { owner, export: Uuid::now_v7().to_string() };
        let meter = Arc::clone(&caller.meter);
        if app.service.hold_export(&meter, &id, MOST, LENGTH).await {
            return Ok(Self { app, meter, id, since: Instant::now() });
        }
        let detail = format!("{MOST} exports of this token are running; wait for one to end");
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_exports", detail).retry_after(LENGTH))
    }

    /// Renews it when a third of it is over, however many others run.
    pub async fn renew(&mut self) {
        if self.since.elapsed() < LENGTH / 3 {
            return;
        }
        self.since = Instant::now();
        self.app.service.hold_export(&self.meter, &self.id, usize::MAX, LENGTH).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (app, meter, id) = (Arc::clone(&self.app), Arc::clone(&self.meter), self.id.clone());
        spin_sdk::wasip3::spawn(async move { app.service.end_export(&meter, &id).await });
    }
}
