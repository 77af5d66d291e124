//! Employees.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::page;
use super::pg::{Param, Pg, Statement};
use super::write::{self, Function, Write};
use crate::caller::Caller;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::id::Id;
use crate::domain::idempotency::Written;
use crate::domain::page::Page;
use crate::domain::people::{Employee, EmployeeDraft, EmployeePatch};
use crate::domain::todo::Precondition;
use crate::error::{Error, Kind, Result};

/// Creates (`$6`) or changes.
const WRITE: Function = Function("employee_write_v1", "$8, $9, $10::text::uuid, $11, $12::text::jsonb");

/// Served by the primary key.
const PAGE: &str = "SELECT coalesce('[' || string_agg(d.document, ',' ORDER BY d.id) || ']', '[]') FROM ( \
    SELECT id, document FROM employee_documents_v1 WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3) d";

/// A page of employees by id.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Employee>> {
    let statement =
        Statement::new(PAGE, vec![Param::Int(caller.workspace.0), page::after(after), page::one_more(limit)]);
    page::collect(pg.read(&caller.meter, statement).await?, limit, |item: &Employee| item.id)
}

/// Employees by id without the first `skip`: what the old clients page by.
pub async fn skip(pg: &Pg, caller: &Caller, skip: i64, limit: Limit) -> Result<Vec<Employee>> {
    const SQL: &str = "SELECT coalesce('[' || string_agg(d.document, ',' ORDER BY d.id) || ']', '[]') FROM ( \
        SELECT id, document FROM employee_documents_v1 WHERE workspace_id = $1 ORDER BY id OFFSET $2 LIMIT $3) d";
    let params = vec![Param::Int(caller.workspace.0), Param::Int(skip), Param::Int(limit.get())];
    pg.read(&caller.meter, Statement::new(SQL, params)).await?.one()?.json()
}

/// One employee.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(pg: &Pg, caller: &Caller, id: Id) -> Result<Employee> {
    const BY_ID: &str = "SELECT document FROM employee_documents_v1 WHERE workspace_id = $1 AND id = $2";
    const BY_UID: &str = "SELECT document FROM employee_documents_v1 WHERE workspace_id = $1 AND uid = $2::text::uuid";
    let (sql, id) = match id {
        Id::Serial(serial) => (BY_ID, Param::Int(serial)),
        Id::Uuid(uuid) => (BY_UID, Param::Text(uuid.to_string())),
    };
    let statement = Statement::new(sql, vec![Param::Int(caller.workspace.0), id]);
    pg.read(&caller.meter, statement).await?.optional().ok_or(Error::NotFound(Kind::Employee))?.json()
}

/// A new employee.
///
/// # Errors
/// [`Conflict::EmailTaken`](crate::error::Conflict::EmailTaken), [`Error::Invalid`] at `/department_id`.
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, draft: &EmployeeDraft) -> Result<Written<Employee>> {
    let EmployeeDraft { name, email, department } = draft;
    let fields = json!({"name": name.as_str(), "email": email.as_str(), "department": department});
    let uid = Param::Text(uid.to_string());
    let params = [Param::Bool(true), Param::Null, uid, Param::Null, Param::json(&fields)];
    write.call(pg, WRITE, params, Kind::Employee).await
}

/// Changes what the patch names.
///
/// # Errors
/// As [`insert`], and [`Error::NotFound`], [`Error::VersionMismatch`].
pub async fn patch(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    patch: &EmployeePatch,
) -> Result<Written<Employee>> {
    let EmployeePatch { name, email, department } = patch;
    let mut fields = Map::new();
    if let Some(name) = name {
        fields.insert("name".to_owned(), name.as_str().into());
    }
    if let Some(email) = email {
        fields.insert("email".to_owned(), email.as_str().into());
    }
    if let Some(department) = department {
        fields.insert("department".to_owned(), json!(department));
    }
    let [serial, uid] = write::id(id);
    let fields = Param::json(&Value::Object(fields));
    let params = [Param::Bool(false), serial, uid, write::versions(precondition), fields];
    write.call(pg, WRITE, params, Kind::Employee).await
}

/// Removes an employee whom no live todo is assigned to; those in the bin lose their assignee.
///
/// # Errors
/// [`Conflict::EmployeeReferenced`](crate::error::Conflict::EmployeeReferenced), [`Error::NotFound`],
/// [`Error::VersionMismatch`].
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, precondition: &Precondition) -> Result<Written<()>> {
    const SQL: Function = Function("employee_delete_v1", "$8, $9::text::uuid, $10");
    let [serial, uid] = write::id(id);
    write.call(pg, SQL, [serial, uid, write::versions(precondition)], Kind::Employee).await
}
