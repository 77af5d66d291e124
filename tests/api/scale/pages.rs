//! Pages far behind the first, and lists of what is rare, of which pages are short.

use todo_core::domain::cursor::{Cursor, Position};
use todo_core::domain::filter::{Filter, Sort};
use todo_core::domain::id::Id;
use todo_core::domain::list::Holder;

use super::ledger::Ledger;
use super::place::{CURSOR_SECRET, Place};
use super::plans::Plan;
use super::{MOST_BELOW, MOST_ROWS, shapes};

/// The large workspace's todos of some kind in order, and `key` as the text of a cursor.
fn order(sort: Sort, conditions: &str) -> (String, &'static str) {
    let (key, value) = match sort.key.as_str() {
        "title" => ("lower(title COLLATE \"und-x-icu\") COLLATE \"C\"", "key"),
        key @ ("priority" | "position") => (key, "key::text"),
        other => (other, "rfc3339_v1(key)"),
    };
    let direction = if sort.descending { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT {key} AS key, id, uid, workspace_id FROM todos t \
         WHERE workspace_id = (SELECT id FROM workspaces WHERE name = 'large') AND deleted_at IS NULL AND {conditions} \
         ORDER BY {key} {direction} NULLS LAST, id {direction}"
    );
    (sql, value)
}

/// The row after which a page of 50 begins in this order, as the service names it in a cursor.
async fn far(place: &Place, filter: &Filter, conditions: &str, page: i32, sort: &str) -> String {
    let sort = Sort::parse(sort).unwrap();
    let (rows, value) = order(sort, conditions);
    let sql = format!("SELECT {value}, id, workspace_id FROM ({rows} OFFSET {} LIMIT 1) row", (page - 1) * 50 - 1);
    let row = place.database.query_one(&sql, &[]).await.unwrap();
    let position = Position { value: row.get(0), id: row.get(1) };
    let scope = format!("todos\n{}\n{}", row.get::<_, i64>(2), filter.scope(sort));
    Cursor::encode(CURSOR_SECRET.as_bytes(), &scope, &position)
}

/// The run of a page whose time is the median of several, for either path.
async fn typical(place: &mut Place, paths: [&str; 2]) -> [Plan; 2] {
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..11 {
        // In turn, so that whatever else the machine does meets both.
        for (path, runs) in paths.into_iter().zip(&mut runs) {
            let call = place.large.get(path);
            let (answer, plans) = place.observe(call).await;
            assert_eq!(answer.ok()["items"].as_array().unwrap().len(), 50, "{answer}");
            let page = plans.into_iter().find(|plan| plan.query.contains("row_number()"));
            runs.push(page.expect("the page's own plan"));
        }
    }
    runs.map(|mut runs| {
        runs.sort_by(|a, b| a.duration.total_cmp(&b.duration));
        runs.swap_remove(runs.len() / 2)
    })
}

/// Judged by what Postgres touches, which is the same on a busy machine; the times are printed beside it.
pub async fn a_far_page_costs_no_more_than_the_first() {
    let mut place = Place::get().await;
    let mut dear = Vec::new();
    let list = place.text(&shapes::list("0")).await;
    let in_list = format!("list_id = (SELECT id FROM lists WHERE uid = '{list}')");
    let all = shapes::SORTS.as_slice();
    let some = ["created_at", "due_date", "position", "-position"].as_slice();
    let of_list = Filter { lists: vec![Holder::Id(Id::parse_uuid(&list).unwrap())], ..Filter::default() };
    let of_none = Filter { lists: vec![Holder::None], ..Filter::default() };
    // What is rendered, and 51 of the index, as many again without a due date; of filters also what is passed over.
    for (query, filter, conditions, page, sorts, rows) in [
        (String::new(), Filter::default(), "true", 5_000, all, 200.0),
        ("archived=true".to_owned(), Filter { archived: true, ..Filter::default() }, "true", 5_000, some, 200.0),
        (
            "parent=none".to_owned(),
            Filter { parent: Some(Holder::None), ..Filter::default() },
            "parent_id IS NULL",
            5_000,
            some,
            1_000.0,
        ),
        ("list=none".to_owned(), of_none, "list_id IS NULL", 3_000, some, 2_000.0),
        (format!("list={list}"), of_list, &in_list, 3_000, some, 2_000.0),
    ] {
        for sort in sorts {
            let first = format!("/api/v2/todos?{query}&sort={sort}");
            let last = format!("{first}&cursor={}", far(&place, &filter, conditions, page, sort).await);
            let [near, far] = typical(&mut place, [&first, &last]).await;
            let [(near_blocks, near_time), (far_blocks, far_time)] =
                [&near, &far].map(|run| (run.blocks(), run.duration));
            eprintln!(
                "page 1: {near_blocks} blocks, {near_time:.2} ms; page {page}: {far_blocks}, {far_time:.2} ms  {query} \
                 {sort}"
            );
            assert!(near.rows().max(far.rows()) < rows, "{query} {sort}: {} rows, then {}", near.rows(), far.rows());
            if far_blocks * 2 > near_blocks * 3 {
                dear.push(format!("{query} {sort}: {near_blocks} blocks, then {far_blocks}"));
            }
        }
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}

/// The ids of a list in the order in which its pages give them, and how many pages were short though others followed.
async fn follow(place: &mut Place, ledger: &mut Ledger, path: &str) -> (Vec<String>, usize) {
    let (mut found, mut short, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let call = place.large.get(&format!("{path}{cursor}"));
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
        ledger.at_most(if path.contains("root=") { MOST_BELOW } else { MOST_ROWS });
        let page = answer.ok();
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|todo| todo["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return (found, short) };
        short += usize::from(items.len() < 50);
        cursor = format!("&cursor={next}");
    }
}

/// The condition that a todo has a tag.
fn has(tag: &str) -> String {
    format!(
        "EXISTS (SELECT FROM todo_tags l JOIN tags g ON g.workspace_id = l.workspace_id AND g.id = l.tag_id \
         WHERE l.workspace_id = t.workspace_id AND l.todo_id = t.id AND g.name = '{tag}')"
    )
}

/// Filters, the same in SQL, and whether the conditions leave few todos, so that no page is short.
async fn rare(place: &Place) -> Vec<(String, String, bool)> {
    let (late, early) = (shapes::ago(place, "2 months").await, shapes::ago(place, "30 months").await);
    let busy = place.text(&shapes::employee("0")).await;
    let list = place.text(&shapes::list("0")).await;
    let (wide, deep) = (place.text(&shapes::parent(true)).await, place.text(&shapes::parent(false)).await);
    let of_list = format!("list_id = (SELECT id FROM lists WHERE uid = '{list}')");
    let parent = |todo: &str| format!("parent_id = (SELECT id FROM todos WHERE uid = '{todo}')");
    let cancelled = "priority = 4 AND status = 'cancelled'";
    let of_busy = format!("priority=urgent&assignee={busy}&created_before={early}");
    let early_of_busy = format!(
        "priority = 4 AND created_at < '{early}' AND assignee_id = (SELECT id FROM employees WHERE uid = '{busy}')"
    );
    vec![
        (
            "status=cancelled&priority=urgent&tag=tag-0&tag=tag-1".to_owned(),
            format!("{cancelled} AND {} AND {}", has("tag-0"), has("tag-1")),
            true,
        ),
        (
            "status=cancelled&priority=urgent&q=call%20permit".to_owned(),
            format!("{cancelled} AND search @@ 'call & permit'::tsquery"),
            true,
        ),
        (
            format!("completed=true&due_after={late}&priority=urgent"),
            format!("priority = 4 AND completed_at IS NOT NULL AND due_date > '{late}'"),
            false,
        ),
        (of_busy.clone(), early_of_busy.clone(), false),
        (format!("list={list}&status=cancelled&priority=urgent"), format!("{cancelled} AND {of_list}"), true),
        ("list=none&status=cancelled&priority=urgent".to_owned(), format!("{cancelled} AND list_id IS NULL"), true),
        ("parent=none&status=cancelled&priority=urgent".to_owned(), format!("{cancelled} AND parent_id IS NULL"), true),
        (format!("parent={wide}&status=cancelled&priority=urgent"), format!("{cancelled} AND {}", parent(&wide)), true),
        (
            format!("root={wide}&status=cancelled&priority=urgent"),
            format!("{cancelled} AND ({} OR uid = '{wide}')", parent(&wide)),
            true,
        ),
        (format!("parent={deep}"), parent(&deep), true),
        ("archived=true&status=cancelled&priority=urgent".to_owned(), cancelled.to_owned(), true),
        (format!("list={list}&{of_busy}"), format!("{early_of_busy} AND {of_list}"), false),
        (format!("parent=none&{of_busy}"), format!("{early_of_busy} AND parent_id IS NULL"), false),
        (format!("archived=true&{of_busy}"), early_of_busy.clone(), false),
    ]
}

/// Conditions that leave hardly any todos together: one of them alone few, or each of them many.
pub async fn a_list_of_what_is_rare_is_whole_though_its_pages_are_short() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    for (filter, conditions, is_few) in rare(&place).await {
        let mut short = 0;
        for sort in ["created_at", "-updated_at", "due_date", "-due_date", "-priority", "title", "position"] {
            let (rows, _) = order(Sort::parse(sort).unwrap(), &conditions);
            let sql = format!("SELECT uid::text FROM ({rows}) row");
            let expected = place.database.query(&sql, &[]).await.unwrap();
            let expected: Vec<String> = expected.iter().map(|row| row.get(0)).collect();
            let path = format!("/api/v2/todos?{filter}&sort={sort}");
            let (found, far) = follow(&mut place, &mut ledger, &path).await;
            eprintln!("{} of {path}, {far} short pages", found.len());
            assert_eq!(found, expected, "{path}");
            short += far;
        }
        assert_eq!(short == 0, is_few, "{filter}");
    }
    ledger.close(10);
}
