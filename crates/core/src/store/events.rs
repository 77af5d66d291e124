//! The log of changes, line by line: the history of a todo, and all that happened in a workspace.

use crate::domain::event::{EventContext, EventFilter, EventPage, types_of_todos};

use uuid::Uuid;

use super::pg::{Param, Pg, Row, Statement};
use crate::caller::Caller;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::instant::Instant;
use crate::error::{Error, Kind, Result};

/// A page, the newest first, of the last 30 days: of one subject by its versions, else by the transactions, in the
/// order in which they began to write. It may be short: no more than 5,000 events are looked at. Index:
/// `events_by_subject`, or `events_pkey`.
pub async fn page(
    pg: &Pg,
    caller: &Caller,
    filter: &EventFilter,
    after: Option<&Position>,
    limit: Limit,
) -> Result<EventPage> {
    const SQL: &str = "SELECT items, next_rank, next_id \
        FROM events_page_v1($1, $2::text::uuid, $3, $4::text::timestamptz, $5::text::uuid, $6, $7, $8)";
    rendered(&mut pg.read(&caller.meter, Statement::new(SQL, params(caller, filter, after, limit))).await?.one()?)
}

/// The same with its context.
pub async fn page_in_context(
    pg: &Pg,
    caller: &Caller,
    filter: &EventFilter,
    after: Option<&Position>,
    limit: Limit,
) -> Result<(EventPage, EventContext)> {
    const SQL: &str = "SELECT p.items, p.next_rank, p.next_id, \
        json_build_object('complete_since', p.complete_since, 'titles', event_titles_v1($1, p.items))::text \
        FROM events_page_v1($1, $2::text::uuid, $3, $4::text::timestamptz, $5::text::uuid, $6, $7, $8) p";
    let mut row = pg.read(&caller.meter, Statement::new(SQL, params(caller, filter, after, limit))).await?.one()?;
    Ok((rendered(&mut row)?, row.json()?))
}

fn params(caller: &Caller, filter: &EventFilter, after: Option<&Position>, limit: Limit) -> Vec<Param> {
    let EventFilter { types, since, actor, subject } = filter;
    vec![
        Param::Int(caller.workspace.0),
        Param::text(subject.map(|uid| uid.to_string())),
        if types.is_empty() { Param::Null } else { Param::Texts(types.clone()) },
        Param::text(since.as_ref().map(Instant::as_str)),
        Param::text(actor.map(|uid| uid.to_string())),
        Param::text(after.and_then(|position| position.value.clone())),
        after.map_or(Param::Null, |position| Param::Int(position.id)),
        Param::Int(limit.get()),
    ]
}

/// The same of one todo, live or in the bin. Not of a list that has got the same id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn history(
    pg: &Pg,
    caller: &Caller,
    todo: Uuid,
    after: Option<&Position>,
    limit: Limit,
) -> Result<EventPage> {
    const SQL: &str = "SELECT items, next_rank, next_id FROM todo_history_v1($1, $2::text::uuid, $6, $3, $4, $5)";
    let params = vec![
        Param::Int(caller.workspace.0),
        Param::Text(todo.to_string()),
        Param::text(after.and_then(|position| position.value.clone())),
        after.map_or(Param::Null, |position| Param::Int(position.id)),
        Param::Int(limit.get()),
        Param::Texts(types_of_todos().map(str::to_owned).collect()),
    ];
    let row = pg.read(&caller.meter, Statement::new(SQL, params)).await?.optional();
    rendered(&mut row.ok_or(Error::NotFound(Kind::Todo))?)
}

fn rendered(row: &mut Row) -> Result<EventPage> {
    let items = row.text()?;
    let (value, id) = (row.optional_text()?, row.optional_int()?);
    Ok(EventPage { items, next: id.map(|id| Position { value, id }) })
}
