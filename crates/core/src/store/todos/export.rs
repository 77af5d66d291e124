//! Todos of an export: one statement per chunk, so that an export of any size needs little memory on either side.

use serde_json::value::RawValue;

use super::list::{self, Archives};
use crate::caller::Caller;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Sort};
use crate::domain::todo::Todo;
use crate::error::Result;
use crate::store::pg::Pg;
use crate::store::pg::from_json;

/// How many todos one statement fetches at most.
pub const CHUNK: i64 = 500;
/// How many bytes their titles and descriptions have at most, where it is more than one todo.
pub const CHUNK_BYTES: i64 = 512 * 1024;

/// Gives the next matching todos one by one, at most [`CHUNK`], so that beside what Postgres rendered there is no copy
/// of all of them; and where the following ones begin.
pub async fn chunk(
    pg: &Pg,
    archives: &Archives,
    caller: &Caller,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    mut each: impl FnMut(Todo),
) -> Result<Option<Position>> {
    let sql = |filter: &Filter| list::documents_sql(caller.workspace, filter, sort, after, CHUNK, CHUNK_BYTES);
    let page = list::page(pg, archives, caller, filter, sql).await?;
    for item in from_json::<Vec<&RawValue>>(&page.items)? {
        each(from_json(item.get())?);
    }
    Ok(page.next)
}
