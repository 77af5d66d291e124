//! One change to every todo that matches, in the background.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use todo_core::domain::idempotency::Written;
use todo_core::domain::job::Job;

use super::jobs;
use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body::Json;
use crate::extract::caller::Writer;
use crate::extract::idempotency::Key;
use crate::extract::query::{NoParameters, Query};
use crate::types::v2::bulk::{Accepted, Bulk};

/// Accepts a change to all todos that match a filter.
pub async fn bulk_process_todos(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: Bulk { filter, change }, digest }: Json<Bulk>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.accept_bulk(&caller, &filter, &change, key.as_ref()).await?;
    app.hint_worker();
    Ok(accepted(&written))
}

/// The answer, the same in both versions.
pub fn accepted(written: &Written<Job>) -> Document {
    let job = written.value.uid;
    Document::json(&Accepted::job(job)).status(StatusCode::ACCEPTED).located(jobs::url(job)).replayed(written.replayed)
}
