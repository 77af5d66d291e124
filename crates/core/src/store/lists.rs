//! Lists.

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
use crate::domain::list::{List, ListFields, MOST_LISTS, folded};
use crate::domain::page::Page;
use crate::domain::todo::Precondition;
use crate::error::{Error, Kind, Result};

/// Served by the primary key, and by that of the counts, which are kept.
const PAGE: &str = "SELECT coalesce('[' || string_agg(d.document, ',' ORDER BY d.id) || ']', '[]') FROM ( \
    SELECT id, document FROM list_documents_v1 WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3) d";
const WRITE: Function = Function("list_write_v1", "$8, $9, $10::text::uuid, $11, $12::text::jsonb, $13");

/// A page of lists by id.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<List>> {
    let statement =
        Statement::new(PAGE, vec![Param::Int(caller.workspace.0), page::after(after), page::one_more(limit)]);
    page::collect(pg.read(&caller.meter, statement).await?, limit, |item: &List| item.id)
}

/// One list.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(pg: &Pg, caller: &Caller, uid: Uuid) -> Result<List> {
    const SQL: &str = "SELECT document FROM list_documents_v1 WHERE workspace_id = $1 AND uid = $2::text::uuid";
    let statement = Statement::new(SQL, vec![Param::Int(caller.workspace.0), Param::Text(uid.to_string())]);
    pg.read(&caller.meter, statement).await?.optional().ok_or(Error::NotFound(Kind::List))?.json()
}

/// A new list.
///
/// # Errors
/// [`Error::Exists`] if the id is taken, [`Conflict::ListDeleted`](crate::error::Conflict::ListDeleted) if it was that
/// of a list, [`Conflict::ListNameTaken`](crate::error::Conflict::ListNameTaken),
/// [`Conflict::TooManyLists`](crate::error::Conflict::TooManyLists).
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, fields: &ListFields) -> Result<Written<List>> {
    let params = [Param::Bool(true), Param::Null, Param::Text(uid.to_string()), Param::Null];
    write.call(pg, WRITE, params.into_iter().chain(written(fields)), Kind::List).await
}

/// Changes the fields that are given; a change that changes nothing leaves the version.
///
/// # Errors
/// [`Conflict::ListNameTaken`](crate::error::Conflict::ListNameTaken), [`Error::NotFound`], [`Error::VersionMismatch`].
pub async fn update(
    pg: &Pg,
    write: &Write<'_>,
    uid: Uuid,
    precondition: &Precondition,
    fields: &ListFields,
) -> Result<Written<List>> {
    let [serial, uid] = write::id(Id::Uuid(uid));
    let params = [Param::Bool(false), serial, uid, write::versions(precondition)];
    write.call(pg, WRITE, params.into_iter().chain(written(fields)), Kind::List).await
}

/// Removes a list that no live todo is in.
///
/// # Errors
/// [`Conflict::ListNotEmpty`](crate::error::Conflict::ListNotEmpty), [`Error::NotFound`], [`Error::VersionMismatch`].
pub async fn delete(pg: &Pg, write: &Write<'_>, uid: Uuid, precondition: &Precondition) -> Result<Written<()>> {
    const SQL: Function = Function("list_delete_v1", "$8, $9::text::uuid, $10");
    let [serial, uid] = write::id(Id::Uuid(uid));
    write.call(pg, SQL, [serial, uid, write::versions(precondition)], Kind::List).await
}

fn written(ListFields { name, color, position, archived }: &ListFields) -> [Param; 2] {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let Some(name) = name {
        put("name", name.as_str().into());
        put("folded", folded(name).into());
    }
    if let Some(color) = color {
        put("color", json!(color));
    }
    if let Some(position) = position {
        put("position", json!(position));
    }
    if let Some(archived) = archived {
        put("archived", (*archived).into());
    }
    [Param::json(&Value::Object(fields)), Param::Int(MOST_LISTS)]
}
