//! Tags.

use serde::Deserialize;
use uuid::Uuid;

use super::page::{self, Page};
use super::pg::{Param, Pg, Statement};
use super::write::{self, Write, Written};
use crate::caller::Caller;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::id::Id;
use crate::domain::instant::Instant;
use crate::domain::text::TagName;
use crate::domain::todo::Precondition;
use crate::error::{Kind, Result};

/// A tag and how much it is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tag {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// Its name.
    pub name: String,
    /// How many live todos have it.
    pub count: i64,
    /// When it was first used.
    pub created_at: Instant,
    /// 1 at first, one more with each rename.
    pub version: i64,
}

/// A page of tags by id.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Tag>> {
    let params = vec![Param::Int(caller.workspace.0), page::after(after), page::one_more(limit)];
    let statement = Statement::new(include_str!("sql/tags_page.sql"), params);
    page::collect(pg.read(&caller.meter, statement).await?, limit, |tag: &Tag| tag.id)
}

/// Renames a tag. If another tag has the name, the two merge: the other one stays, with its id, and is returned.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound), [`Error::VersionMismatch`](crate::Error::VersionMismatch).
pub async fn rename(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    name: &TagName,
) -> Result<Written<Tag>> {
    const SQL: &str = "SELECT outcome, body, cache_wait \
        FROM tag_rename_v1($1, $2, $3, $4, $5, $6, $7::text::uuid, $8, $9, $10)";
    let [serial, uid] = write::id(id);
    let [spelling, folded] = [name.as_str().to_owned(), name.folded()].map(Param::Text);
    write.call(pg, SQL, [serial, uid, write::versions(precondition), spelling, folded], Kind::Tag).await
}

/// Removes a tag from all todos.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound), [`Error::VersionMismatch`](crate::Error::VersionMismatch).
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, precondition: &Precondition) -> Result<Written<()>> {
    const SQL: &str = "SELECT outcome, body, cache_wait FROM tag_delete_v1($1, $2, $3, $4, $5, $6, $7::text::uuid, $8)";
    let [serial, uid] = write::id(id);
    write.call(pg, SQL, [serial, uid, write::versions(precondition)], Kind::Tag).await
}
