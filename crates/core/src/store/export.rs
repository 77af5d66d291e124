//! Todos by the thousand: one statement per chunk, so that an export of any size needs little memory on either side.

use super::page::Page;
use super::pg::Pg;
use crate::caller::Caller;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Sort};
use crate::domain::todo::Todo;
use crate::error::{Error, Result};

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
    Err(Error::Internal("not written yet".to_owned()))
}
