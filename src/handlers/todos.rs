//! Todos: list, create, read, replace, change, delete, restore.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use http::StatusCode;
use todo_core::Caller;
use todo_core::domain::filter::{Filter, Sort};
use todo_core::domain::idempotency::Written;
use todo_core::domain::list::Move;
use todo_core::domain::page::RenderedPage;
use todo_core::domain::todo::{Draft, Patch};

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body::{BodyDigest, Json};
use crate::extract::caller::{Reader, Writer};
use crate::extract::conditional::{IfMatch, PutCondition};
use crate::extract::idempotency::Key;
use crate::extract::page::{self, CursorScope, PageQuery};
use crate::extract::path::UuidPath;
use crate::extract::query::{FromQuery, NoParameters, Parameters, Query};
use crate::types::v2::list::Completion;
use crate::types::v2::todo::Todo;

/// The parameters of a list of todos.
#[derive(Debug)]
pub struct ListQuery {
    filter: Filter,
    sort: Sort,
    page: PageQuery,
}

impl FromQuery for ListQuery {
    fn from_query(query: &mut Parameters) -> Self {
        Self { filter: Filter::from_query(query), sort: Sort::from_query(query), page: PageQuery::from_query(query) }
    }
}

/// A page of summaries.
pub async fn list_todos(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(ListQuery { filter, sort, page }): Query<ListQuery>,
) -> Result {
    let (found, scope) = listed(&app, &caller, &filter, sort, &page).await?;
    Ok(page::document(&app, &scope, &uri, &found.items, found.next.as_ref()))
}

/// A page of summaries, and what its cursor is bound to.
pub async fn listed(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    sort: Sort,
    page: &PageQuery,
) -> Result<(RenderedPage, CursorScope)> {
    let scope = CursorScope::new("todos", caller.workspace.0, &filter.scope(sort));
    let from = page.position(app, &scope)?;
    let found = app.service.list_todos(caller, filter, sort, from.as_ref(), page.limit).await?;
    Ok((found, scope))
}

/// A new todo.
pub async fn create_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: draft, digest }: Json<Draft>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.create_todo(&caller, &draft, key.as_ref()).await?;
    Ok(created(written))
}

/// A whole todo.
pub async fn get_todo(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result {
    let todo = app.service.get_todo(&caller, id.id()).await?;
    Ok(whole(todo.into()))
}

/// Replaces a todo, or creates it under an id that the client chose.
pub async fn put_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    condition: PutCondition,
    Json { value: draft, .. }: Json<Draft>,
) -> Result {
    match condition {
        PutCondition::Create => Ok(created(app.service.create_todo_at(&caller, id.0, &draft).await?)),
        PutCondition::Replace(precondition) => {
            let written = app.service.replace_todo(&caller, id.id(), &precondition, &draft).await?;
            Ok(whole(written.value.into()))
        }
    }
}

/// Changes some fields of a todo.
pub async fn patch_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    Json { value: patch, .. }: Json<Patch>,
) -> Result {
    let written = app.service.patch_todo(&caller, id.id(), &precondition, &patch).await?;
    Ok(whole(written.value.into()))
}

/// Puts a todo into the bin.
pub async fn delete_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
) -> Result<StatusCode> {
    app.service.delete_todo(&caller, id.id(), &precondition).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Moves a todo with all that is below it.
pub async fn move_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    key: Key,
    Json { value: to, digest }: Json<Move>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.move_todo(&caller, id.id(), &precondition, &to, key.as_ref()).await?;
    Ok(whole(written.value.into()).replayed(written.replayed))
}

/// Completes a todo, and the open ones below it if that is asked for.
pub async fn complete_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    key: Key,
    Json { value: Completion { subtasks }, digest }: Json<Completion>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.complete_todo(&caller, id.id(), &precondition, subtasks, key.as_ref()).await?;
    Ok(whole(written.value.into()).replayed(written.replayed))
}

/// Takes a todo out of the bin.
pub async fn restore_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    BodyDigest(digest): BodyDigest,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.restore_todo(&caller, id.id(), key.as_ref()).await?;
    Ok(whole(written.value.into()).replayed(written.replayed))
}

fn whole(todo: Todo) -> Document {
    Document::object(todo.version, &todo)
}

fn created(written: Written<todo_core::domain::todo::Todo>) -> Document {
    let todo = Todo::from(written.value);
    let location = Todo::url(todo.id);
    whole(todo).created_at(location).replayed(written.replayed)
}
