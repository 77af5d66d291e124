//! Pages of the small collections, in the order of ids, which is the order of creation.

use crate::domain::page::Page;
use serde::de::DeserializeOwned;

use super::pg::{Param, Rows};
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::error::Result;

/// The id after which a page that ascends begins.
pub(super) fn after(position: Option<&Position>) -> Param {
    Param::Int(position.map_or(0, |position| position.id))
}

/// One row more than the page has, so that it shows whether there are more.
pub(super) fn one_more(limit: Limit) -> Param {
    Param::Int(limit.get() + 1)
}

/// The page of a statement that gave one JSON array of at most [`one_more`] items.
pub(super) fn collect<T: DeserializeOwned>(rows: Rows, limit: Limit, id: impl Fn(&T) -> i64) -> Result<Page<T>> {
    let mut items: Vec<T> = rows.one()?.json()?;
    let size = usize::try_from(limit.get()).unwrap_or(usize::MAX);
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(|last| Position { value: None, id: id(last) });
    Ok(Page { items, next })
}
