//! Single todos.

use uuid::Uuid;

use super::pg::{Param, Pg, Statement};
use super::pg_rows::from_json;
use super::todo_fields::{self, json_param};
use super::write::{self, Write, Written};
use crate::caller::Caller;
use crate::domain::id::Id;
use crate::domain::todo::{Draft, Patch, Precondition, Todo};
use crate::error::{Error, Kind, Result};

const UPDATE: &str = "SELECT outcome, body, cache_wait \
    FROM todo_update_v1($1, $2, $3, $4, $5, $6, $7::text::uuid, $8, $9::text::jsonb)";

/// A live todo.
///
/// # Errors
/// [`Error::NotFound`] also for todos in the bin.
pub async fn find(pg: &Pg, caller: &Caller, id: Id) -> Result<Todo> {
    let [serial, uid] = write::id(id);
    let params = vec![Param::Int(caller.workspace.0), serial, uid];
    let statement = Statement::new("SELECT todo_find_v1($1, $2, $3::text::uuid)", params);
    let document = pg.read(&caller.meter, statement).await?.one()?.optional_text()?;
    from_json(&document.ok_or(Error::NotFound(Kind::Todo))?)
}

/// Live todos, in the order of their ids in the argument, without those that are not to be found. Index: `todos_uid_key`.
pub async fn find_all(pg: &Pg, caller: &Caller, uids: &[Uuid]) -> Result<Vec<Todo>> {
    const SQL: &str = "SELECT todos_render_v1($1, ARRAY( \
        SELECT t.id FROM unnest($2::text[]) WITH ORDINALITY AS u (uid, place) \
        JOIN todos t ON t.workspace_id = $1 AND t.uid = u.uid::uuid AND t.deleted_at IS NULL ORDER BY u.place))";
    let params = vec![Param::Int(caller.workspace.0), Param::Texts(uids.iter().map(Uuid::to_string).collect())];
    pg.read(&caller.meter, Statement::new(SQL, params)).await?.one()?.json()
}

/// Creates a todo under a UUID that the caller chose or that was made for it.
///
/// # Errors
/// [`Error::Exists`] if the id is taken, [`Conflict::TodoDeleted`](crate::error::Conflict::TodoDeleted) if its todo is in the
/// bin, [`Error::Invalid`] at `/assignee_id` if there is no such employee.
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, draft: &Draft) -> Result<Written<Todo>> {
    const SQL: &str = "SELECT outcome, body, cache_wait \
        FROM todo_create_v1($1, $2, $3, $4, $5, $6::text::uuid, $7::text::jsonb)";
    let params = [Param::Text(uid.to_string()), json_param(&todo_fields::draft(draft))];
    write.call(pg, SQL, params, Kind::Todo).await
}

/// Makes a live todo equal to the draft; a draft that equals it changes nothing, not even the version.
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`], [`Error::Invalid`] at `/assignee_id`.
pub async fn replace(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    draft: &Draft,
) -> Result<Written<Todo>> {
    let [serial, uid] = write::id(id);
    let params = [serial, uid, write::versions(precondition), json_param(&todo_fields::draft(draft))];
    write.call(pg, UPDATE, params, Kind::Todo).await
}

/// Changes what the patch names; a patch that changes nothing leaves the version and `updated_at`.
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`], [`Error::Invalid`] at `/assignee_id`.
pub async fn patch(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    patch: &Patch,
) -> Result<Written<Todo>> {
    let [serial, uid] = write::id(id);
    let params = [serial, uid, write::versions(precondition), json_param(&todo_fields::patch(patch))];
    write.call(pg, UPDATE, params, Kind::Todo).await
}

/// Puts a live todo into the bin; tells its public id.
///
/// # Errors
/// [`Error::NotFound`] also if it is there already, [`Error::VersionMismatch`].
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, precondition: &Precondition) -> Result<Written<Uuid>> {
    const SQL: &str =
        "SELECT outcome, body, cache_wait FROM todo_delete_v1($1, $2, $3, $4, $5, $6, $7::text::uuid, $8)";
    let [serial, uid] = write::id(id);
    write.call(pg, SQL, [serial, uid, write::versions(precondition)], Kind::Todo).await
}

/// Takes a todo out of the bin, within 30 days of its deletion; a live todo is returned as it is.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn restore(pg: &Pg, write: &Write<'_>, id: Id) -> Result<Written<Todo>> {
    const SQL: &str = "SELECT outcome, body, cache_wait FROM todo_restore_v1($1, $2, $3, $4, $5, $6, $7::text::uuid)";
    write.call(pg, SQL, write::id(id), Kind::Todo).await
}
