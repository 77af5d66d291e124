//! From a filter and an order to SQL: only the conditions that are needed, so that the planner sees a simple query whatever
//! was asked for. Callers' words are parameters, never text of the statement; enumerations are written out.

use crate::caller::WorkspaceId;
use crate::domain::cursor::Position;
use crate::domain::filter::{Filter, Sort, SortKey};
use crate::domain::id::Id;
use crate::domain::instant::Instant;
use crate::domain::list::Holder;
use crate::domain::text::TagName;

use super::condition::{
    FEW_TAGS, NOT_OVERDUE, OPEN, OPEN_LIST, On, OnList, SqlCondition, any_of, is_far_below, is_in_no_list,
    is_in_open_list, is_open, is_open_list, is_tag, number_of_tags, place, requires_due_date, status_condition,
};
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

    /// The conditions that are the filter's own.
    fn all(&mut self, filter: &Filter) -> Vec<SqlCondition> {
        let Filter {
            status: _,
            priority,
            completed: _,
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
            lists,
            parent,
            root,
            archived,
        } = filter;
        let mut all = Vec::new();
        let mut add = |on, sql| all.push(SqlCondition { on, sql });
        status_condition(filter).into_iter().for_each(|sql| add(On::Status, sql));
        let priorities: Vec<String> = priority.iter().map(|priority| priority_number(*priority).to_string()).collect();
        any_of("t.priority", &priorities).into_iter().for_each(|sql| add(On::Priority, sql));
        for (on, sql) in self.tagged(tags) {
            add(on, sql);
        }
        if let Some(assignee) = assignee {
            let assignee = match assignee {
                Id::Serial(id) => self.bind(Param::Int(*id)),
                Id::Uuid(uuid) => {
                    format!("employee_id_v1($1, {}::text::uuid)", self.bind(Param::Text(uuid.to_string())))
                }
            };
            let sql = format!("t.assignee_id = {assignee}");
            add(On::Assignee(format!("ARRAY[{assignee}]")), sql);
        }
        if let Some(department) = department {
            let members = match department {
                Id::Serial(id) => format!("members_v1($1, {}, NULL)", self.bind(Param::Int(*id))),
                Id::Uuid(uuid) => {
                    format!("members_v1($1, NULL, {}::text::uuid)", self.bind(Param::Text(uuid.to_string())))
                }
            };
            let sql = format!("t.assignee_id = ANY ({members})");
            add(On::Assignee(members), sql);
        }
        let bounds = [
            (SortKey::DueDate, "t.due_date >", due_after),
            (SortKey::DueDate, "t.due_date <", due_before),
            (SortKey::CreatedAt, "t.created_at >", created_after),
            (SortKey::CreatedAt, "t.created_at <", created_before),
            (SortKey::UpdatedAt, "t.updated_at >=", updated_since),
        ];
        for (key, comparison, bound) in bounds {
            if let Some(bound) = bound {
                add(On::Instant(key), format!("{comparison} {}", self.instant(bound)));
            }
        }
        match overdue {
            // What is still to be done has an index by due date of its own, but not in the bin.
            Some(true) if !deleted => add(On::Instant(SortKey::DueDate), format!("t.due_date < now() AND {OPEN}")),
            Some(true) => {
                add(On::Instant(SortKey::DueDate), "t.due_date < now()".to_owned());
                add(On::Status, OPEN.to_owned());
            }
            Some(false) => add(On::Nothing, NOT_OVERDUE.to_owned()),
            None => {}
        }
        if let Some(words) = q {
            let words = self.bind(Param::Text(words.clone()));
            // Within a window, the index of words would give those of the whole workspace, for each window anew.
            let unindexed = if self.window.is_some() { " IS TRUE" } else { "" };
            let sql = format!("(t.search @@ websearch_to_tsquery('simple', {words})){unindexed}");
            add(On::Words(words), sql);
        }
        let mut archive = (On::Nothing, OPEN_LIST.to_owned());
        if let Some((list, sql)) = self.listed(lists, *deleted) {
            if let OnList::One(id) = &list {
                archive = (On::All, is_open_list(id));
            }
            add(On::List(list), sql);
        }
        match parent {
            Some(Holder::None) => add(On::Nothing, "t.parent_id IS NULL".to_owned()),
            Some(Holder::Id(id)) => {
                let parent = self.named("todo_id_v1", *id);
                let sql = format!("t.parent_id = {parent}");
                archive = (On::All, is_in_open_list(&parent));
                add(On::Parent(parent), sql);
            }
            None => {}
        }
        if let Some(root) = root {
            let id = self.named("todo_id_v1", *root);
            let (ids, sql) = self.tree(*root, &id, *deleted);
            archive = (On::All, is_in_open_list(&id));
            add(On::Ids(ids), sql);
        }
        if !archived && !deleted {
            add(archive.0, archive.1);
        }
        all
    }

    /// A function that gives the id of something, or ids, for its UUID.
    fn named(&mut self, function: &str, id: Id) -> String {
        match id {
            Id::Serial(id) => self.bind(Param::Int(id)),
            Id::Uuid(uuid) => format!("{function}($1, {}::text::uuid)", self.bind(Param::Text(uuid.to_string()))),
        }
    }

    /// The condition that a todo is this one or below it. The ids of a small tree are found when the statement is planned; whether a todo
    /// belongs to a large one is told by those above it.
    fn tree(&mut self, root: Id, id: &str, is_in_bin: bool) -> (String, String) {
        let (ids, above) = (self.named("tree_ids_v1", root), is_far_below(id, is_in_bin));
        let is_below = format!("t.id = {id} OR t.parent_id = {id} OR {above}");
        (ids.clone(), format!("CASE WHEN {ids} IS NULL THEN {is_below} ELSE t.id = ANY ({ids}) END"))
    }

    /// The condition on lists, and the only list, if it is one. The bin has no index of what is in no list.
    fn listed(&mut self, lists: &[Holder], is_in_bin: bool) -> Option<(OnList, String)> {
        let inbox = lists.contains(&Holder::None);
        let ids: Vec<String> = lists
            .iter()
            .filter_map(|list| match list {
                Holder::Id(id) => Some(self.named("list_id_v1", *id)),
                Holder::None => None,
            })
            .collect();
        match (ids.as_slice(), inbox) {
            ([], false) => None,
            ([], true) => {
                let on = if is_in_bin { OnList::Several } else { OnList::Inbox };
                Some((on, is_in_no_list(is_in_bin).to_owned()))
            }
            ([one], false) => Some((OnList::One(one.clone()), format!("t.list_id = {one}"))),
            (several, _) => {
                let or_none = if inbox { format!(" OR {}", is_in_no_list(is_in_bin)) } else { String::new() };
                Some((OnList::Several, format!("(t.list_id = ANY (ARRAY[{}]){or_none})", several.join(", "))))
            }
        }
    }

    /// The conditions on tags. Postgres plans a join for each tag that is one of its own, so many are two: the rarest, which it can
    /// look for, and that all are there.
    fn tagged(&mut self, tags: &[TagName]) -> Vec<(On, String)> {
        let window = self.in_window("l.todo_id");
        let has = |tag: String| {
            let is_tag = is_tag(&tag);
            let sql = format!(
                "EXISTS (SELECT FROM todo_tags l WHERE l.workspace_id = $1 AND l.todo_id = t.id AND {is_tag}{window})"
            );
            (On::Tag(tag), sql)
        };
        // The planner calls the functions, so that it knows how common a tag is.
        let names: Vec<String> = tags.iter().map(|tag| self.bind(Param::Text(tag.folded()))).collect();
        if names.len() <= FEW_TAGS {
            return names.iter().map(|name| has(format!("tag_id_v1($1, {name})"))).collect();
        }
        let listed = format!("ARRAY[{}::text]", names.join("::text, "));
        let rarest = has(format!("rarest_tag_v1($1, {listed})"));
        let number = number_of_tags(&format!("tag_ids_v1($1, {listed})"));
        vec![rarest, (On::Nothing, format!("{number} = {}", names.len()))]
    }

    /// How many todos match at most, from the counts that are kept of live todos: a number in SQL.
    pub fn at_most(&mut self, filter: &Filter) -> String {
        let Filter { status, priority, completed, .. } = filter.clone();
        let counted = Filter { status, priority, completed, archived: true, ..Filter::default() };
        let kinds: String = self.all(&counted).iter().map(|condition| format!(" AND {}", condition.sql)).collect();
        format!("(SELECT coalesce(sum(t.todos), 0)::bigint FROM todo_counts t WHERE t.workspace_id = $1{kinds})")
    }

    /// The rows after a position, in order, at most `limit`: a query of `id`, `sort_key` and `is_edge`. An edge is the last row,
    /// and no row of the list: so far was looked, and there may be more beyond.
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
    /// Rows without a due date come last either way, which no scan of one index gives in both directions. They are a second
    /// run, over the same index.
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
mod tests {
    use super::*;
    use crate::domain::text::TagName;
    use crate::domain::todo::{Priority, Status};

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
            lists: vec![Holder::None, Holder::Id(Id::Serial(3))],
            parent: Some(Holder::Id(Id::Serial(4))),
            root: Id::parse_uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"),
            archived: false,
        }
    }

    #[test]
    fn every_value_has_its_number_and_none_is_text_of_the_statement() {
        for key in SortKey::ALL {
            for value in [Some("v".to_owned()), None] {
                let mut query = TodoQuery::new(WorkspaceId(7));
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
        let mut query = TodoQuery::new(WorkspaceId(7));
        let all = Filter { archived: true, ..Filter::default() };
        assert_eq!(query.conditions(&all), "t.workspace_id = $1 AND t.deleted_at IS NULL");
        assert_eq!(query.params, [Param::Int(7)]);
    }

    #[test]
    fn status_and_completed_become_one_condition() {
        let condition = |status: &[Status], completed| {
            status_condition(&Filter { status: status.to_vec(), completed, ..Filter::default() })
        };
        assert_eq!(condition(&[], None), None);
        assert_eq!(condition(&Status::ALL, None), None);
        assert_eq!(condition(&[], Some(true)).unwrap(), "t.status = 'completed'");
        assert_eq!(condition(&[Status::Pending], Some(true)).unwrap(), "false");
        assert_eq!(condition(&[], Some(false)).unwrap(), "t.status IN ('pending', 'in_progress', 'cancelled')");
    }
}
