//! Employees.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use http::StatusCode;
use todo_core::domain::people::{EmployeeDraft, EmployeePatch};
use uuid::Uuid;

use crate::app::App;
use crate::document::Document;
use crate::error::Result;
use crate::extract::body::Json;
use crate::extract::caller::{Reader, Writer};
use crate::extract::conditional::IfMatch;
use crate::extract::idempotency::Key;
use crate::extract::page::{self, CursorScope, PageQuery};
use crate::extract::path::UuidPath;
use crate::extract::query::{NoParameters, Query};
use crate::types::v2::people::Employee;

/// A page of employees.
pub async fn list_employees(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result {
    let scope = CursorScope::new("employees", caller.workspace.0, "");
    let from = page.position(&app, &scope)?;
    let found = app.service.list_employees(&caller, from.as_ref(), page.limit).await?;
    Ok(page::of::<_, Employee>(&app, &scope, &uri, found))
}

/// A new employee.
pub async fn create_employee(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: draft, digest }: Json<EmployeeDraft>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.create_employee(&caller, &draft, key.as_ref()).await?;
    let employee = Employee::from(written.value);
    let location = url(employee.id);
    Ok(Document::object(employee.version, &employee).created_at(location).replayed(written.replayed))
}

/// One employee.
pub async fn get_employee(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result {
    let employee = Employee::from(app.service.get_employee(&caller, id.id()).await?);
    Ok(Document::object(employee.version, &employee))
}

/// Changes some fields of an employee.
pub async fn patch_employee(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    Json { value: patch, .. }: Json<EmployeePatch>,
) -> Result {
    let employee = Employee::from(app.service.patch_employee(&caller, id.id(), &precondition, &patch).await?.value);
    Ok(Document::object(employee.version, &employee))
}

/// Removes an employee, unless something refers to it.
pub async fn delete_employee(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
) -> Result<StatusCode> {
    app.service.delete_employee(&caller, id.id(), &precondition).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where it is found.
fn url(id: Uuid) -> String {
    format!("/api/v2/employees/{id}")
}
