//! Background work and its progress.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use uuid::Uuid;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::caller::{Reader, Writer};
use crate::extract::page::{self, CursorScope, PageQuery};
use crate::extract::path::UuidPath;
use crate::extract::query::{NoParameters, Query};
use crate::types::v2::bulk::Job;

/// A page of jobs, the newest first.
pub async fn list_jobs(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result {
    let scope = CursorScope::new("jobs", caller.workspace.0, "");
    let from = page.position(&app, &scope)?;
    let found = app.service.list_jobs(&caller, from.as_ref(), page.limit).await?;
    Ok(page::of::<_, Job>(&app, &scope, &uri, found))
}

/// One job.
pub async fn get_job(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result {
    let job = app.service.get_job(&caller, id.id()).await?;
    Ok(Document::page(Document::json(&Job::from(job)).body))
}

/// Stops a job; what was done stays done. The answer is the job.
pub async fn cancel_job(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result {
    let written = app.service.cancel_job(&caller, id.id()).await?;
    Ok(Document::page(Document::json(&Job::from(written.value)).body))
}

/// Where a job is found.
pub fn url(id: Uuid) -> String {
    format!("/api/v2/jobs/{id}")
}
