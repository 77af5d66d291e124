//! Version 1: shims around the use cases that version 2 has. Ids are integers, pages are offsets, bodies are frozen.
//!
//! What did not change is not here: `GET /api/v1/todos/stats` is [`super::stats::todo_stats`]. The headers that say how
//! old this version is come from `middleware/deprecation.rs`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use serde::Serialize;
use todo_core::domain::idempotency::Written;
use todo_core::domain::todo::{self as core, Precondition};

use super::bulk;
use crate::app::App;
use crate::document::{Document, link};
use crate::error::Result;
use crate::extract::body::Json;
use crate::extract::caller::{Reader, Writer};
use crate::extract::conditional::IfMatch;
use crate::extract::idempotency::Key;
use crate::extract::path::SerialPath;
use crate::extract::query::{NoParameters, Query};
use crate::types::v1::bulk::Bulk;
use crate::types::v1::people::{Department, Employee};
use crate::types::v1::query::{SkipQuery, TodosQuery};
use crate::types::v1::todo::{NewTodo, PartialUpdate, Replacement, Todo};
use crate::types::v2;

/// Whole todos, the oldest first.
pub async fn list_todos(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    Query(TodosQuery { filter, page }): Query<TodosQuery>,
) -> Result {
    let found = app.service.skip_todos(&caller, &filter, page.skip, page.limit).await?;
    Ok(array::<_, Todo>(found))
}

/// A new todo.
pub async fn create_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: NewTodo(draft), digest }: Json<NewTodo>,
) -> Result {
    let key = key.with_body(digest);
    let Written { value, replayed, .. } = app.service.create_todo(&caller, &draft, key.as_ref()).await?;
    let location = format!("/api/v1/todos/{}", value.id);
    Ok(whole(value).created_at(location).replayed(replayed))
}

/// A whole todo.
pub async fn get_todo(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    SerialPath(id): SerialPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result {
    Ok(whole(app.service.get_todo(&caller, id).await?))
}

/// Replaces a todo. Unlike version 2's it needs no condition, because it never did.
pub async fn put_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    SerialPath(id): SerialPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    Json { value: Replacement(patch), .. }: Json<Replacement>,
) -> Result {
    change(&app, &caller, id, &precondition, &patch).await
}

/// Changes some fields of a todo.
pub async fn patch_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    SerialPath(id): SerialPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    Json { value: PartialUpdate(patch), .. }: Json<PartialUpdate>,
) -> Result {
    change(&app, &caller, id, &precondition, &patch).await
}

/// Deletes a todo.
pub async fn delete_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    SerialPath(id): SerialPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
) -> Result<impl IntoResponse> {
    let uid = app.service.delete_todo(&caller, id, &precondition).await?.value;
    Ok((StatusCode::NO_CONTENT, [(header::LINK, link(&v2::todo::Todo::url(uid), "successor-version"))]))
}

/// Accepts a change to all todos that match a filter. Its job is one of version 2.
pub async fn bulk_process_todos(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: Bulk(v2::bulk::Bulk { filter, change }), digest }: Json<Bulk>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.accept_bulk(&caller, &filter, &change, key.as_ref()).await?;
    app.hint_worker();
    Ok(bulk::accepted(&written))
}

/// Employees, the oldest first.
pub async fn list_employees(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    Query(SkipQuery { skip, limit }): Query<SkipQuery>,
) -> Result {
    Ok(array::<_, Employee>(app.service.skip_employees(&caller, skip, limit).await?))
}

/// Departments, the oldest first.
pub async fn list_departments(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    Query(SkipQuery { skip, limit }): Query<SkipQuery>,
) -> Result {
    Ok(array::<_, Department>(app.service.skip_departments(&caller, skip, limit).await?))
}

async fn change(
    app: &App,
    caller: &todo_core::Caller,
    id: todo_core::domain::id::Id,
    precondition: &Precondition,
    patch: &core::Patch,
) -> Result {
    Ok(whole(app.service.patch_todo(caller, id, precondition, patch).await?.value))
}

/// A todo, and where version 2 has it.
fn whole(todo: core::Todo) -> Document {
    let successor = v2::todo::Todo::url(todo.uid);
    let todo = Todo::from(todo);
    Document::object(todo.version, &todo).link(&successor, "successor-version")
}

/// A bare array.
fn array<T, W: From<T> + Serialize>(items: Vec<T>) -> Document {
    let items: Vec<W> = items.into_iter().map(W::from).collect();
    Document::page(Document::json(&items).body)
}
