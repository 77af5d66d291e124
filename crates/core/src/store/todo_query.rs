//! From a filter and an order to SQL: only the conditions that are needed, so that the planner sees a simple query whatever
//! was asked for. Callers' words are parameters, never text of the statement; enumerations are written out.

use crate::caller::WorkspaceId;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Sort, SortKey};
use crate::domain::id::Id;
use crate::domain::instant::Instant;
use crate::domain::todo::Status;

use super::pg::Param;
use super::todo_fields::priority_number;

/// A statement in the making; `$1` is the workspace.
pub(super) struct Query {
    pub(super) params: Vec<Param>,
    /// The value that ids must exceed, where they must. Conditions on other tables repeat it, since the planner does not carry
    /// a bound over from one side of a join to the other.
    floor: Option<String>,
}

impl Query {
    pub(super) fn new(workspace: WorkspaceId) -> Self {
        Self { params: vec![Param::Int(workspace.0)], floor: None }
    }

    /// Adds a value and gives its name in the statement.
    pub(super) fn bind(&mut self, param: Param) -> String {
        self.params.push(param);
        format!("${}", self.params.len())
    }

    /// Demands ids beyond this one. Call it before [`Query::conditions`].
    pub(super) fn beyond(&mut self, id: i64) {
        self.floor = Some(self.bind(Param::Int(id)));
    }

    fn instant(&mut self, instant: &Instant) -> String {
        format!("{}::text::timestamptz", self.bind(Param::Text(instant.as_str().to_owned())))
    }

    /// The conditions on `todos t`, joined by AND.
    pub(super) fn conditions(&mut self, filter: &Filter) -> String {
        let Filter {
            status,
            priority,
            completed,
            tags,
            assignee,
            department,
            due_after,
            due_before,
            overdue,
            created_after,
            created_before,
            updated_since,
            q,
            deleted,
        } = filter;
        let mut all = vec!["t.workspace_id = $1".to_owned()];
        all.push(if *deleted { IN_BIN } else { "t.deleted_at IS NULL" }.to_owned());
        all.extend(self.floor.as_ref().map(|floor| format!("t.id > {floor}")));
        all.extend(status_condition(status, *completed));
        let priorities: Vec<String> = priority.iter().map(|priority| priority_number(*priority).to_string()).collect();
        all.extend(any_of("t.priority", &priorities));
        for tag in tags {
            // The planner calls the function, so that it knows how common the tag is.
            let folded = self.bind(Param::Text(tag.folded()));
            let floor = self.floor.as_ref().map(|floor| format!(" AND l.todo_id > {floor}")).unwrap_or_default();
            all.push(format!(
                "EXISTS (SELECT FROM todo_tags l WHERE l.workspace_id = $1 AND l.todo_id = t.id \
                 AND l.tag_id = tag_id_v1($1, {folded}){floor})"
            ));
        }
        match assignee {
            Some(Id::Serial(id)) => all.push(format!("t.assignee_id = {}", self.bind(Param::Int(*id)))),
            Some(Id::Uuid(uuid)) => {
                let uuid = self.bind(Param::Text(uuid.to_string()));
                all.push(format!("t.assignee_id = employee_id_v1($1, {uuid}::text::uuid)"));
            }
            None => {}
        }
        match department {
            Some(Id::Serial(id)) => {
                let id = self.bind(Param::Int(*id));
                all.push(format!("t.assignee_id = ANY (members_v1($1, {id}, NULL))"));
            }
            Some(Id::Uuid(uuid)) => {
                let uuid = self.bind(Param::Text(uuid.to_string()));
                all.push(format!("t.assignee_id = ANY (members_v1($1, NULL, {uuid}::text::uuid))"));
            }
            None => {}
        }
        let bounds = [
            ("t.due_date >", due_after),
            ("t.due_date <", due_before),
            ("t.created_at >", created_after),
            ("t.created_at <", created_before),
            ("t.updated_at >=", updated_since),
        ];
        for (comparison, bound) in bounds {
            if let Some(bound) = bound {
                all.push(format!("{comparison} {}", self.instant(bound)));
            }
        }
        all.extend(overdue.map(|overdue| if overdue { OVERDUE } else { NOT_OVERDUE }.to_owned()));
        if let Some(words) = q {
            let words = self.bind(Param::Text(words.clone()));
            all.push(format!("t.search @@ websearch_to_tsquery('simple', {words})"));
        }
        all.join(" AND ")
    }

    /// The rows after a position, in order, at most `limit`: a query of `id` and `sort_key`.
    pub(super) fn selection(&mut self, filter: &Filter, sort: Sort, after: Option<&Position>, limit: &str) -> String {
        let mut conditions = self.conditions(filter);
        if let (SortKey::UpdatedAt, Some(bound)) = (sort.key, &filter.created_after) {
            // Nothing changes before it is created: the index of the order need not be read from its beginning.
            conditions.push_str(&format!(" AND t.updated_at > {}", self.instant(bound)));
        }
        let priorities = filter.priority.iter().map(|priority| priority_number(*priority));
        if let (SortKey::Priority, Some((least, most))) = (sort.key, priorities.clone().min().zip(priorities.max())) {
            // A list of values is looked for row by row in an index that gives the order, bounds are not.
            conditions.push_str(&format!(" AND t.priority BETWEEN {least} AND {most}"));
        }
        let order = Order::of(sort);
        let runs = self.runs(filter, sort, after, &order);
        let listing = Listing { conditions, runs, order, limit };
        // The bin is no large place, and its indexes are few.
        let is_carried = filter.q.is_none() && (sort.key != SortKey::Title || filter.is_empty());
        if is_carried || filter.deleted { listing.plain() } else { listing.near_then_far() }
    }

    /// The conditions, apart from the filter's, of the rows to come.
    ///
    /// Rows without a due date come last either way, which no scan of one index gives in both directions. They are a second
    /// run, over the same index.
    fn runs(&mut self, filter: &Filter, sort: Sort, after: Option<&Position>, order: &Order) -> Vec<String> {
        let Order { expression, cast, direction: _, comparison, unindexed: _ } = order;
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

/// A list in the making.
struct Listing<'a> {
    conditions: String,
    /// What narrows it to the rows after a position: one run of an index after the other.
    runs: Vec<String>,
    order: Order,
    limit: &'a str,
}

/// So many rows are looked at in the order of a list, or so many for each row of the page, before the other way is taken.
const NEAR: (u32, u32) = (2_000, 40);

impl Listing<'_> {
    /// The planner chooses between the index of the order, reading on until the page is full, and that of a condition, sorting
    /// all that match. If it errs, what matches lies at the far end of the order; but the indexes of the orders have what other
    /// conditions ask for, so that passing a row over does not mean to fetch it.
    fn plain(&self) -> String {
        self.by(self.order.expression)
    }

    /// Words are in no index of an order, and that of titles has nothing else. To pass a row over means to fetch it here, and
    /// how many that will be is nothing that the planner knows. So both ways, each within its bounds: the nearest rows of the
    /// order, and only if they do not fill the page, all that match.
    fn near_then_far(&self) -> String {
        let Self { conditions, runs, order: Order { expression, direction, unindexed, .. }, limit } = self;
        let first = runs.first().map_or("", String::as_str);
        let far = self.by(unindexed);
        let (rows, each) = NEAR;
        format!(
            "WITH near AS MATERIALIZED (SELECT t.id, t.sort_key FROM (SELECT *, {expression} AS sort_key FROM todos t \
             WHERE t.workspace_id = $1 AND t.deleted_at IS NULL{first} \
             ORDER BY {expression} {direction}, t.id {direction} LIMIT greatest({rows}, {each} * ({limit}))) t \
             WHERE {conditions} ORDER BY t.sort_key {direction}, t.id {direction} LIMIT {limit}) \
             SELECT * FROM near WHERE (SELECT count(*) FROM near) >= {limit} \
             UNION ALL SELECT * FROM ({far}) far WHERE (SELECT count(*) FROM near) < {limit}"
        )
    }

    fn by(&self, ordering: &str) -> String {
        let Self { conditions, runs, order: Order { expression, direction, .. }, limit } = self;
        let run = |run: &String| {
            format!(
                "SELECT t.id, {expression} AS sort_key FROM todos t WHERE {conditions}{run} \
                 ORDER BY {ordering} {direction}, t.id {direction} LIMIT {limit}"
            )
        };
        match runs.iter().map(run).collect::<Vec<_>>().as_slice() {
            [one] => one.clone(),
            several => format!(
                "SELECT * FROM (({})) runs ORDER BY sort_key {direction} NULLS LAST, id {direction} LIMIT {limit}",
                several.join(") UNION ALL (")
            ),
        }
    }
}

/// After 30 days in the bin a todo is gone, also where the purge has not come by yet.
const IN_BIN: &str = "t.deleted_at > now() - interval '30 days'";
const OVERDUE: &str = "t.due_date < now() AND t.status IN ('pending', 'in_progress')";
const NOT_OVERDUE: &str = "(t.due_date IS NULL OR t.due_date >= now() OR t.status IN ('completed', 'cancelled'))";

/// An order in SQL.
pub(super) struct Order {
    expression: &'static str,
    cast: &'static str,
    pub(super) direction: &'static str,
    comparison: &'static str,
    /// The same order, written so that no index gives it.
    unindexed: &'static str,
}

impl Order {
    pub(super) fn of(sort: Sort) -> Self {
        let (expression, cast, unindexed) = match sort.key {
            SortKey::CreatedAt => ("t.created_at", "::timestamptz", "t.created_at + interval '0'"),
            SortKey::UpdatedAt => ("t.updated_at", "::timestamptz", "t.updated_at + interval '0'"),
            SortKey::DueDate => ("t.due_date", "::timestamptz", "t.due_date + interval '0'"),
            SortKey::Priority => ("t.priority", "::smallint", "t.priority + 0"),
            SortKey::Title => (
                "lower(t.title COLLATE \"und-x-icu\") COLLATE \"C\"",
                "",
                "(lower(t.title COLLATE \"und-x-icu\") COLLATE \"C\") || ''",
            ),
        };
        let (direction, comparison) = if sort.descending { ("DESC", "<") } else { ("ASC", ">") };
        Self { expression, cast, direction, comparison, unindexed }
    }
}

/// The sort key of a row as the text of a [`Position`].
pub(super) fn sort_value(sort: Sort, column: &str) -> String {
    match sort.key {
        SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::DueDate => format!("rfc3339_v1({column})"),
        SortKey::Priority => format!("{column}::text"),
        SortKey::Title => column.to_owned(),
    }
}

fn requires_due_date(filter: &Filter) -> bool {
    filter.due_after.is_some() || filter.due_before.is_some() || filter.overdue == Some(true)
}

/// `completed` is another way to speak of the status, so both become one condition.
fn status_condition(status: &[Status], completed: Option<bool>) -> Option<String> {
    let wanted: Vec<String> = Status::ALL
        .into_iter()
        .filter(|one| status.is_empty() || status.contains(one))
        .filter(|one| completed.is_none_or(|completed| completed == one.is_completed()))
        .map(|one| format!("'{}'", one.as_str()))
        .collect();
    match wanted.len() {
        0 => Some("false".to_owned()),
        all if all == Status::ALL.len() => None,
        _ => any_of("t.status", &wanted),
    }
}

fn any_of(column: &str, values: &[String]) -> Option<String> {
    match values {
        [] => None,
        [one] => Some(format!("{column} = {one}")),
        several => Some(format!("{column} IN ({})", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::TagName;
    use crate::domain::todo::Priority;

    fn instant() -> Option<Instant> {
        Some(Instant::parse("2026-11-23T09:00:00Z").unwrap())
    }

    fn everything() -> Filter {
        Filter {
            status: vec![Status::Pending],
            priority: vec![Priority::Low, Priority::Urgent],
            completed: Some(false),
            tags: vec![TagName::parse("a").unwrap(), TagName::parse("b").unwrap()],
            assignee: Some(Id::Serial(1)),
            department: Id::parse_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"),
            due_after: instant(),
            due_before: instant(),
            overdue: Some(true),
            created_after: instant(),
            created_before: instant(),
            updated_since: instant(),
            q: Some("'; DROP TABLE todos; --".to_owned()),
            deleted: false,
        }
    }

    #[test]
    fn every_value_has_its_number_and_none_is_text_of_the_statement() {
        for key in SortKey::ALL {
            for value in [Some("v".to_owned()), None] {
                let mut query = Query::new(WorkspaceId(7));
                let position = Position { value, id: 3 };
                let sort = Sort { key, descending: true };
                let sql = query.selection(&everything(), sort, Some(&position), "10");
                for number in 1..=query.params.len() {
                    assert!(sql.contains(&format!("${number}")), "${number} in {sql}");
                }
                assert!(!sql.contains(&format!("${}", query.params.len() + 1)), "{sql}");
                assert!(!sql.contains("DROP"), "{sql}");
            }
        }
    }

    #[test]
    fn no_filter_is_no_condition() {
        let mut query = Query::new(WorkspaceId(7));
        assert_eq!(query.conditions(&Filter::default()), "t.workspace_id = $1 AND t.deleted_at IS NULL");
        assert_eq!(query.params, [Param::Int(7)]);
    }

    #[test]
    fn status_and_completed_become_one_condition() {
        assert_eq!(status_condition(&[], None), None);
        assert_eq!(status_condition(&Status::ALL, None), None);
        assert_eq!(status_condition(&[], Some(true)).unwrap(), "t.status = 'completed'");
        assert_eq!(status_condition(&[Status::Pending], Some(true)).unwrap(), "false");
        assert_eq!(status_condition(&[], Some(false)).unwrap(), "t.status IN ('pending', 'in_progress', 'cancelled')");
    }
}
