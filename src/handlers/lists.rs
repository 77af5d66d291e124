//! Lists of todos.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use http::StatusCode;
use todo_core::domain::idempotency::Written;
use todo_core::domain::list::ListFields;
use uuid::Uuid;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body::Json;
use crate::extract::caller::{Reader, Writer};
use crate::extract::conditional::{IfMatch, PutCondition};
use crate::extract::idempotency::Key;
use crate::extract::page::{self, CursorScope, PageQuery};
use crate::extract::path::UuidPath;
use crate::extract::query::{NoParameters, Query};
use crate::types::v2::list::{List, NewList};

/// A page of lists.
pub async fn list_lists(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result {
    let scope = CursorScope::new("lists", caller.workspace.0, "");
    let from = page.position(&app, &scope)?;
    let found = app.service.list_lists(&caller, from.as_ref(), page.limit).await?;
    Ok(page::of::<_, List>(&app, &scope, &uri, found))
}

/// A new list.
pub async fn create_list(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: NewList(fields), digest }: Json<NewList>,
) -> Result {
    let key = key.with_body(digest);
    Ok(created(app.service.create_list(&caller, Uuid::now_v7(), &fields, key.as_ref()).await?))
}

/// One list.
pub async fn get_list(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result {
    Ok(whole(app.service.get_list(&caller, id.0).await?.into()))
}

/// Replaces a list, or creates it under an id that the client chose.
pub async fn put_list(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    condition: PutCondition,
    Json { value: NewList(fields), .. }: Json<NewList>,
) -> Result {
    match condition {
        PutCondition::Create => Ok(created(app.service.create_list(&caller, id.0, &fields, None).await?)),
        PutCondition::Replace(precondition) => {
            Ok(whole(app.service.change_list(&caller, id.0, &precondition, &fields).await?.value.into()))
        }
    }
}

/// Changes some fields of a list.
pub async fn patch_list(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    Json { value: fields, .. }: Json<ListFields>,
) -> Result {
    Ok(whole(app.service.change_list(&caller, id.0, &precondition, &fields).await?.value.into()))
}

/// Removes a list, unless todos are in it.
pub async fn delete_list(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
) -> Result<StatusCode> {
    app.service.delete_list(&caller, id.0, &precondition).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn whole(list: List) -> Document {
    Document::object(list.version, &list)
}

fn created(written: Written<todo_core::domain::list::List>) -> Document {
    let list = List::from(written.value);
    let location = format!("/api/v2/lists/{}", list.id);
    whole(list).created_at(location).replayed(written.replayed)
}
