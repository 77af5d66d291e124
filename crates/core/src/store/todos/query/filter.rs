//! A filter's conditions, in SQL, each with what it is about.

use super::TodoQuery;
use crate::domain::filter::{Filter, SortKey};
use crate::domain::id::Id;
use crate::domain::list::Holder;
use crate::domain::text::TagName;
use crate::store::pg::Param;
use crate::store::todos::condition::{
    FEW_TAGS, NOT_OVERDUE, OPEN, OPEN_LIST, On, OnList, SqlCondition, any_of, is_far_below, is_in_no_list,
    is_in_open_list, is_open_list, is_tag, number_of_tags, status_condition,
};
use crate::store::todos::fields::priority_number;

impl TodoQuery {
    /// The conditions that are the filter's own.
    pub(super) fn all(&mut self, filter: &Filter) -> Vec<SqlCondition> {
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
            lists: _,
            parent: _,
            root: _,
            archived: _,
        } = filter;
        let mut all = Vec::new();
        let mut add = |on, sql| all.push(SqlCondition { on, sql });
        status_condition(filter).into_iter().for_each(|sql| add(On::Status, sql));
        let priorities: Vec<String> = priority.iter().map(|priority| priority_number(*priority).to_string()).collect();
        any_of("t.priority", &priorities).into_iter().for_each(|sql| add(On::Priority, sql));
        for (on, sql) in self.tagged(tags) {
            add(on, sql);
        }
        for (on, sql) in self.done_by(assignee.as_ref(), department.as_ref()) {
            add(on, sql);
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
        due(*overdue, *deleted).into_iter().for_each(|(on, sql)| add(on, sql));
        if let Some(words) = q {
            let (words, sql) = self.searched(words);
            add(On::Words(words), sql);
        }
        self.placed(filter).into_iter().for_each(|(on, sql)| add(on, sql));
        all
    }

    /// The conditions on who has the todo.
    fn done_by(&mut self, assignee: Option<&Id>, department: Option<&Id>) -> Vec<(On, String)> {
        let mut all = Vec::new();
        if let Some(assignee) = assignee {
            let assignee = match assignee {
                Id::Serial(id) => self.bind(Param::Int(*id)),
                Id::Uuid(uuid) => {
                    format!("employee_id_v1($1, {}::text::uuid)", self.bind(Param::Text(uuid.to_string())))
                }
            };
            let sql = format!("t.assignee_id = {assignee}");
            all.push((On::Assignee(format!("ARRAY[{assignee}]")), sql));
        }
        if let Some(department) = department {
            let members = match department {
                Id::Serial(id) => format!("members_v1($1, {}, NULL)", self.bind(Param::Int(*id))),
                Id::Uuid(uuid) => {
                    format!("members_v1($1, NULL, {}::text::uuid)", self.bind(Param::Text(uuid.to_string())))
                }
            };
            let sql = format!("t.assignee_id = ANY ({members})");
            all.push((On::Assignee(members), sql));
        }
        all
    }

    /// The words as a parameter, and the condition that the todo has them.
    fn searched(&mut self, words: &str) -> (String, String) {
        let words = self.bind(Param::Text(words.to_owned()));
        // Within a window, the index of words would give those of the whole workspace, for each window anew.
        let unindexed = if self.window.is_some() { " IS TRUE" } else { "" };
        let sql = format!("(t.search @@ websearch_to_tsquery('simple', {words})){unindexed}");
        (words, sql)
    }

    /// The conditions on lists and trees; and that the list is not archived, told where it is quickest to find out.
    fn placed(&mut self, filter: &Filter) -> Vec<(On, String)> {
        let Filter { lists, parent, root, archived, deleted, .. } = filter;
        let mut all = Vec::new();
        let mut archive = (On::Nothing, OPEN_LIST.to_owned());
        if let Some((list, sql)) = self.listed(lists, *deleted) {
            if let OnList::One(id) = &list {
                archive = (On::All, is_open_list(id));
            }
            all.push((On::List(list), sql));
        }
        match parent {
            Some(Holder::None) => all.push((On::Nothing, "t.parent_id IS NULL".to_owned())),
            Some(Holder::Id(id)) => {
                let parent = self.named("todo_id_v1", *id);
                let sql = format!("t.parent_id = {parent}");
                archive = (On::All, is_in_open_list(&parent));
                all.push((On::Parent(parent), sql));
            }
            None => {}
        }
        if let Some(root) = root {
            let id = self.named("todo_id_v1", *root);
            let (ids, sql) = self.tree(*root, &id, *deleted);
            archive = (On::All, is_in_open_list(&id));
            all.push((On::Ids(ids), sql));
        }
        if !archived && !deleted {
            all.push(archive);
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

    /// The condition that a todo is this one or below it. The ids of a small tree are found when the statement is
    /// planned; whether a todo belongs to a large one is told by those above it.
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

    /// The conditions on tags. Postgres plans a join for each tag that is one of its own, so many are two: the rarest,
    /// which it can look for, and that all are there.
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
}

fn due(overdue: Option<bool>, is_in_bin: bool) -> Vec<(On, String)> {
    match overdue {
        // What is still to be done has an index by due date of its own, but not in the bin.
        Some(true) if !is_in_bin => vec![(On::Instant(SortKey::DueDate), format!("t.due_date < now() AND {OPEN}"))],
        Some(true) => {
            vec![(On::Instant(SortKey::DueDate), "t.due_date < now()".to_owned()), (On::Status, OPEN.to_owned())]
        }
        Some(false) => vec![(On::Nothing, NOT_OVERDUE.to_owned())],
        None => Vec::new(),
    }
}
