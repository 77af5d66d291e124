//! Departments.

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
use crate::domain::people::{Department, Name};
use crate::domain::todo::Precondition;
use crate::error::{Error, Kind, Result};

/// Served by the primary key.
const PAGE: &str = "SELECT coalesce('[' || string_agg(d.document, ',' ORDER BY d.id) || ']', '[]') FROM ( \
    SELECT id, document FROM department_documents_v1 WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3) d";

/// A page of departments by id.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Department>> {
    let statement =
        Statement::new(PAGE, vec![Param::Int(caller.workspace.0), page::after(after), page::one_more(limit)]);
    page::collect(pg.read(&caller.meter, statement).await?, limit, |item: &Department| item.id)
}

/// Departments by id without the first `skip`: what the old clients page by.
pub async fn skip(pg: &Pg, caller: &Caller, skip: i64, limit: Limit) -> Result<Vec<Department>> {
    const SQL: &str = "SELECT coalesce('[' || string_agg(d.document, ',' ORDER BY d.id) || ']', '[]') FROM ( \
        SELECT id, document FROM department_documents_v1 WHERE workspace_id = $1 ORDER BY id OFFSET $2 LIMIT $3) d";
    let params = vec![Param::Int(caller.workspace.0), Param::Int(skip), Param::Int(limit.get())];
    pg.read(&caller.meter, Statement::new(SQL, params)).await?.one()?.json()
}

/// One department.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(pg: &Pg, caller: &Caller, id: Id) -> Result<Department> {
    const BY_ID: &str = "SELECT document FROM department_documents_v1 WHERE workspace_id = $1 AND id = $2";
    const BY_UID: &str =
        "SELECT document FROM department_documents_v1 WHERE workspace_id = $1 AND uid = $2::text::uuid";
    let (sql, id) = match id {
        Id::Serial(serial) => (BY_ID, Param::Int(serial)),
        Id::Uuid(uuid) => (BY_UID, Param::Text(uuid.to_string())),
    };
    let statement = Statement::new(sql, vec![Param::Int(caller.workspace.0), id]);
    pg.read(&caller.meter, statement).await?.optional().ok_or(Error::NotFound(Kind::Department))?.json()
}

/// A new department.
///
/// # Errors
/// [`Conflict::DepartmentNameTaken`](crate::error::Conflict::DepartmentNameTaken).
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, name: &Name) -> Result<Written<Department>> {
    const SQL: Function = Function("department_create_v1", "$8::text::uuid, $9");
    let params = [Param::Text(uid.to_string()), Param::Text(name.as_str().to_owned())];
    write.call(pg, SQL, params, Kind::Department).await
}

/// Renames a department, if there is a new name.
///
/// # Errors
/// As [`insert`], and [`Error::NotFound`], [`Error::VersionMismatch`].
pub async fn patch(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    name: Option<&Name>,
) -> Result<Written<Department>> {
    const SQL: Function = Function("department_update_v1", "$8, $9::text::uuid, $10, $11");
    let [serial, uid] = write::id(id);
    let name = Param::text(name.map(|name| name.as_str()));
    write.call(pg, SQL, [serial, uid, write::versions(precondition), name], Kind::Department).await
}

/// Removes a department that no employee belongs to.
///
/// # Errors
/// [`Conflict::DepartmentReferenced`](crate::error::Conflict::DepartmentReferenced), [`Error::NotFound`],
/// [`Error::VersionMismatch`].
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, precondition: &Precondition) -> Result<Written<()>> {
    const SQL: Function = Function("department_delete_v1", "$8, $9::text::uuid, $10");
    let [serial, uid] = write::id(id);
    write.call(pg, SQL, [serial, uid, write::versions(precondition)], Kind::Department).await
}
