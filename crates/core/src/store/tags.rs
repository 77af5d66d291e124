//! Tags.

use crate::domain::tag::Tag;
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
use crate::domain::text::TagName;
use crate::domain::todo::Precondition;
use crate::error::{Kind, Result};

/// A page of tags by id.
pub async fn page(pg: &Pg, caller: &Caller, after: Option<&Position>, limit: Limit) -> Result<Page<Tag>> {
    let params = vec![Param::Int(caller.workspace.0), page::after(after), page::one_more(limit)];
    let statement = Statement::new(include_str!("sql/tags_page.sql"), params);
    page::collect(pg.read(&caller.meter, statement).await?, limit, |tag: &Tag| tag.id)
}

/// Renames a tag. If another tag has the name, the two merge: the other one stays, with its id, and is returned. `job`
/// is the public id of the job that does the rest, if many todos have the tag.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound), [`Error::VersionMismatch`](crate::Error::VersionMismatch).
pub async fn rename(
    pg: &Pg,
    write: &Write<'_>,
    id: Id,
    precondition: &Precondition,
    name: &TagName,
    job: Uuid,
) -> Result<Written<Tag>> {
    const SQL: Function = Function("tag_rename_v1", "$8, $9::text::uuid, $10, $11, $12, $13::text::uuid");
    let [serial, uid] = write::id(id);
    let [spelling, folded, job] = [name.as_str().to_owned(), name.folded(), job.to_string()].map(Param::Text);
    write.call(pg, SQL, [serial, uid, write::versions(precondition), spelling, folded, job], Kind::Tag).await
}

/// Removes a tag from all todos. `job` as in [`rename`].
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound), [`Error::VersionMismatch`](crate::Error::VersionMismatch).
pub async fn delete(pg: &Pg, write: &Write<'_>, id: Id, precondition: &Precondition, job: Uuid) -> Result<Written<()>> {
    const SQL: Function = Function("tag_delete_v1", "$8, $9::text::uuid, $10, $11::text::uuid");
    let [serial, uid] = write::id(id);
    write.call(pg, SQL, [serial, uid, write::versions(precondition), Param::Text(job.to_string())], Kind::Tag).await
}
