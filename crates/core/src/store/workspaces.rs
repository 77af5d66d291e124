//! Workspaces, for administrators.

use crate::domain::workspace::Workspace;
use uuid::Uuid;

use super::page;
use super::pg::{Param, Pg, Statement};
use super::write::{Function, Write};
use crate::caller::Meter;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::idempotency::Written;
use crate::domain::page::Page;
use crate::domain::people::Name;
use crate::error::{Kind, Result};

/// A page of all workspaces by id.
pub async fn page(pg: &Pg, meter: &Meter, after: Option<&Position>, limit: Limit) -> Result<Page<Workspace>> {
    const SQL: &str = "SELECT coalesce('[' || string_agg(row_to_json(w)::text, ',' ORDER BY w.id) || ']', '[]') FROM ( \
        SELECT id, uid, name, rfc3339_v1(created_at) AS created_at FROM workspaces WHERE id > $1 ORDER BY id LIMIT $2 \
        ) w";
    let statement = Statement::new(SQL, vec![page::after(after), page::one_more(limit)]);
    page::collect(pg.read(meter, statement).await?, limit, |workspace: &Workspace| workspace.id)
}

/// A new workspace. The idempotency key belongs to the caller's workspace.
///
/// # Errors
/// [`Conflict::WorkspaceNameTaken`](crate::error::Conflict::WorkspaceNameTaken).
pub async fn insert(pg: &Pg, write: &Write<'_>, uid: Uuid, name: &Name) -> Result<Written<Workspace>> {
    const SQL: Function = Function("workspace_create_v1", "$8::text::uuid, $9");
    let params = [Param::Text(uid.to_string()), Param::Text(name.as_str().to_owned())];
    write.call(pg, SQL, params, Kind::Workspace).await
}
