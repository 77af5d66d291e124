//! Whether few todos match, which is found out before a list is read: then they are looked at one by one.

use super::{Listing, and};
use crate::domain::filter::{Filter, SortKey};
use crate::store::todos::condition::{On, OnList, SqlCondition};

impl Listing<'_> {
    /// Whether one of the conditions leaves few todos, found out by looking at no more of them; and a query that this
    /// needs beside it.
    pub(super) fn leaves_few(&self, filter: &Filter) -> (String, String) {
        let Self { place, reach, .. } = self;
        let most = reach.few + 1;
        if filter.deleted {
            let few = format!(
                "(SELECT count(*) FROM (SELECT FROM todos t WHERE {place} ORDER BY t.deleted_at \
                 LIMIT {most}) few) < {most}"
            );
            return (few, String::new());
        }
        let on = |wanted: &[On]| and(self.conditions().filter(|condition| wanted.contains(&condition.on)));
        // These are kept; where no condition is about them, those of the whole workspace.
        let kinds = on(&[On::Status, On::Priority]);
        let kept = format!("SELECT coalesce(sum(t.todos), 0) FROM todo_counts t WHERE t.workspace_id = $1{kinds}");
        let mut counts = vec![kept];
        counts.extend(self.conditions().filter_map(|condition| self.count_of(condition, most)));
        for (key, column) in
            [(SortKey::DueDate, "due_date"), (SortKey::CreatedAt, "created_at"), (SortKey::UpdatedAt, "updated_at")]
        {
            let range = on(&[On::Instant(key)]);
            if !range.is_empty() {
                counts.push(format!(
                    "SELECT count(*) FROM (SELECT FROM todos t WHERE {place}{range} ORDER BY t.{column} \
                     LIMIT {most}) few"
                ));
            }
        }
        let mut found = String::new();
        if let Some((collected, count)) = self.conditions().find_map(|condition| self.found(condition, most)) {
            found = collected;
            counts.push(count);
        }
        let few = counts.iter().map(|count| format!("({count}) < {most}")).collect::<Vec<_>>().join(" OR ");
        (few, found)
    }

    /// The query of how many todos a condition leaves, up to so many, where an index tells or it is kept.
    fn count_of(&self, SqlCondition { on, sql }: &SqlCondition, most: u32) -> Option<String> {
        let place = &self.place;
        Some(match on {
            On::Tag(tag) => format!(
                "SELECT coalesce(sum(c.todos), 0) FROM tag_counts c WHERE c.workspace_id = $1 AND c.tag_id = {tag}"
            ),
            On::Assignee(employees) => format!(
                "SELECT count(*) FROM (SELECT FROM unnest({employees}) e(id) CROSS JOIN LATERAL (SELECT FROM todos t \
                 WHERE t.workspace_id = $1 AND t.assignee_id = e.id ORDER BY t.created_at, t.id LIMIT {most}) t \
                 LIMIT {most}) few"
            ),
            On::List(OnList::One(_) | OnList::Inbox) => format!(
                "SELECT count(*) FROM (SELECT FROM todos t WHERE {place} AND {sql} ORDER BY t.list_id, t.position \
                 LIMIT {most}) few"
            ),
            On::Parent(_) => format!(
                "SELECT count(*) FROM (SELECT FROM todos t WHERE {place} AND {sql} ORDER BY t.position \
                 LIMIT {most}) few"
            ),
            On::Ids(ids) => format!("SELECT cardinality({ids})"),
            _ => return None,
        })
    }

    /// What has the words of a condition on them, as a query to put in front, and the query of how many these are.
    fn found(&self, condition: &SqlCondition, most: u32) -> Option<(String, String)> {
        let (On::Words(words), place) = (&condition.on, &self.place) else { return None };
        // The index of words knows neither their order nor what lacks them. So a phrase counts as all its words, and
        // what is not to occur as anything; a search of the latter alone leaves most.
        let indexed = format!("querytree(websearch_to_tsquery('simple', {words}))");
        // Planned as if all were wanted, which only the index of words gives; read no further than needed.
        let found = format!(
            "found AS MATERIALIZED (SELECT t.id FROM todos t WHERE {place} \
             AND t.search @@ regexp_replace({indexed}, '<(-|[0-9]+)>', '&', 'g')::tsquery), "
        );
        let count = format!(
            "SELECT CASE WHEN {indexed} = 'T' THEN {most} \
             ELSE (SELECT count(*) FROM (SELECT FROM found LIMIT {most}) few) END"
        );
        Some((found, count))
    }
}
