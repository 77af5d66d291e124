//! Several changes at once, all or nothing.

use std::sync::Arc;

use axum::extract::State;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body::Json;
use crate::extract::caller::Writer;
use crate::extract::idempotency::Key;
use crate::extract::query::{NoParameters, Query};
use crate::types::v2::batch::{Batch, Results};

/// Creates, changes and deletes up to 100 todos, all or nothing.
pub async fn batch_todos(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: Batch(operations), digest }: Json<Batch>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.apply_batch(&caller, operations, key.as_ref()).await?;
    Ok(Document::json(&Results::from(written.value)).replayed(written.replayed))
}
