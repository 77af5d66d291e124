//! From a filter and an order to SQL: only the conditions that are needed, so that the planner sees a simple query
//! whatever was asked for. Callers' words are parameters, never text of the statement; enumerations are written out.

mod filter;

use crate::caller::WorkspaceId;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Sort, SortKey};
use crate::domain::instant::Instant;

use super::condition::{OPEN, On, OnList, SqlCondition, is_open, place, requires_due_date};
use super::fields::priority_number;
use super::listing::{IN_INDEX, IN_TABLE, Listing, Order};
use crate::store::pg::Param;

/// A statement in the making; `$1` is the workspace.
pub struct TodoQuery {
    pub(in crate::store) params: Vec<Param>,
    /// The id that all exceed and the last, in SQL, repeated on other tables: the planner carries no bound over a join.
    window: Option<[String; 2]>,
}

impl TodoQuery {
    pub(in crate::store) fn new(workspace: WorkspaceId) -> Self {
        Self { params: vec![Param::Int(workspace.0)], window: None }
    }

    /// Adds a value and gives its name in the statement.
    pub fn bind(&mut self, param: Param) -> String {
        self.params.push(param);
        format!("${}", self.params.len())
    }

    /// Demands ids beyond this one, up to the last, in SQL. Call it before [`TodoQuery::conditions`].
    pub fn within(&mut self, after: i64, last: &str) {
        self.window = Some([self.bind(Param::Int(after)), last.to_owned()]);
    }

    fn in_window(&self, id: &str) -> String {
        self.window.as_ref().map(|[after, last]| format!(" AND {id} > {after} AND {id} <= {last}")).unwrap_or_default()
    }

    fn instant(&mut self, instant: &Instant) -> String {
        format!("{}::text::timestamptz", self.bind(Param::Text(instant.as_str().to_owned())))
    }

    /// The conditions on `todos t`, joined by AND.
    pub fn conditions(&mut self, filter: &Filter) -> String {
        let mut all = vec![place(filter) + &self.in_window("t.id")];
        all.extend(self.all(filter).into_iter().map(|condition| condition.sql));
        all.join(" AND ")
    }

    /// How many todos match at most, from the counts that are kept of live todos: a number in SQL.
    pub fn at_most(&mut self, filter: &Filter) -> String {
        let Filter { status, priority, completed, .. } = filter.clone();
        let counted = Filter { status, priority, completed, archived: true, ..Filter::default() };
        let kinds: String = self.all(&counted).iter().map(|condition| format!(" AND {}", condition.sql)).collect();
        format!("(SELECT coalesce(sum(t.todos), 0)::bigint FROM todo_counts t WHERE t.workspace_id = $1{kinds})")
    }

    /// The rows after a position, in order, at most `limit`: a query of `id`, `sort_key` and `is_edge`. An edge is the
    /// last row, and no row of the list: so far was looked, and there may be more beyond.
    pub fn selection(&mut self, filter: &Filter, sort: Sort, after: Option<&Position>, limit: &str) -> String {
        let (mut bounds, mut rest): (Vec<_>, Vec<_>) = self
            .all(filter)
            .into_iter()
            .partition(|condition| [On::Instant(sort.key), On::All].contains(&condition.on));
        if let (SortKey::UpdatedAt, Some(bound)) = (sort.key, &filter.created_after) {
            // Nothing changes before it is created: the index of the order need not be read from its beginning.
            let sql = format!("t.updated_at > {}", self.instant(bound));
            bounds.push(SqlCondition { on: On::Instant(sort.key), sql });
        }
        let priorities = filter.priority.iter().map(|priority| priority_number(*priority));
        if let (SortKey::Priority, Some((least, most))) = (sort.key, priorities.clone().min().zip(priorities.max())) {
            // A list of values is looked for row by row in an index that gives the order, bounds are not.
            bounds.push(SqlCondition { on: On::Priority, sql: format!("t.priority BETWEEN {least} AND {most}") });
            if least == most {
                rest.retain(|condition| condition.on != On::Priority);
            }
        }
        if sort.key == SortKey::DueDate && is_open(filter) {
            bounds.push(SqlCondition { on: On::Instant(sort.key), sql: OPEN.to_owned() });
        }
        let mut order = Order::of(sort);
        if sort.key == SortKey::Position && !filter.deleted {
            // A list, and what is below a parent, has an index in this order.
            let holds = |condition: &SqlCondition| {
                matches!(condition.on, On::List(OnList::One(_) | OnList::Inbox) | On::Parent(_))
            };
            if let Some(at) = rest.iter().position(holds) {
                let holder = rest.remove(at);
                order.is_carried = !matches!(holder.on, On::Parent(_));
                order.leads = matches!(holder.on, On::List(OnList::Inbox)).then_some("t.list_id");
                bounds.push(holder);
            }
        }
        let runs = self.runs(filter, sort, after, &order);
        let is_indexed = |condition: &SqlCondition| !matches!(condition.on, On::Tag(_) | On::Words(_) | On::Ids(_));
        let is_in_index = order.is_carried && !filter.deleted && rest.iter().all(is_indexed);
        let reach = if is_in_index { IN_INDEX } else { IN_TABLE };
        let listing = Listing { place: place(filter), bounds, rest, runs, order, reach, limit };
        if listing.rest.is_empty() { listing.whole(listing.order.expression) } else { listing.within_reach(filter) }
    }

    /// The conditions, apart from the filter's, of the rows to come.
    ///
    /// Rows without a due date come last either way, which no scan of one index gives in both directions. They are a
    /// second run, over the same index.
    fn runs(&mut self, filter: &Filter, sort: Sort, after: Option<&Position>, order: &Order) -> Vec<String> {
        let Order { expression, cast, comparison, .. } = order;
        let beyond = after.map(|Position { value, id }| {
            let id = self.bind(Param::Int(*id));
            match value {
                Some(value) => {
                    let value = self.bind(Param::Text(value.clone()));
                    format!(" AND ({expression}, t.id) {comparison} ({value}::text{cast}, {id})")
                }
                None => format!(" AND t.id {comparison} {id}"),
            }
        });
        let is_among_undated = after.is_some_and(|position| position.value.is_none());
        let beyond = beyond.unwrap_or_default();
        match sort.key {
            SortKey::DueDate if is_among_undated => vec![format!(" AND t.due_date IS NULL{beyond}")],
            SortKey::DueDate => {
                let mut runs = vec![format!(" AND t.due_date IS NOT NULL{beyond}")];
                if !requires_due_date(filter) {
                    runs.push(" AND t.due_date IS NULL".to_owned());
                }
                runs
            }
            _ => vec![beyond],
        }
    }
}

#[cfg(test)]
mod tests;
