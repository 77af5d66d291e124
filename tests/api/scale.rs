//! A million todos: which plans Postgres runs for the service, and whether far pages cost what near ones do.

mod assistants;
mod bulk;
mod ledger;
mod log;
mod pages;
mod place;
mod plans;
mod shapes;
mod writes;

use serde_json::json;

use assistants::every_tool_that_reads_goes_through_an_index;
use bulk::every_bulk_change_goes_through_an_index;
use ledger::Ledger;
use log::the_feed_costs_the_same_however_long_it_is;
use log::{every_list_of_events_goes_through_an_index, old_events_are_purged_by_their_index};
use pages::{a_far_page_costs_no_more_than_the_first, a_list_of_what_is_rare_is_whole_though_its_pages_are_short};
use place::Place;
use plans::Plan;
use shapes::Shape;
use writes::{
    a_large_tree_is_written_by_the_ids_of_its_todos, a_tag_is_merged_and_deleted_without_a_look_at_its_todos,
    every_write_goes_through_an_index,
};

use crate::harness::suite;

/// What a page may look at before it is empty: 100,000 in the index of its order and up to 25,000 for each kind of
/// condition, then the whole workspace, which has fewer than 1,000,000, and once more for the edge.
const MOST_ROWS: f64 = 1_200_000.0;
/// What one walk may look at before a page is empty, where no index of an order has all that is asked for. In the
/// contract's words no page is empty after fewer, while others follow.
const FARTHEST: f64 = 200_000.0;
/// The same in the order of titles, where nothing is looked at twice: 2,000, 20,000, 200,000, and up to 5,000 for each
/// kind of condition; and twice the entries of a common word.
const MOST_TITLES: f64 = 320_000.0;
/// The same of a tree of more than 1,000 todos, in which each row is looked at with those above it, and with an entry
/// for each.
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
            ledger.at_most(most_of(&filter, is_rare, by_title, of_parent));
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

fn most_of(filter: &str, is_rare: bool, by_title: bool, of_parent: bool) -> f64 {
    match (is_rare, by_title) {
        _ if filter.contains("root=") => MOST_BELOW,
        (false, _) if of_parent => USUAL_ROWS,
        (true, _) => 6_000.0,
        (false, true) => MOST_TITLES,
        (false, false) => MOST_ROWS,
    }
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
