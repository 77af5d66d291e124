//! Tags.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use http::StatusCode;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body::Json;
use crate::extract::caller::{Reader, Writer};
use crate::extract::conditional::IfMatch;
use crate::extract::page::{self, CursorScope, PageQuery};
use crate::extract::path::UuidPath;
use crate::extract::query::{NoParameters, Query};
use crate::types::v2::people::{Tag, TagPatch};

/// A page of tags with how often each is used.
pub async fn list_tags(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result {
    let scope = CursorScope::new("tags", caller.workspace.0, "");
    let from = page.position(&app, &scope)?;
    let found = app.service.list_tags(&caller, from.as_ref(), page.limit).await?;
    Ok(page::of::<_, Tag>(&app, &scope, &uri, found))
}

/// Renames a tag; an existing tag of that name swallows it and is the answer.
pub async fn rename_tag(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    Json { value: TagPatch { name }, .. }: Json<TagPatch>,
) -> Result {
    let tag = Tag::from(app.service.rename_tag(&caller, id.id(), &precondition, &name).await?.value);
    app.hint_worker();
    Ok(Document::object(tag.version, &tag))
}

/// Removes a tag from all todos.
pub async fn delete_tag(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
) -> Result<StatusCode> {
    app.service.delete_tag(&caller, id.id(), &precondition).await?;
    app.hint_worker();
    Ok(StatusCode::NO_CONTENT)
}
