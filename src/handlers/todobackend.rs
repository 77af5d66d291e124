//! The API of Todo-Backend (todobackend.com), whose public specs a browser runs: a façade over the use cases of version
//! 2, which keeps no rule of its own. Its clients send no credentials, so it serves the default workspace, and only
//! where authentication is off (`router.rs`).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue,
};
use http::{Method, StatusCode};
use todo_core::Error;
use todo_core::domain::filter::{Filter, Limit, Sort, SortKey};
use todo_core::domain::id::Id;
use todo_core::domain::list::Holder;
use todo_core::domain::todo::{self, Operation, Precondition};

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body::Json;
use crate::extract::caller::{Reader, Writer};
use crate::extract::path::UuidPath;
use crate::extract::query::{NoParameters, Query};
use crate::middleware::request_id::Base;
use crate::types::todobackend::{NewTodo, PartialUpdate, Todo};

/// The most todos of the collection, which has no pages.
const MOST: usize = 1_000;

/// The first thousand todos, in their order, without those in archived lists.
pub async fn list_todos(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    Query(NoParameters): Query<NoParameters>,
    Base(origin): Base,
) -> Result {
    let (filter, sort) = (Filter::default(), Sort { key: SortKey::Position, descending: false });
    let mut todos: Vec<Todo> = Vec::new();
    let mut from = None;
    loop {
        let each = |todo| todos.push(Todo::of(todo, &origin));
        from = app.service.export_chunk(&caller, &filter, sort, from.as_ref(), each).await?;
        if from.is_none() || todos.len() >= MOST {
            todos.truncate(MOST);
            return Ok(Document::json(&todos));
        }
    }
}

/// A new todo.
pub async fn create_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    Base(origin): Base,
    Json { value: NewTodo(draft), .. }: Json<NewTodo>,
) -> Result {
    let todo = Todo::of(app.service.create_todo(&caller, &draft, None).await?.value, &origin);
    let location = todo.url.clone();
    Ok(Document::json(&todo).created_at(location))
}

/// Puts all todos of the collection into the bin, also those beyond its first thousand: a statement for each hundred.
pub async fn delete_todos(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
) -> Result<StatusCode> {
    // What is below them goes with them.
    let filter = Filter { parent: Some(Holder::None), ..Filter::default() };
    let most = Limit::new(u64::from(Limit::MAX)).unwrap_or_default();
    loop {
        let todos = app.service.skip_todos(&caller, &filter, 0, most).await?;
        if todos.is_empty() {
            return Ok(StatusCode::NO_CONTENT);
        }
        let delete = |todo: todo::Todo| Operation::Delete { id: Id::Uuid(todo.uid), if_version: None };
        match app.service.apply_batch(&caller, todos.into_iter().map(delete).collect(), None).await {
            Ok(_) => {}
            // Somebody else has deleted one of them meanwhile.
            Err(Error::Operation { source, .. }) if matches!(*source, Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// One todo.
pub async fn get_todo(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    Base(origin): Base,
) -> Result {
    let todo = app.service.get_todo(&caller, id.id()).await?;
    Ok(Document::json(&Todo::of(todo, &origin)))
}

/// Changes a todo.
pub async fn patch_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    Base(origin): Base,
    Json { value: PartialUpdate(patch), .. }: Json<PartialUpdate>,
) -> Result {
    let todo = app.service.patch_todo(&caller, id.id(), &Precondition::Any, &patch).await?.value;
    Ok(Document::json(&Todo::of(todo, &origin)))
}

/// Puts a todo into the bin.
pub async fn delete_todo(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result<StatusCode> {
    app.service.delete_todo(&caller, id.id(), &Precondition::Any).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers the browsers' question what a page may send.
pub async fn preflight(request: Request, next: Next) -> Response {
    if *request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let (headers, methods) = (response.headers_mut(), HeaderValue::from_static("GET, POST, PATCH, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(http::header::ALLOW, methods);
    response
}

/// Lets pages of every origin read the answer: the specs are run from another one.
pub async fn open_to_all(mut response: Response) -> Response {
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
