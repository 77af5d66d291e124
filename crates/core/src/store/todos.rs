//! Single todos.

pub mod batch;
mod condition;
pub mod export;
pub mod fields;
pub mod list;
mod listing;
pub mod overview;
pub mod query;
pub mod stats;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::pg::{Param, Pg, Statement, from_json};
use super::write::{self, Function, Write};
use crate::caller::Caller;
use crate::domain::id::Id;
use crate::domain::idempotency::Written;
use crate::domain::list::Move;
use crate::domain::todo::{Draft, Patch, Precondition, Todo};
use crate::error::{Error, Kind, Result};

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

/// Live todos, in the order of their ids in the argument, without those that are not to be found; and then their other
/// subtasks, at most a hundred: the first of each, the second of each and so on. Index: `todos_uid_key`,
/// `todos_by_parent`.
pub async fn find_all(pg: &Pg, caller: &Caller, uids: &[Uuid]) -> Result<Vec<Todo>> {
    const SQL: &str = "WITH found AS MATERIALIZED ( \
        SELECT t.id, u.place FROM unnest($2::text[]) WITH ORDINALITY AS u (uid, place) \
        JOIN todos t ON t.workspace_id = $1 AND t.uid = u.uid::uuid AND t.deleted_at IS NULL), \
        below AS (SELECT f.place, s.id, row_number() OVER (PARTITION BY f.id ORDER BY s.position, s.id) AS turn \
        FROM found f CROSS JOIN LATERAL (SELECT t.id, t.position FROM todos t \
        WHERE t.workspace_id = $1 AND t.parent_id = f.id AND t.deleted_at IS NULL AND t.id NOT IN (SELECT id \
        FROM found) \
        ORDER BY t.position, t.id LIMIT 100) s ORDER BY turn, f.place LIMIT 100) \
        SELECT todos_render_v1($1, ARRAY(SELECT id FROM found ORDER BY place) || ARRAY( \
        SELECT id FROM below ORDER BY place, turn))";
    let params = vec![Param::Int(caller.workspace.0), Param::Texts(uids.iter().map(Uuid::to_string).collect())];
    pg.read(&caller.meter, Statement::new(SQL, params)).await?.one()?.json()
}

/// Creates a todo under a UUID that the caller chose or that was made for it.
///
/// # Errors
/// [`Error::Exists`] if the id is taken, [`Conflict::TodoDeleted`](crate::error::Conflict::TodoDeleted) if its todo is
/// in the bin, [`Error::Invalid`] at `/assignee_id` if there is no such employee.
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, draft: &Draft) -> Result<Written<Todo>> {
    const SQL: Function = Function("todo_create_v1", "$8::text::uuid, $9::text::jsonb");
    let params = [Param::Text(uid.to_string()), Param::json(&fields::draft(draft))];
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
    update(pg, write, id, precondition, &json!({ "update": fields::draft(draft) })).await
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
    update(pg, write, id, precondition, &json!({ "update": fields::patch(patch) })).await
}

/// Moves a live todo with all that is below it, and makes room for it where there is none.
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`], [`Error::Invalid`] at what it does not fit to,
/// [`Conflict::ListArchived`](crate::error::Conflict::ListArchived).
pub async fn relocate(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    to: &Move,
) -> Result<Written<Todo>> {
    update(pg, write, id, precondition, &json!({ "move": fields::movement(to) })).await
}

/// Completes a live todo, with `subtasks` also the open ones below it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`], [`Conflict::ListArchived`](crate::error::Conflict::ListArchived).
pub async fn complete(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    subtasks: bool,
) -> Result<Written<Todo>> {
    update(pg, write, id, precondition, &json!({ "complete": subtasks })).await
}

async fn update(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    operation: &Value,
) -> Result<Written<Todo>> {
    const SQL: Function = Function("todo_update_v1", "$8, $9::text::uuid, $10, $11::text::jsonb");
    let [serial, uid] = write::id(id);
    let params = [serial, uid, write::versions(precondition), Param::json(operation)];
    write.call(pg, SQL, params, Kind::Todo).await
}

/// A todo that was put into the bin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deleted {
    /// Its public id.
    pub uid: Uuid,
    /// That of its parent.
    pub parent: Option<Uuid>,
    /// Whether it went there with others below it.
    pub below: bool,
}

/// Puts a live todo into the bin, with all live ones below it.
///
/// # Errors
/// [`Error::NotFound`] also if it is there already, [`Error::VersionMismatch`].
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, precondition: &Precondition) -> Result<Written<Deleted>> {
    const SQL: Function = Function("todo_delete_v1", "$8, $9::text::uuid, $10");
    let [serial, uid] = write::id(id);
    write.call(pg, SQL, [serial, uid, write::versions(precondition)], Kind::Todo).await
}

/// Takes a todo out of the bin, within 30 days of its deletion, with those below it that went there with it; a live
/// todo is returned as it is.
///
/// # Errors
/// [`Error::NotFound`], [`Conflict::ListArchived`](crate::error::Conflict::ListArchived).
pub async fn restore(pg: &Pg, write: &Write<'_>, id: Id) -> Result<Written<Todo>> {
    const SQL: Function = Function("todo_restore_v1", "$8, $9::text::uuid");
    write.call(pg, SQL, write::id(id), Kind::Todo).await
}
