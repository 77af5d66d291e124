//! Todos by the thousand: one statement per chunk, so that an export of any size needs little memory on either side.

use super::page::Page;
use super::pg::Pg;
use super::pg_rows::from_json;
use super::todo_list;
use crate::caller::Caller;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Sort};
use crate::domain::todo::Todo;
use crate::error::Result;

/// How many todos one statement fetches.
pub const CHUNK: i64 = 500;

/// The next [`CHUNK`] matching todos.
pub async fn chunk(
    pg: &Pg,
    caller: &Caller,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
) -> Result<Page<Todo>> {
    let statement = todo_list::documents_sql(caller.workspace, filter, sort, after, CHUNK);
    let (items, next) = todo_list::rendered(pg.read(&caller.meter, statement).await?)?;
    Ok(Page { items: from_json(&items)?, next })
}
