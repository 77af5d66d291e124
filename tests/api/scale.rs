//! A million todos: which plans Postgres runs for the service, and whether far pages cost what near ones do.

mod assistants;
mod ledger;
mod log;
mod place;
mod plans;
mod shapes;
mod writes;

use serde_json::json;
use todo_core::domain::cursor::{Cursor, Position};
use todo_core::domain::filter::{Filter, Sort};
use todo_core::domain::id::Id;
use todo_core::domain::list::Holder;

use assistants::every_tool_that_reads_goes_through_an_index;
use ledger::Ledger;
use log::the_feed_costs_the_same_however_long_it_is;
use log::{every_list_of_events_goes_through_an_index, old_events_are_purged_by_their_index};
use place::{CURSOR_SECRET, Place};
use plans::Plan;
use shapes::Shape;
use writes::{
    a_large_tree_is_written_by_the_ids_of_its_todos, a_tag_is_merged_and_deleted_without_a_look_at_its_todos,
};
use writes::{every_bulk_change_goes_through_an_index, every_write_goes_through_an_index};

use crate::harness::suite;

/// What a page may look at before it is empty: 100,000 in the index of its order and up to 25,000 for each kind of condition, then
/// the whole workspace, which has fewer than 1,000,000, and once more for the edge.
const MOST_ROWS: f64 = 1_200_000.0;
/// What one walk may look at before a page is empty, where no index of an order has all that is asked for. In the contract's words
/// no page is empty after fewer, while others follow.
const FARTHEST: f64 = 200_000.0;
/// The same in the order of titles, where nothing is looked at twice: 2,000, 20,000, 200,000, and up to 5,000 for each kind of
/// condition; and twice the entries of a common word.
const MOST_TITLES: f64 = 320_000.0;
/// The same of a tree of more than 1,000 todos, in which each row is looked at with those above it, and with an entry for each.
const MOST_BELOW: f64 = 4_500_000.0;
/// The same where something is found among the first 100,000, as nearly always.
const USUAL_ROWS: f64 = 300_000.0;
/// The first page of version 1, which has the todo with ten thousand subtasks.
const OLD_ROWS: f64 = 20_000.0;

suite![
    #[large]
    every_list_goes_through_an_index,
    #[large]
    an_archived_list_leaves_every_list_bounded,
    #[large]
    every_other_read_goes_through_an_index,
    #[large]
    every_tool_that_reads_goes_through_an_index,
    #[large]
    a_far_page_costs_no_more_than_the_first,
    #[large]
    a_list_of_what_is_rare_is_whole_though_its_pages_are_short,
    #[large]
    the_feed_costs_the_same_however_long_it_is,
    #[large]
    every_list_of_events_goes_through_an_index,
    #[large]
    old_events_are_purged_by_their_index,
    #[large]
    every_export_goes_through_an_index,
    #[large]
    every_write_goes_through_an_index,
    #[large]
    every_bulk_change_goes_through_an_index,
    #[large]
    a_tag_is_merged_and_deleted_without_a_look_at_its_todos,
    #[large]
    a_large_tree_is_written_by_the_ids_of_its_todos,
];

async fn every_list_goes_through_an_index() {
    let mut place = Place::get().await;
    let (mut ledger, mut far, mut empty) = (Ledger::default(), 0, 0);
    let (mut sorted, mut hasty) = (Vec::new(), Vec::new());
    for Shape { query: filter, is_rare } in shapes::filters(&place).await {
        for sort in shapes::SORTS {
            let call = place.large.get(&format!("/api/v2/todos?{filter}&sort={sort}"));
            let (answer, plans) = place.observe(call).await;
            ledger.enter(&answer, &plans);
            // Tags are looked up for each todo beside.
            let by_title = sort.ends_with("title") && !filter.contains("tag=");
            let of_parent = filter.starts_with("parent=") && !filter.starts_with("parent=none");
            ledger.at_most(match (is_rare, by_title) {
                _ if filter.contains("root=") => MOST_BELOW,
                (false, _) if of_parent => USUAL_ROWS,
                (true, _) => 6_000.0,
                (false, true) => MOST_TITLES,
                (false, false) => MOST_ROWS,
            });
            let in_table = by_title || ["q=", "tag=", "deleted="].iter().any(|kind| filter.contains(kind));
            if in_table && !filter.contains("root=") {
                ledger.each_scan_at_most(&answer, &plans, FARTHEST);
            }
            // To know whether there are few of them, they are not put in order.
            if of_parent && !sort.ends_with("position") && plans.iter().any(|plan| plan.sorts_by("position")) {
                sorted.push(answer.path.clone());
            }
            let page = answer.ok();
            let is_empty = page["items"].as_array().unwrap().is_empty();
            let (usual, rows) = (!filter.contains("root="), plans.iter().map(Plan::rows).sum::<f64>());
            far += usize::from(usual && !is_empty && rows > USUAL_ROWS);
            if is_empty && !page["next_cursor"].is_null() {
                empty += 1;
                if rows < FARTHEST {
                    hasty.push(format!("{}: {rows} rows", answer.path));
                }
            }
            // Nobody's list is read from another one's rows.
            if sort == "-created_at" {
                let call = place.small.get(&format!("/api/v2/todos?{filter}&sort={sort}"));
                let (answer, plans) = place.observe(call).await;
                ledger.enter(&answer, &plans);
            }
        }
    }
    let mut scans = Vec::new();
    for tags in [4, 20] {
        let call = place.large.get(&format!("/api/v2/todos?{}", shapes::tags(tags)));
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
        scans.push(plans.iter().map(|plan| plan.scans_of("todo_tags")).sum::<usize>());
    }
    ledger.close(20);
    assert!(scans[1] <= scans[0], "todo_tags is read {} times for four tags, {} times for twenty", scans[0], scans[1]);
    assert!(empty > 0 && hasty.is_empty(), "of {empty} empty pages that others follow, these came early: {hasty:?}");
    assert!(far <= 10, "{far} pages that are not empty looked farther than usual");
    assert!(sorted.is_empty(), "all subtasks were sorted: {sorted:?}");
}

/// What is in an archived list is passed over by every list of todos that does not ask for it.
async fn an_archived_list_leaves_every_list_bounded() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let list = place.text(&shapes::list("0")).await;
    let (wide, deep) = (place.text(&shapes::parent(true)).await, place.text(&shapes::parent(false)).await);
    let path = format!("/api/v2/lists/{list}");
    let elsewhere = format!(
        "select (i.uid is distinct from '{list}')::text from todos t \
         left join lists i on i.workspace_id = t.workspace_id and i.id = t.list_id where t.uid = '{deep}'"
    );
    let deep_shows = place.text(&elsewhere).await == "true";
    place.large.patch(&path).json(json!({ "archived": true })).send().await.ok();
    for (filter, shows, rows) in [
        (String::new(), true, USUAL_ROWS),
        ("status=pending".to_owned(), true, USUAL_ROWS),
        ("tag=tag-190".to_owned(), true, USUAL_ROWS),
        // What has the rare word is all in the archived list.
        ("q=zebra".to_owned(), false, USUAL_ROWS),
        ("list=none".to_owned(), true, USUAL_ROWS),
        ("parent=none".to_owned(), true, USUAL_ROWS),
        (format!("parent={deep}"), deep_shows, USUAL_ROWS),
        (format!("root={deep}"), deep_shows, USUAL_ROWS),
        (format!("list={list}"), false, USUAL_ROWS),
        (format!("list={list}&status=cancelled"), false, USUAL_ROWS),
        (format!("parent={wide}"), false, USUAL_ROWS),
        (format!("root={wide}"), false, USUAL_ROWS),
        ("archived=true".to_owned(), true, USUAL_ROWS),
        ("archived=true&q=zebra".to_owned(), true, USUAL_ROWS),
        (format!("archived=true&list={list}"), true, USUAL_ROWS),
        (format!("archived=true&parent={wide}"), true, USUAL_ROWS),
        (format!("archived=true&root={deep}"), true, USUAL_ROWS),
    ] {
        for sort in shapes::SORTS {
            let call = place.large.get(&format!("/api/v2/todos?{filter}&sort={sort}"));
            let (answer, plans) = place.observe(call).await;
            ledger.enter(&answer, &plans);
            ledger.at_most(if sort.ends_with("title") && rows == USUAL_ROWS { MOST_TITLES } else { rows });
            let is_empty = answer.value()["items"].as_array().is_none_or(Vec::is_empty);
            assert_eq!(is_empty, !shows, "{answer}");
        }
    }
    for filter in ["", "status=pending", "tag=tag-0", "completed=true"] {
        let call = place.large.get(&format!("/api/v1/todos?{filter}&limit=100"));
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
        ledger.at_most(OLD_ROWS);
    }
    place.large.patch(&path).json(json!({ "archived": false })).send().await.ok();
    ledger.close(5);
}

async fn every_other_read_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let counted = place.counted().await;
    let mut paths = Vec::new();
    // The last leave hardly any todos together, though each leaves many.
    let rare = "status=cancelled&priority=urgent&tag=tag-0";
    for filter in ["", "status=pending", "priority=urgent", "completed=true", "tag=tag-0", "tag=tag-199", rare] {
        for skip in [0, 5_000, 250_000] {
            paths.push((format!("/api/v1/todos?{filter}&skip={skip}"), MOST_ROWS));
        }
    }
    for filter in ["", "status=pending", "tag=tag-0"] {
        paths.push((format!("/api/v1/todos?{filter}&skip=9000000000000000000"), 0.0));
    }
    paths.extend(["/api/v1/employees", "/api/v1/departments"].map(|path| (path.to_owned(), 0.0)));
    paths.extend(
        ["/api/v1/todos/stats", "/api/v2/todos/stats", "/api/v2/todos/stats?tz=Asia/Tokyo"]
            .map(|path| (path.to_owned(), counted)),
    );
    for list in ["tags", "lists", "employees", "departments", "jobs"] {
        let first = format!("/api/v2/{list}?limit=7");
        let next = place.large.get(&first).send().await.ok()["next_cursor"].as_str().unwrap().to_owned();
        paths.extend(
            [format!("/api/v2/{list}?limit=100"), format!("{first}&cursor={next}"), first].map(|path| (path, 0.0)),
        );
    }
    let id = place.large.get("/api/v2/todos?limit=1").send().await.ok()["items"][0]["id"].clone();
    paths.push((format!("/api/v2/todos/{}", id.as_str().unwrap()), 50.0));
    for (path, rows) in paths {
        let call = place.large.get(&path);
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
        ledger.at_most(rows);
    }
    ledger.close(10);
}

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
async fn a_far_page_costs_no_more_than_the_first() {
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
                "page 1: {near_blocks} blocks, {near_time:.2} ms; page {page}: {far_blocks}, {far_time:.2} ms  {query} {sort}"
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

/// Conditions that leave hardly any todos together: one of them alone few, or each of them many.
async fn a_list_of_what_is_rare_is_whole_though_its_pages_are_short() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let has = |tag: &str| {
        format!(
            "EXISTS (SELECT FROM todo_tags l JOIN tags g ON g.workspace_id = l.workspace_id AND g.id = l.tag_id \
             WHERE l.workspace_id = t.workspace_id AND l.todo_id = t.id AND g.name = '{tag}')"
        )
    };
    let (late, early) = (shapes::ago(&place, "2 months").await, shapes::ago(&place, "30 months").await);
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
    for (filter, conditions, is_few) in [
        (
            "status=cancelled&priority=urgent&tag=tag-0&tag=tag-1",
            format!("{cancelled} AND {} AND {}", has("tag-0"), has("tag-1")),
            true,
        ),
        (
            "status=cancelled&priority=urgent&q=call%20permit",
            format!("{cancelled} AND search @@ 'call & permit'::tsquery"),
            true,
        ),
        (
            &format!("completed=true&due_after={late}&priority=urgent"),
            format!("priority = 4 AND completed_at IS NOT NULL AND due_date > '{late}'"),
            false,
        ),
        (&of_busy, early_of_busy.clone(), false),
        (&format!("list={list}&status=cancelled&priority=urgent"), format!("{cancelled} AND {of_list}"), true),
        ("list=none&status=cancelled&priority=urgent", format!("{cancelled} AND list_id IS NULL"), true),
        ("parent=none&status=cancelled&priority=urgent", format!("{cancelled} AND parent_id IS NULL"), true),
        (
            &format!("parent={wide}&status=cancelled&priority=urgent"),
            format!("{cancelled} AND {}", parent(&wide)),
            true,
        ),
        (
            &format!("root={wide}&status=cancelled&priority=urgent"),
            format!("{cancelled} AND ({} OR uid = '{wide}')", parent(&wide)),
            true,
        ),
        (&format!("parent={deep}"), parent(&deep), true),
        ("archived=true&status=cancelled&priority=urgent", cancelled.to_owned(), true),
        (&format!("list={list}&{of_busy}"), format!("{early_of_busy} AND {of_list}"), false),
        (&format!("parent=none&{of_busy}"), format!("{early_of_busy} AND parent_id IS NULL"), false),
        (&format!("archived=true&{of_busy}"), early_of_busy.clone(), false),
    ] {
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

async fn every_export_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let [big, small] = [place.text(&shapes::list("0")).await, place.text(&shapes::list("11")).await];
    let (wide, deep) = (place.text(&shapes::parent(true)).await, place.text(&shapes::parent(false)).await);
    for filter in [
        "tag=tag-199".to_owned(),
        "q=zebra".to_owned(),
        "overdue=true&priority=urgent&tag=tag-150".to_owned(),
        "status=cancelled&tag=tag-100".to_owned(),
        format!("list={small}"),
        format!("list={big}&status=cancelled&priority=urgent&tag=tag-100"),
        format!("parent={deep}"),
        format!("parent={wide}&status=cancelled&priority=urgent"),
        format!("root={deep}"),
        "archived=true&tag=tag-199".to_owned(),
    ] {
        for sort in ["-created_at", "due_date", "title", "position"] {
            let call = place.large.get(&format!("/api/v2/todos/export?format=ndjson&{filter}&sort={sort}"));
            let (answer, plans) = place.observe(call).await;
            ledger.enter(&answer, &plans);
            ledger.each_at_most(&plans, if filter.contains("root=") { MOST_BELOW } else { MOST_ROWS });
        }
    }
    for query in [
        "format=csv".to_owned(),
        "format=ics&sort=due_date".to_owned(),
        "format=csv&status=pending&sort=title".to_owned(),
        "format=csv&q=call".to_owned(),
        "format=csv&sort=position".to_owned(),
        format!("format=csv&list={big}"),
        format!("format=csv&list={big}&sort=position"),
        "format=csv&list=none&sort=-position".to_owned(),
        "format=csv&parent=none&sort=position".to_owned(),
        format!("format=csv&parent={wide}&sort=position"),
        format!("format=csv&parent={wide}"),
        format!("format=csv&root={wide}&sort=position"),
        "format=csv&archived=true".to_owned(),
    ] {
        let path = format!("/api/v2/todos/export?{query}");
        let call = place.large.get(&path);
        let plans = place.glimpse(call).await;
        let chunks = plans.iter().filter(|plan| plan.query.contains("row_number()")).count();
        assert!(chunks >= 2, "only {chunks} chunks of {path} in two seconds");
        ledger.note(&path, &plans);
        ledger.each_at_most(&plans, if query.contains("root=") { MOST_BELOW } else { MOST_ROWS });
    }
    ledger.close(5);
}
