//! Every shape of a list: each filter, alone and in company, from what nearly all match to what hardly any does.

use super::place::Place;

/// The orders of the list.
pub const SORTS: [&str; 12] = [
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "due_date",
    "-due_date",
    "priority",
    "-priority",
    "title",
    "-title",
    "position",
    "-position",
];

/// A filter as a query string.
pub struct Shape {
    /// `status=pending`.
    pub query: String,
    /// Whether hardly any of the 500,000 todos match, so that no page needs to look at many.
    pub is_rare: bool,
}

/// The query of the public id of an employee of the large workspace, by rank: the first has most of the work.
pub fn employee(rank: &str) -> String {
    format!(
        "SELECT e.uid::text FROM employees e JOIN workspaces w ON w.id = e.workspace_id AND w.name = 'large' \
         WHERE e.name = 'Employee {rank}'"
    )
}

/// The query of the public id of a list of the large workspace, by rank: the first has most of the todos.
pub fn list(rank: &str) -> String {
    format!(
        "SELECT i.uid::text FROM lists i JOIN workspaces w ON w.id = i.workspace_id AND w.name = 'large' \
         WHERE i.name = 'List {rank}'"
    )
}

/// The query of the public id of the todo of the large workspace that has 10,000 below it, or of one with a tree of
/// five levels.
pub fn parent(is_large: bool) -> String {
    let (order, below) = if is_large { ("DESC", "true") } else { ("ASC", "s.id / 2 % 100 = 1") };
    format!(
        "SELECT p.uid::text FROM todos p JOIN workspaces w ON w.id = p.workspace_id AND w.name = 'large' \
         JOIN todos s ON s.workspace_id = p.workspace_id AND s.parent_id = p.id AND {below} \
         GROUP BY p.uid ORDER BY count(*) {order}, p.uid LIMIT 1"
    )
}

/// The filter that names so many tags, the most used ones.
pub fn tags(count: usize) -> String {
    (0..count).map(|number| format!("tag=tag-{number}")).collect::<Vec<_>>().join("&")
}

/// An instant in the past, by an interval in SQL.
pub async fn ago(place: &Place, interval: &str) -> String {
    let format = "YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"";
    place.text(&format!("SELECT to_char(now() - interval '{interval}', '{format}')")).await
}

/// Filters of the large workspace.
#[expect(clippy::too_many_lines, reason = "one list: each kind of filter, and what is asked for together")]
pub async fn filters(place: &Place) -> Vec<Shape> {
    let busy = place.text(&employee("0")).await;
    let idle = place.text(&employee("189")).await;
    let jobless = place.text(&employee("199")).await;
    let department = |rank: &'static str| {
        format!(
            "SELECT d.uid::text FROM departments d JOIN workspaces w ON w.id = d.workspace_id AND w.name = 'large' \
             WHERE d.name = 'Department {rank}'"
        )
    };
    let (first, last) = (place.text(&department("0")).await, place.text(&department("9")).await);
    let hour = ago(place, "1 hour").await;
    let month = ago(place, "1 month").await;
    let year = ago(place, "1 year").await;
    let ancient = ago(place, "35 months").await;
    let ages = ago(place, "20 years").await;
    let mut filters = vec![String::new()];
    let mut add = |filter: String| filters.push(filter);
    for status in ["pending", "in_progress", "completed", "cancelled", "pending,in_progress"] {
        add(format!("status={status}"));
    }
    for priority in ["low", "urgent", "high,urgent"] {
        add(format!("priority={priority}"));
    }
    add("completed=true".into());
    add("completed=false".into());
    for tag in ["tag-0", "tag-20", "tag-25", "tag-190", "tag-199", "unknown"] {
        add(format!("tag={tag}"));
    }
    add("tag=tag-0&tag=tag-1".into());
    add("tag=tag-0&tag=tag-190".into());
    add(tags(20));
    for person in [&busy, &idle, &jobless] {
        add(format!("assignee={person}"));
    }
    add(format!("department={first}"));
    add(format!("department={last}"));
    for bound in ["due_after", "due_before", "created_after", "created_before", "updated_since"] {
        for instant in [&hour, &month, &year, &ancient] {
            add(format!("{bound}={instant}"));
        }
    }
    add(format!("updated_since={ages}"));
    add(format!("due_after={month}&due_before={hour}"));
    add(format!("created_after={ancient}&created_before={year}"));
    add("overdue=true".into());
    add("overdue=false".into());
    for q in [
        "call",
        "zebra",
        "order-77",
        "bank%20plumber",
        "%22call%20the%20bank%22",
        "bank%20-call",
        "zebra%20or%20order-9",
        "absent",
        // Common words that never stand together so, and what only leaves out.
        "%22bank%20call%22",
        "%22bank%20call%22%20-zebra",
        "-call",
        "-call%20-bank",
    ] {
        add(format!("q={q}"));
    }
    // What people ask for.
    add("status=pending&priority=urgent".into());
    add("status=pending,in_progress&overdue=true".into());
    add(format!("status=pending&assignee={busy}"));
    add(format!("status=in_progress&department={first}"));
    add("status=cancelled&tag=tag-0".into());
    add(format!("completed=false&created_before={year}"));
    add(format!("completed=true&updated_since={month}"));
    add(format!("assignee={idle}&tag=tag-0"));
    add("q=call&status=pending".into());
    add("q=call&tag=tag-20".into());
    add(format!("q=bank&assignee={busy}"));
    add(format!("overdue=true&assignee={idle}"));
    add(format!("priority=urgent&due_before={year}"));
    add(format!("created_before={ancient}&updated_since={month}"));
    for filter in ["", "&status=pending", "&tag=tag-0", "&tag=tag-190", "&q=call", "&q=zebra", "&priority=urgent"] {
        add(format!("deleted=true{filter}"));
    }
    add(format!("deleted=true&assignee={busy}"));
    add(format!("deleted=true&created_after={month}"));
    add(format!("deleted=true&updated_since={month}"));
    let (big, small) = (place.text(&list("0")).await, place.text(&list("11")).await);
    let (wide, deep) = (place.text(&parent(true)).await, place.text(&parent(false)).await);
    for filter in
        ["list=none".to_owned(), format!("list={big}"), format!("list={small}"), format!("list={small}&list={big}")]
    {
        for other in ["", "&parent=none", "&status=pending", "&tag=tag-20"] {
            add(format!("{filter}{other}"));
        }
    }
    add("parent=none".into());
    add("parent=none&tag=tag-190".into());
    for todo in [&wide, &deep] {
        for filter in ["", "&status=pending", "&q=zebra"] {
            add(format!("parent={todo}{filter}"));
            add(format!("root={todo}{filter}"));
        }
    }
    add(format!("deleted=true&list={big}"));
    for todo in [&wide, &deep] {
        add(format!("deleted=true&parent={todo}"));
        add(format!("deleted=true&root={todo}"));
    }
    add("archived=true".into());
    let rare = ["tag=tag-199", "tag=unknown", "q=zebra", "q=absent", "q=order-77"].map(str::to_owned);
    let rare = [
        rare.as_slice(),
        &[format!("assignee={idle}"), format!("assignee={jobless}"), format!("assignee={idle}&tag=tag-0")],
        &[format!("created_after={hour}"), format!("updated_since={hour}")],
        &[format!("parent={deep}"), format!("root={deep}")],
    ]
    .concat();
    filters.into_iter().map(|query| Shape { is_rare: rare.contains(&query), query }).collect()
}
