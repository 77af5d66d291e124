//! Lists of todos.
//!
//! A page leaves out what is in archived lists, unless it is asked for. Postgres plans its statement each time, and
//! that condition makes it several times as long. So a page is first read as if there were no such lists, and Postgres
//! tells beside it whether there are any; only then, and as long as the instance remembers it, the condition is asked
//! for. That is one statement more for each instance and minute, and only for workspaces with archived lists.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::condition::HAS_ARCHIVE;
use super::listing::{Order, sort_value};
use super::query::TodoQuery;
use crate::caller::{Caller, WorkspaceId};
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Limit, Sort};
use crate::domain::page::RenderedPage;
use crate::domain::todo::Todo;
use crate::error::Result;
use crate::lock;
use crate::store::pg::{Param, Pg, Row, Statement};

/// How long an instance remembers that a workspace has archived lists.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Of how many workspaces.
const MOST_WORKSPACES: usize = 100;

/// The workspaces in which this instance has seen archived lists of late, and when.
#[derive(Debug, Default)]
pub struct Archives(Mutex<Vec<(WorkspaceId, Instant)>>);

impl Archives {
    fn are_in(&self, workspace: WorkspaceId, now: Instant) -> bool {
        let mut seen = lock(&self.0);
        seen.retain(|(_, at)| now.saturating_duration_since(*at) < REMEMBERED);
        seen.iter().any(|(other, _)| *other == workspace)
    }

    fn note(&self, workspace: WorkspaceId, now: Instant) {
        let mut seen = lock(&self.0);
        seen.retain(|(other, _)| *other != workspace);
        if seen.len() == MOST_WORKSPACES {
            seen.remove(0);
        }
        seen.push((workspace, now));
    }
}

/// A page of summaries.
pub async fn summaries(
    pg: &Pg,
    archives: &Archives,
    caller: &Caller,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: Limit,
) -> Result<RenderedPage> {
    let sql = |filter: &Filter| summaries_sql(caller.workspace, filter, sort, after, limit.get());
    page(pg, archives, caller, filter, sql).await
}

/// The page of a statement, which is made of this filter or of one that does not leave out archived lists.
pub(super) async fn page(
    pg: &Pg,
    archives: &Archives,
    caller: &Caller,
    filter: &Filter,
    sql: impl Fn(&Filter) -> Statement,
) -> Result<RenderedPage> {
    let workspace = caller.workspace;
    if !filter.archived && !filter.deleted && !archives.are_in(workspace, Instant::now()) {
        let all = Filter { archived: true, ..filter.clone() };
        let (page, has_archive) = rendered(pg.read(&caller.meter, sql(&all)).await?.one()?)?;
        if !has_archive {
            return Ok(page);
        }
        archives.note(workspace, Instant::now());
    }
    Ok(rendered(pg.read(&caller.meter, sql(filter)).await?.one()?)?.0)
}

/// Whole live todos by id ascending, without the first `skip`: what the old clients page by.
pub async fn full(pg: &Pg, caller: &Caller, filter: &Filter, skip: i64, limit: Limit) -> Result<Vec<Todo>> {
    pg.read(&caller.meter, full_sql(caller.workspace, filter, skip, limit.get())).await?.one()?.json()
}

/// The statement of [`summaries`]. The index of the order serves it, or that of a selective filter.
pub fn summaries_sql(
    workspace: WorkspaceId,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: i64,
) -> Statement {
    page_sql(workspace, "todos_summarise_v1", filter, sort, after, limit, None)
}

/// The statement of [`crate::store::export::chunk`]: as [`summaries_sql`], with whole todos, whose texts together have
/// at most this many bytes, if there is more than one.
pub fn documents_sql(
    workspace: WorkspaceId,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: i64,
    bytes: i64,
) -> Statement {
    page_sql(workspace, "todos_render_v1", filter, sort, after, limit, Some(bytes))
}

/// Columns: the items as a JSON array, whether more follow, sort value and id of the last item, whether the workspace
/// has archived lists.
///
/// Postgres plans the statement each time, so it only finds the rows; `render` is a function, whose plans are kept.
fn page_sql(
    workspace: WorkspaceId,
    render: &str,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: i64,
    bytes: Option<i64>,
) -> Statement {
    let mut query = TodoQuery::new(workspace);
    // One row more than the page has shows whether others follow. Beside a literal Postgres would take it for an
    // `integer`.
    let limit = format!("{}::bigint", query.bind(Param::Int(limit)));
    let selection = query.selection(filter, sort, after, &format!("{limit} + 1"));
    let direction = Order::of(sort).direction;
    let mut rows = format!(
        "SELECT id, sort_key, is_edge, {limit} AS size, row_number() OVER \
         (ORDER BY sort_key {direction} NULLS LAST, id {direction}, is_edge) AS place FROM ({selection}) selection"
    );
    if let Some(bytes) = bytes {
        let bytes = query.bind(Param::Int(bytes));
        rows = within_bytes(&rows, &bytes);
    }
    let last = "FILTER (WHERE p.place = p.size OR p.is_edge AND p.place < p.size)";
    let value = sort_value(sort, "p.sort_key");
    let sql = format!(
        "SELECT {render}($1, array_agg(p.id ORDER BY p.place) FILTER (WHERE p.place <= p.size AND NOT p.is_edge)), \
         coalesce(count(*) > max(p.size) OR bool_or(p.is_edge), false), max({value}) {last}, max(p.id) {last}, \
         {HAS_ARCHIVE} FROM ({rows}) p"
    );
    Statement { sql: sql.into(), params: query.params }
}

/// The same rows with the size of a page whose texts have at most so many bytes, or of one row.
fn within_bytes(rows: &str, bytes: &str) -> String {
    format!(
        "SELECT r.id, r.sort_key, r.is_edge, r.place, \
         least(r.size, count(*) FILTER (WHERE r.place = 1 OR r.bytes <= {bytes}) OVER ()) AS size \
         FROM (SELECT p.*, sum(octet_length(t.title) + coalesce(octet_length(t.description), \
         0)) OVER (ORDER BY p.place) AS bytes \
         FROM ({rows}) p LEFT JOIN todos t ON t.workspace_id = $1 AND t.id = p.id AND NOT p.is_edge) r"
    )
}

/// A page, and whether the workspace has archived lists.
fn rendered(mut row: Row) -> Result<(RenderedPage, bool)> {
    let items = row.text()?;
    let more = row.bool()?;
    let value = row.optional_text()?;
    let id = row.optional_int()?;
    let next = id.filter(|_| more).map(|id| Position { value, id });
    Ok((RenderedPage { items, next }, row.bool()?))
}

/// The statement of [`full`], served by `todos_pkey`. Where more is left out than there is, nothing is looked at.
pub fn full_sql(workspace: WorkspaceId, filter: &Filter, skip: i64, limit: i64) -> Statement {
    let mut query = TodoQuery::new(workspace);
    let conditions = query.conditions(filter);
    let most = query.at_most(filter);
    let skip = format!("{}::bigint", query.bind(Param::Int(skip)));
    let limit = query.bind(Param::Int(limit));
    let sql = format!(
        "SELECT todos_render_v1($1, ARRAY( \
         SELECT t.id FROM todos t WHERE {conditions} AND {skip} < {most} ORDER BY t.id OFFSET {skip} LIMIT {limit}))"
    );
    Statement { sql: sql.into(), params: query.params }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_remembered_for_a_while_and_of_some_workspaces() {
        let (archives, at) = (Archives::default(), Instant::now());
        let known = |workspace, now| archives.are_in(WorkspaceId(workspace), now);
        assert!(!known(1, at));
        archives.note(WorkspaceId(1), at);
        assert!(known(1, at) && !known(2, at));
        assert!(!known(1, at + REMEMBERED));
        for workspace in 0..=i64::try_from(MOST_WORKSPACES).unwrap() {
            archives.note(WorkspaceId(workspace), at);
        }
        assert!(!known(0, at) && known(1, at), "the oldest makes room");
    }
}
