//! Departments.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use http::StatusCode;

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
use crate::types::v2::people::{Department, DepartmentDraft, DepartmentPatch};

/// A page of departments.
pub async fn list_departments(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result {
    let scope = CursorScope::new("departments", caller.workspace.0, "");
    let from = page.position(&app, &scope)?;
    let found = app.service.list_departments(&caller, from.as_ref(), page.limit).await?;
    Ok(page::of::<_, Department>(&app, &scope, &uri, found))
}

/// A new department.
pub async fn create_department(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    Query(NoParameters): Query<NoParameters>,
    key: Key,
    Json { value: DepartmentDraft { name }, digest }: Json<DepartmentDraft>,
) -> Result {
    let key = key.with_body(digest);
    let written = app.service.create_department(&caller, &name, key.as_ref()).await?;
    let department = Department::from(written.value);
    let location = url(department.id);
    Ok(Document::object(department.version, &department).created_at(location).replayed(written.replayed))
}

/// One department.
pub async fn get_department(
    State(app): State<Arc<App>>,
    Reader(caller): Reader,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
) -> Result {
    let department = Department::from(app.service.get_department(&caller, id.id()).await?);
    Ok(Document::object(department.version, &department))
}

/// Changes some fields of a department.
pub async fn patch_department(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
    Json { value: DepartmentPatch { name }, .. }: Json<DepartmentPatch>,
) -> Result {
    let department =
        Department::from(app.service.patch_department(&caller, id.id(), &precondition, name.as_ref()).await?.value);
    Ok(Document::object(department.version, &department))
}

/// Removes a department, unless something refers to it.
pub async fn delete_department(
    State(app): State<Arc<App>>,
    Writer(caller): Writer,
    id: UuidPath,
    Query(NoParameters): Query<NoParameters>,
    IfMatch(precondition): IfMatch,
) -> Result<StatusCode> {
    app.service.delete_department(&caller, id.id(), &precondition).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where it is found.
fn url(id: Uuid) -> String {
    format!("/api/v2/departments/{id}")
}
