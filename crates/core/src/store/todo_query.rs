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
    ///
    /// Rows without a due date come last either way, which no scan of one index gives in both directions. They are a second
    /// run, over the same index.
    pub(super) fn selection(&mut self, filter: &Filter, sort: Sort, after: Option<&Position>, limit: &str) -> String {
        let mut conditions = self.conditions(filter);
        if let (SortKey::UpdatedAt, Some(bound)) = (sort.key, &filter.created_after) {
            // Nothing changes before it is created: the index of the order need not be read from its beginning.
            conditions.push_str(&format!(" AND t.updated_at > {}", self.instant(bound)));
        }
        let Order { expression, cast, direction, comparison } = Order::of(sort);
        let ordering = if is_at_the_far_end(filter, sort) { NOT_BY_CREATED } else { expression };
        let ordered = format!("ORDER BY {ordering} {direction}, t.id {direction} LIMIT {limit}");
        let select = format!("SELECT t.id, {expression} AS sort_key FROM todos t WHERE {conditions}");
        let beyond = after.map(|position| {
            let id = self.bind(Param::Int(position.id));
            match &position.value {
                Some(value) => {
                    let value = self.bind(Param::Text(value.clone()));
                    Beyond::Value(format!("AND ({expression}, t.id) {comparison} ({value}::text{cast}, {id})"))
                }
                None => Beyond::Null(format!("AND t.id {comparison} {id}")),
            }
        });
        if sort.key != SortKey::DueDate {
            let beyond = beyond.map(Beyond::into_text).unwrap_or_default();
            return format!("{select} {beyond} {ordered}");
        }
        let (dated, undated) = match beyond {
            None => (Some(String::new()), String::new()),
            Some(Beyond::Value(beyond)) => (Some(beyond), String::new()),
            Some(Beyond::Null(beyond)) => (None, beyond),
        };
        let undated = format!("{select} AND t.due_date IS NULL {undated} {ordered}");
        match dated {
            None => undated,
            Some(beyond) if requires_due_date(filter) => {
                format!("{select} AND t.due_date IS NOT NULL {beyond} {ordered}")
            }
            Some(beyond) => format!(
                "SELECT * FROM (({select} AND t.due_date IS NOT NULL {beyond} {ordered}) UNION ALL ({undated})) runs \
                 ORDER BY sort_key {direction} NULLS LAST, id {direction} LIMIT {limit}"
            ),
        }
    }
}

/// After 30 days in the bin a todo is gone, also where the purge has not come by yet.
const IN_BIN: &str = "t.deleted_at > now() - interval '30 days'";
const OVERDUE: &str = "t.due_date < now() AND t.status IN ('pending', 'in_progress')";
const NOT_OVERDUE: &str = "(t.due_date IS NULL OR t.due_date >= now() OR t.status IN ('completed', 'cancelled'))";

/// Where the next page begins, by what is known of the last row.
enum Beyond {
    /// Its sort key has a value.
    Value(String),
    /// Its sort key is null.
    Null(String),
}

impl Beyond {
    fn into_text(self) -> String {
        match self {
            Self::Value(text) | Self::Null(text) => text,
        }
    }
}

/// An order in SQL.
pub(super) struct Order {
    pub(super) expression: &'static str,
    cast: &'static str,
    pub(super) direction: &'static str,
    comparison: &'static str,
}

impl Order {
    pub(super) fn of(sort: Sort) -> Self {
        let (expression, cast) = match sort.key {
            SortKey::CreatedAt => ("t.created_at", "::timestamptz"),
            SortKey::UpdatedAt => ("t.updated_at", "::timestamptz"),
            SortKey::DueDate => ("t.due_date", "::timestamptz"),
            SortKey::Priority => ("t.priority", "::smallint"),
            SortKey::Title => ("lower(t.title COLLATE \"und-x-icu\") COLLATE \"C\"", ""),
        };
        let (direction, comparison) = if sort.descending { ("DESC", "<") } else { ("ASC", ">") };
        Self { expression, cast, direction, comparison }
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

/// The order of creation, written so that no index gives it.
const NOT_BY_CREATED: &str = "t.created_at + interval '0'";

/// Whether what matches comes last in the order, which the planner cannot know: with the oldest first, what changed lately.
/// The index of the order would be read almost to its end; that of the condition gives few rows to sort.
fn is_at_the_far_end(filter: &Filter, sort: Sort) -> bool {
    sort == Sort { key: SortKey::CreatedAt, descending: false } && filter.updated_since.is_some()
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
