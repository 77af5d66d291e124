//! From conditions and an order to the rows of a page.

mod few;

use crate::domain::filter::{Filter, Sort, SortKey};

use super::condition::{On, SqlCondition, is_tag};

/// A list in the making.
pub(super) struct Listing<'a> {
    /// The workspace's live todos, or those in its bin.
    pub(super) place: String,
    /// Conditions that bound what has to be read of the index of the order.
    pub(super) bounds: Vec<SqlCondition>,
    /// The other conditions.
    pub(super) rest: Vec<SqlCondition>,
    /// What narrows it to the rows after a position: one run of the index after the other.
    pub(super) runs: Vec<String>,
    pub(super) order: Order,
    pub(super) reach: ScanLimits,
    pub(super) limit: &'a str,
}

/// How many rows are looked at for a page, at most: see [`Listing::within_reach`].
#[derive(Clone, Copy)]
pub(super) struct ScanLimits {
    few: u32,
    far: u32,
}

/// The index of the order has all that the conditions ask for.
pub(super) const IN_INDEX: ScanLimits = ScanLimits { few: 25_000, far: 100_000 };
/// The table has it, or another index: that takes several times as long.
pub(super) const IN_TABLE: ScanLimits = ScanLimits { few: 5_000, far: 20_000 };
/// Enough for most pages.
const NEAR: u32 = 2_000;
/// How many times as many rows are looked at before a page is empty.
const FARTHER: u32 = 10;
/// So many are looked at for each row of a page in any case.
const EACH: u32 = 40;

impl Listing<'_> {
    /// All rows in order, of which the limit takes the first.
    pub(super) fn whole(&self, ordering: &str) -> String {
        let Self { place, runs, order: Order { expression, direction, .. }, limit, .. } = self;
        let (conditions, leads) = (and(self.conditions()), self.order.lead());
        let run = |run: &String| {
            format!(
                "SELECT t.id, {expression} AS sort_key, false AS is_edge FROM todos t WHERE {place}{conditions}{run} \
                 ORDER BY {leads}{ordering} {direction}, t.id {direction} LIMIT {limit}"
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

    /// The same at a price that does not grow with the workspace. No set of indexes gives every combination of
    /// conditions in every order, so there are four ways, each with a bound:
    ///
    /// 1. *near*: the order is read on from the position, and what does not match is passed over. Most pages are full
    ///    soon.
    /// 2. *few*: a condition leaves so few todos that all that match are found by its index and sorted.
    /// 3. *far*: the order is read on, much further. The page is what was found; it may be short, and the next one
    ///    begins at the edge.
    /// 4. *farther*: nothing was found so far, and an empty page tells a person that there is nothing. So the order is
    ///    read on for [`FARTHER`] times as many rows, through the second run if the first one ends before.
    pub(super) fn within_reach(&self, filter: &Filter) -> String {
        let Self { order: Order { unindexed, .. }, reach, limit, runs, .. } = self;
        let first = runs.first().map_or("", String::as_str);
        let farthest = reach.far.saturating_mul(FARTHER);
        let (near, far) = (self.walk(first, NEAR), self.walk(first, reach.far));
        let (farther, all) = (self.walk(first, farthest), self.whole(unindexed));
        let (few, words) = self.leaves_few(filter);
        let beyond_far = self.edge("far", reach.far);
        let is_far = "(SELECT name FROM way) = 'far'";
        let is_farther = "(SELECT name FROM way) = 'farther'";
        let found = |walk: &str| format!("(SELECT count(*) FROM {walk} WHERE is_match)");
        let (found_near, found_far, found_farther) = (found("near"), found("far"), found("farther"));
        let is_short = format!("{is_farther} AND {found_farther} < {limit}");
        let (undated, rest) = self.beyond(farthest, is_farther, &is_short);
        format!(
            "WITH near AS MATERIALIZED ({near}), far AS MATERIALIZED ({far}), farther AS MATERIALIZED ({farther}), \
             {words}way AS MATERIALIZED (SELECT CASE WHEN {found_near} >= {limit} THEN 'near' \
             WHEN {few} THEN 'few' WHEN {found_far} > 0 THEN 'far' ELSE 'farther' END AS name){undated} \
             SELECT n.id, n.sort_key, false AS is_edge FROM near n WHERE (SELECT name FROM way) = 'near' \
             AND n.is_match \
             UNION ALL SELECT a.* FROM ({all}) a WHERE (SELECT name FROM way) = 'few' \
             UNION ALL SELECT f.id, f.sort_key, false FROM far f WHERE {is_far} AND f.is_match \
             UNION ALL SELECT e.* FROM ({beyond_far}) e WHERE {is_far} AND {found_far} < {limit} \
             UNION ALL SELECT f.id, f.sort_key, false FROM farther f WHERE {is_farther} AND f.is_match {rest}"
        )
    }

    /// What follows where the way *farther* found less than a page: queries that this needs, and the rows. Rows of the
    /// second run only where the first one ended without any match, so that a page is not empty although hardly
    /// anything was looked at.
    fn beyond(&self, rows: u32, is_farther: &str, is_short: &str) -> (String, String) {
        let Self { limit, runs, .. } = self;
        let edge = self.edge("farther", rows);
        let [first, second] = runs.as_slice() else {
            return (String::new(), format!("UNION ALL SELECT e.* FROM ({edge}) e WHERE {is_short}"));
        };
        let (end, found, last) = (self.last_of(first, rows), self.walk(second, rows), self.last_of(second, rows));
        let queries = format!(
            ", undated AS MATERIALIZED (SELECT {is_farther} AND NOT EXISTS (SELECT FROM farther) AND \
             NOT EXISTS ({end}) \
             AS goes_on), second AS MATERIALIZED ({found})"
        );
        let rows = format!(
            "UNION ALL SELECT e.* FROM ({edge}) e WHERE {is_short} AND NOT (SELECT goes_on FROM undated) \
             UNION ALL SELECT s.id, s.sort_key, false FROM second s WHERE (SELECT goes_on FROM undated) \
             UNION ALL SELECT l.* FROM ({last}) l \
             WHERE (SELECT goes_on FROM undated) AND (SELECT count(*) FROM second) < {limit}"
        );
        (queries, rows)
    }

    /// What matches (`is_match`) among so many rows of a run. Where the index of the order is not read without the
    /// table, a second walk for the last of these rows would take as long, so it is found beside what matches.
    fn walk(&self, run: &str, rows: u32) -> String {
        let Self { order: Order { direction, is_carried, .. }, limit, .. } = self;
        let (of_run, rows) = (self.rows_of(run), self.at_least(rows));
        if *is_carried {
            let rest = and(&self.rest);
            return format!(
                "SELECT t.id, t.sort_key, true AS is_match FROM ({of_run} LIMIT {rows}) t WHERE true{rest} \
                 ORDER BY t.sort_key {direction}, t.id {direction} LIMIT {limit}"
            );
        }
        let order = format!("ORDER BY w.sort_key {direction}, w.id {direction}");
        format!(
            "SELECT w.id, w.sort_key, w.is_match, w.place = {rows} AS is_last \
             FROM (SELECT w.*, row_number() OVER ({order}) AS place FROM ({of_run} LIMIT {rows}) w) w \
             WHERE w.is_match OR w.place = {rows} {order} LIMIT {limit}"
        )
    }

    /// The last of so many rows of a run, if it has as many.
    fn last_of(&self, run: &str, rows: u32) -> String {
        let (run, rows) = (self.rows_of(run), self.at_least(rows));
        format!("SELECT l.id, l.sort_key, true AS is_edge FROM ({run} OFFSET {rows} - 1 LIMIT 1) l")
    }

    /// The last row of a walk along so many rows of the first run; or, if that ends before, where the next one begins.
    fn edge(&self, walk: &str, rows: u32) -> String {
        if !self.order.is_carried {
            return format!("SELECT w.id, w.sort_key, true AS is_edge FROM {walk} w WHERE w.is_last");
        }
        let last = self.last_of(self.runs.first().map_or("", String::as_str), rows);
        if self.runs.len() == 1 {
            return last;
        }
        let beginning = if self.order.direction == "ASC" { 0 } else { i64::MAX };
        format!(
            "WITH last AS MATERIALIZED ({last}) SELECT * FROM last \
             UNION ALL SELECT {beginning}::bigint, NULL, true WHERE NOT EXISTS (SELECT FROM last)"
        )
    }

    /// The rows of a run, in order: with all their columns, or with whether they match.
    fn rows_of(&self, run: &str) -> String {
        let Self { place, order: Order { expression, direction, is_carried, .. }, .. } = self;
        let (bounds, leads) = (and(&self.bounds), self.order.lead());
        let columns = if *is_carried { "*".to_owned() } else { format!("t.id, {} AS is_match", self.is_match()) };
        format!(
            "SELECT {columns}, {expression} AS sort_key FROM todos t WHERE {place}{bounds}{run} \
             ORDER BY {leads}{expression} {direction}, t.id {direction}"
        )
    }

    /// Whether a row fulfils the conditions, as a value, for which Postgres would collect all todos of a tag if it were
    /// an `EXISTS`. What is not true is false, so that the next condition need not be looked at. A todo may have the
    /// tag and one that was merged into it.
    fn is_match(&self) -> String {
        let one = |condition: &SqlCondition| match &condition.on {
            On::Tag(tag) => format!(
                "(SELECT true FROM todo_tags l WHERE l.workspace_id = $1 AND l.todo_id = t.id AND {} LIMIT 1) IS TRUE",
                is_tag(tag)
            ),
            _ => format!("({})", condition.sql),
        };
        self.rest.iter().map(one).collect::<Vec<_>>().join(" AND ")
    }

    fn conditions(&self) -> impl Iterator<Item = &SqlCondition> {
        self.bounds.iter().chain(&self.rest)
    }

    /// So many rows in SQL, or what a page of this size takes.
    fn at_least(&self, rows: u32) -> String {
        format!("greatest({rows}, {EACH} * ({}))", self.limit)
    }
}

/// What goes behind another condition.
fn and<'a>(conditions: impl IntoIterator<Item = &'a SqlCondition>) -> String {
    conditions.into_iter().map(|condition| format!(" AND {}", condition.sql)).collect()
}

/// An order in SQL.
pub(super) struct Order {
    pub(super) expression: &'static str,
    pub(super) cast: &'static str,
    pub(super) direction: &'static str,
    pub(super) comparison: &'static str,
    /// The same order, written so that no index gives it.
    pub(super) unindexed: &'static str,
    /// Whether its index can be read without the table.
    pub(super) is_carried: bool,
    /// A column before the expression in the index, the same of all rows that are looked for.
    pub(super) leads: Option<&'static str>,
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
            SortKey::Position => ("t.position", "::double precision", "t.position + 0"),
        };
        let (direction, comparison) = if sort.descending { ("DESC", "<") } else { ("ASC", ">") };
        Self { expression, cast, direction, comparison, unindexed, is_carried: sort.key != SortKey::Title, leads: None }
    }

    /// What the order begins with.
    fn lead(&self) -> String {
        self.leads.map(|column| format!("{column} {}, ", self.direction)).unwrap_or_default()
    }
}

/// The sort key of a row as the text of a [`Position`].
pub(super) fn sort_value(sort: Sort, column: &str) -> String {
    match sort.key {
        SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::DueDate => format!("rfc3339_v1({column})"),
        SortKey::Priority | SortKey::Position => format!("{column}::text"),
        SortKey::Title => column.to_owned(),
    }
}
