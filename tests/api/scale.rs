//! A million todos: which plans Postgres runs for the service, and whether far pages cost what near ones do.

mod ledger;
mod place;
mod plans;
mod shapes;

use std::time::Duration;

use serde_json::{Value, json};
use todo_core::domain::cursor::{Cursor, Position};
use todo_core::domain::feed::{FeedPosition, Kind};
use todo_core::domain::filter::{Filter, Sort};

use ledger::Ledger;
use place::{CURSOR_SECRET, Place};
use plans::Plan;
use shapes::Shape;

use crate::harness::suite;

/// What a page may look at before it is empty: 100,000 in the index of its order and up to 25,000 for each kind of condition, then
/// the whole workspace, which has fewer than 1,000,000, and once more for the edge.
const MOST_ROWS: f64 = 1_200_000.0;
/// The same in the order of titles, where nothing is looked at twice: 2,000, 20,000, 200,000, and up to 5,000 for each kind of
/// condition.
const MOST_TITLES: f64 = 260_000.0;
/// The same of a tree of more than 1,000 todos, in which each row is looked at with those above it.
const MOST_BELOW: f64 = 2_500_000.0;
/// The same of the subtasks of a todo, which are 10,000 at most, counted and found by their own index; in the order of titles the walk
/// of 20,000 instead.
const MOST_CHILDREN: f64 = 40_000.0;
/// The same where something is found among the first 100,000, as nearly always.
const USUAL_ROWS: f64 = 300_000.0;

suite![
    #[large]
    every_list_goes_through_an_index,
    #[large]
    an_archived_list_leaves_every_list_bounded,
    #[large]
    every_other_read_goes_through_an_index,
    #[large]
    a_far_page_costs_no_more_than_the_first,
    #[large]
    a_list_of_what_is_rare_is_whole_though_its_pages_are_short,
    #[large]
    the_feed_costs_the_same_however_long_it_is,
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
    let (mut ledger, mut far) = (Ledger::default(), 0);
    let mut sorted = Vec::new();
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
                (false, _) if of_parent => MOST_CHILDREN,
                (true, _) => 5_000.0,
                (false, true) => MOST_TITLES,
                (false, false) => MOST_ROWS,
            });
            // To know whether there are few of them, they are not put in order.
            if of_parent && !sort.ends_with("position") && plans.iter().any(|plan| plan.sorts_by("position")) {
                sorted.push(answer.path.clone());
            }
            let is_empty = answer.ok()["items"].as_array().unwrap().is_empty();
            let usual = !filter.contains("root=");
            far += usize::from(usual && !is_empty && plans.iter().map(Plan::rows).sum::<f64>() > USUAL_ROWS);
            // Nobody's list is read from another one's rows.
            if sort == "-created_at" {
                let call = place.small.get(&format!("/api/v2/todos?{filter}&sort={sort}"));
                let (answer, plans) = place.observe(call).await;
                ledger.enter(&answer, &plans);
            }
        }
    }
    ledger.close(20);
    assert!(far <= 10, "{far} pages that are not empty looked farther than usual");
    assert!(sorted.is_empty(), "all subtasks were sorted: {sorted:?}");
}

/// What is in an archived list is passed over by every list of todos.
async fn an_archived_list_leaves_every_list_bounded() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let path = format!("/api/v2/lists/{}", place.text(&shapes::list("0")).await);
    let mut found = 0;
    place.large.patch(&path).json(json!({ "archived": true })).send().await.ok();
    for filter in ["", "status=pending", "tag=tag-190", "q=zebra", "list=none", "parent=none"] {
        for sort in shapes::SORTS {
            let call = place.large.get(&format!("/api/v2/todos?{filter}&sort={sort}"));
            let (answer, plans) = place.observe(call).await;
            ledger.enter(&answer, &plans);
            ledger.at_most(if sort.ends_with("title") { MOST_TITLES } else { USUAL_ROWS });
            let is_empty = answer.value()["items"].as_array().is_none_or(Vec::is_empty);
            found += usize::from(!is_empty);
        }
    }
    place.large.patch(&path).json(json!({ "archived": false })).send().await.ok();
    ledger.close(5);
    // What has the rare word is all in the archived list.
    assert_eq!(found, 5 * shapes::SORTS.len());
}

/// The cursor of a client that has read the first lines of a workspace's log.
async fn read_so_far(place: &Place, workspace: &str, lines: i64) -> String {
    let line = "select w.id, f.epoch::text, e.xid::text, e.id from workspaces w cross join feed f cross join lateral (
        select xid, id from events where workspace_id = w.id order by xid, id offset $2 limit 1) e where w.name = $1";
    let row = place.database.query_one(line, &[&workspace, &lines]).await.unwrap();
    let (epoch, transaction): (String, String) = (row.get(1), row.get(2));
    let position = FeedPosition {
        epoch: epoch.parse().unwrap(),
        phase: "changes".to_owned(),
        after: 0,
        line: (transaction.parse().unwrap(), row.get(3)),
        complete_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    };
    let kinds = Kind::ALL.map(Kind::as_str).join(",");
    let scope = format!("changes\n{}\n{kinds}", row.get::<_, i64>(0));
    Cursor::encode(CURSOR_SECRET.as_bytes(), &scope, &position.to_position())
}

async fn the_feed_costs_the_same_however_long_it_is() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let mut costs = Vec::new();
    for (workspace, lines) in [("other 7", [0, 5_000, 9_900]), ("large", [0, 500_000, 999_900])] {
        for line in lines {
            let path = format!("/api/v2/changes?limit=100&cursor={}", read_so_far(&place, workspace, line).await);
            let client = if workspace == "large" { &place.large } else { &place.small };
            let call = client.get(&path);
            let (answer, plans) = place.observe(call).await;
            assert!(!answer.ok()["items"].as_array().unwrap().is_empty(), "{answer}");
            ledger.enter(&answer, &plans);
            costs.push(plans.iter().map(Plan::rows).sum::<f64>());
        }
    }
    eprintln!("rows that a page of the feed looked at: {costs:?}");
    // A window of lines, and what a hundred todos show, of which one may have ten thousand subtasks.
    assert!(costs.iter().all(|rows| *rows < 5_000.0 + 100.0 * 100.0 + 10_000.0), "{costs:?}");
    assert!(costs[5] <= costs[3] && costs[2] < costs[0] * 1.1, "the end costs what the beginning does: {costs:?}");
    let cursor = read_so_far(&place, "large", 10).await;
    let live = "select t.uid::text from todos t join workspaces w on w.id = t.workspace_id \
        where w.name = 'large' and t.deleted_at is null limit 1";
    let todo = place.text(live).await;
    for path in [
        "/api/v2/changes".to_owned(),
        "/api/v2/changes?types=todo&limit=200".to_owned(),
        format!("/api/v2/changes?cursor={cursor}"),
        format!("/api/v2/todos/{todo}/history"),
    ] {
        let call = place.large.get(&path);
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
        ledger.at_most(40_000.0);
    }
    ledger.close(10);
}

async fn every_other_read_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let mut paths: Vec<String> =
        ["", "status=pending", "priority=urgent", "completed=true", "tag=tag-0", "tag=tag-199"]
            .iter()
            .flat_map(|filter| [0, 5_000, 250_000].map(|skip| format!("/api/v1/todos?{filter}&skip={skip}")))
            .collect();
    for filter in ["", "status=pending", "tag=tag-0"] {
        let call = place.large.get(&format!("/api/v1/todos?{filter}&skip=9000000000000000000"));
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
        ledger.at_most(0.0);
    }
    paths.extend(["/api/v1/employees", "/api/v1/departments", "/api/v1/todos/stats"].map(str::to_owned));
    paths.extend(["/api/v2/todos/stats", "/api/v2/todos/stats?tz=Asia/Tokyo"].map(str::to_owned));
    for list in ["tags", "lists", "employees", "departments", "jobs"] {
        let first = format!("/api/v2/{list}?limit=7");
        let next = place.large.get(&first).send().await.ok()["next_cursor"].as_str().unwrap().to_owned();
        paths.extend([format!("/api/v2/{list}?limit=100"), format!("{first}&cursor={next}"), first]);
    }
    let id = place.large.get("/api/v2/todos?limit=1").send().await.ok()["items"][0]["id"].clone();
    paths.push(format!("/api/v2/todos/{}", id.as_str().unwrap()));
    for path in paths {
        let call = place.large.get(&path);
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
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

/// The row after which page 5,000 of 50 begins in this order, as the service names it in a cursor.
async fn far(place: &Place, sort: &str) -> String {
    let sort = Sort::parse(sort).unwrap();
    let (rows, value) = order(sort, "true");
    let sql = format!("SELECT {value}, id, workspace_id FROM ({rows} OFFSET {} LIMIT 1) row", 4_999 * 50 - 1);
    let row = place.database.query_one(&sql, &[]).await.unwrap();
    let position = Position { value: row.get(0), id: row.get(1) };
    let scope = format!("todos\n{}\n{}", row.get::<_, i64>(2), Filter::default().scope(sort));
    Cursor::encode(CURSOR_SECRET.as_bytes(), &scope, &position)
}

/// The run of a page whose time is the median of several, for either path.
async fn typical(place: &mut Place, paths: [&str; 2]) -> [Plan; 2] {
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..21 {
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
    for sort in shapes::SORTS {
        let first = format!("/api/v2/todos?sort={sort}");
        let last = format!("{first}&cursor={}", far(&place, sort).await);
        let [near, far] = typical(&mut place, [&first, &last]).await;
        let [(near_blocks, near_time), (far_blocks, far_time)] = [&near, &far].map(|run| (run.blocks(), run.duration));
        eprintln!(
            "page 1: {near_blocks} blocks, {near_time:.2} ms; page 5,000: {far_blocks}, {far_time:.2} ms  {sort}"
        );
        // 51 of the index, as many again without a due date, and all that is rendered.
        assert!(near.rows().max(far.rows()) < 200.0, "{sort}: {} rows, then {}", near.rows(), far.rows());
        if far_blocks * 2 > near_blocks * 3 {
            dear.push(format!("{sort}: {near_blocks} blocks, then {far_blocks}"));
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
        ledger.at_most(MOST_ROWS);
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
    let cancelled = "priority = 4 AND status = 'cancelled'";
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
        (
            &format!("priority=urgent&assignee={busy}&created_before={early}"),
            format!(
                "priority = 4 AND created_at < '{early}' \
                 AND assignee_id = (SELECT id FROM employees WHERE uid = '{busy}')"
            ),
            false,
        ),
    ] {
        let mut short = 0;
        for sort in ["created_at", "-updated_at", "due_date", "-due_date", "-priority", "title"] {
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
    for filter in ["tag=tag-199", "q=zebra", "overdue=true&priority=urgent&tag=tag-150", "status=cancelled&tag=tag-100"]
    {
        for sort in ["-created_at", "due_date", "title"] {
            let call = place.large.get(&format!("/api/v2/todos/export?format=ndjson&{filter}&sort={sort}"));
            let (answer, plans) = place.observe(call).await;
            ledger.enter(&answer, &plans);
        }
    }
    for query in ["format=csv", "format=ics&sort=due_date", "format=csv&status=pending&sort=title", "format=csv&q=call"]
    {
        let path = format!("/api/v2/todos/export?{query}");
        let call = place.large.get(&path);
        let plans = place.glimpse(call).await;
        let chunks = plans.iter().filter(|plan| plan.query.contains("row_number()")).count();
        assert!(chunks >= 2, "only {chunks} chunks of {path} in two seconds");
        ledger.note(&path, &plans);
    }
    ledger.close(5);
}

async fn every_write_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let page = place.large.get("/api/v2/todos?status=pending&tag=tag-20&limit=20").send().await.ok();
    let ids: Vec<String> =
        page["items"].as_array().unwrap().iter().map(|todo| todo["id"].as_str().unwrap().to_owned()).collect();
    let todo = |index: usize| format!("/api/v2/todos/{}", ids[index]);
    let (wide, deep) = (place.text(&shapes::parent(true)).await, place.text(&shapes::parent(false)).await);
    let leaf = "select t.uid::text from todos t join workspaces w on w.id = t.workspace_id where w.name = 'large' \
        and t.deleted_at is null and t.parent_id is null and not exists ( \
            select from todos c where c.workspace_id = t.workspace_id and c.parent_id = t.id) limit 1";
    let leaf = place.text(leaf).await;
    let list = place.text(&shapes::list("19")).await;
    let tags = place.large.get("/api/v2/tags?limit=100").send().await.ok();
    let tag = |index: usize| format!("/api/v2/tags/{}", tags["items"][index]["id"].as_str().unwrap());
    let updates: Vec<Value> = ids[5..]
        .iter()
        .map(|id| json!({ "op": "update", "id": id, "todo": { "priority": "low", "tags": ["tag-1", "batch"] } }))
        .collect();
    let large = place.large.clone();
    for call in [
        large.post("/api/v2/todos").json(json!({ "title": "new", "tags": ["tag-0", "tag-5", "brand new"] })),
        large.patch(&todo(0)).json(json!({ "title": "changed", "tags": ["tag-3"] })),
        large.put(&todo(1)).header("if-match", "*").json(json!({ "title": "replaced", "status": "completed" })),
        large.delete(&todo(2)),
        large.post(&format!("{}/restore", todo(2))),
        large.post("/api/v2/todos/batch").json(json!({ "operations": updates })),
        large.patch(&tag(60)).json(json!({ "name": "renamed" })),
        large.patch(&tag(61)).json(json!({ "name": "tag-62" })),
        large.delete(&tag(63)),
        large.post("/api/v2/todos").json(json!({ "title": "new", "parent_id": wide })),
        large.post(&format!("/api/v2/todos/{leaf}/move")).json(json!({ "parent_id": wide, "place": "first" })),
        large.post(&format!("/api/v2/todos/{leaf}/move")).json(json!({ "parent_id": null, "place": "last" })),
        large.post(&format!("{}/move", todo(0))).json(json!({ "list_id": list, "place": "first" })),
        large.post(&format!("{}/move", todo(0))).json(json!({ "list_id": null, "place": "last" })),
        large.post(&format!("/api/v2/todos/{deep}/complete")).json(json!({ "subtasks": "complete" })),
        large.post(&format!("/api/v2/todos/{wide}/move")).json(json!({ "place": "first" })),
    ] {
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
    }
    ledger.close(5);
}

/// The statements by which a worker finds and changes todos, for filters of every kind. No job is worked off: each is cancelled
/// when its first chunk is done.
async fn every_bulk_change_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let employee = place.large.get("/api/v2/employees?limit=1").send().await.ok()["items"][0].clone();
    for filter in [
        json!({ "status": ["pending"] }),
        json!({ "status": ["cancelled"], "priority": ["urgent"] }),
        json!({ "completed": false, "overdue": true }),
        json!({ "tag": ["tag-0"] }),
        json!({ "tag": ["tag-0", "tag-150"] }),
        json!({ "assignee": employee["id"] }),
        json!({ "department": employee["department"]["id"] }),
        json!({ "q": "call" }),
        json!({ "q": "zebra" }),
        json!({ "due_before": "2025-01-01T00:00:00Z" }),
        json!({ "created_before": "2024-06-01T00:00:00Z" }),
        json!({ "updated_since": "2026-06-01T00:00:00Z" }),
        json!({ "deleted": true }),
    ] {
        place.plans();
        let body = json!({ "filter": filter, "action": "add_tag", "tag": "bulk" });
        let started = place.large.post("/api/v2/todos/bulk-process").json(body).send().await;
        let path = started.has_status(202).header("location").to_owned();
        let mut job = Value::Null;
        for _ in 0..300 {
            job = place.large.get(&path).send().await.ok();
            if job["processed"].as_u64() > Some(0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(job["processed"].as_u64() > Some(0), "nothing was done for {filter}: {job}");
        let cancelled = place.large.delete(&path).send().await;
        assert!([200, 204, 409].contains(&cancelled.status), "{cancelled}");
        let plans = place.plans();
        assert!(plans.iter().any(|plan| plan.query.contains("job_chunk_v")), "no chunk of {filter}");
        ledger.note(&filter.to_string(), &plans);
    }
    ledger.close(10);
}

/// Tags of 40,000 todos each. The job goes on after the answer, so its first chunks may be among what is observed.
async fn a_tag_is_merged_and_deleted_without_a_look_at_its_todos() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let make = "with large as (select id from workspaces where name = 'large'), made as (
            insert into tags (workspace_id, uid, name, folded)
            select id, gen_random_uuid(), name, name from large, unnest(array['many 1', 'many 2', 'many 3']) name returning *
        ), tagged as (
            insert into todo_tags (workspace_id, todo_id, tag_id)
            select t.workspace_id, t.id, g.id from made g cross join lateral (
                select * from todos t where t.workspace_id = g.workspace_id and t.deleted_at is null order by t.id limit 40000
            ) t returning *
        )
        insert into tag_counts (workspace_id, tag_id, shard, todos)
        select workspace_id, tag_id, 0, count(*) from tagged group by 1, 2";
    place.database.batch_execute(make).await.unwrap();
    place.database.batch_execute("analyze todo_tags").await.unwrap();
    let find = |name: &str| {
        format!(
            "select g.uid::text from tags g join workspaces w on w.id = g.workspace_id and w.name = 'large' \
             where g.name = '{name}' and g.merged_into is null"
        )
    };
    let [one, two, three] = [1, 2, 3].map(|number| find(&format!("many {number}")));
    let [one, two, three] = [place.text(&one).await, place.text(&two).await, place.text(&three).await];
    let path = |tag: &str| format!("/api/v2/tags/{tag}");
    let merge = place.large.patch(&path(&one)).json(json!({ "name": "many 2" }));
    let (answer, plans) = place.observe(merge).await;
    ledger.enter(&answer, &plans);
    // One more todo than a statement changes itself, and the last one; and two chunks of the job.
    ledger.at_most(20_000.0);
    assert_eq!((answer.ok()["id"].as_str(), &answer.ok()["count"]), (Some(two.as_str()), &json!(80_000)));
    for filter in
        ["tag=many 2", "tag=many 2&tag=tag-190", "tag=many 2&tag=tag-0&tag=tag-1&tag=tag-2", "tag=many 2&q=call"]
    {
        for sort in ["-created_at", "due_date", "title"] {
            let call = place.large.get(&format!("/api/v2/todos?{}&sort={sort}", filter.replace(' ', "%20")));
            let (answer, plans) = place.observe(call).await;
            ledger.enter(&answer, &plans);
            ledger.at_most(MOST_ROWS);
        }
    }
    let delete = place.large.delete(&path(&three));
    let (answer, plans) = place.observe(delete).await;
    ledger.enter(&answer, &plans);
    ledger.at_most(20_000.0);
    assert_eq!(last_jobs(&place, 2).await, [40_000, 40_000]);
    ledger.note("the jobs", &place.plans());
    let delete = place.large.delete(&path(&two));
    let (answer, plans) = place.observe(delete).await;
    ledger.enter(&answer, &plans);
    assert_eq!(last_jobs(&place, 1).await, [40_000], "todos that had both have one");
    ledger.close(5);
}

/// Waits for the end of so many jobs of the large workspace, the newest; how many todos each went through.
async fn last_jobs(place: &Place, count: usize) -> Vec<i64> {
    loop {
        let jobs = place.large.get(&format!("/api/v2/jobs?limit={count}")).send().await.ok()["items"].clone();
        let jobs = jobs.as_array().unwrap();
        if jobs.iter().all(|job| job["status"] == "succeeded") {
            return jobs.iter().map(|job| job["processed"].as_i64().unwrap()).collect();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Judged by rows, not by time, and undone: each of these 14,500 todos is written to more than a dozen indexes.
async fn a_large_tree_is_written_by_the_ids_of_its_todos() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let wide = place.text(&shapes::parent(true)).await;
    let list = place.text(&shapes::list("19")).await;
    let workspace: i64 = place.text("select id::text from workspaces where name = 'large'").await.parse().unwrap();
    let size = format!(
        "select (1 + count(*))::text from todos t join todos p on p.workspace_id = t.workspace_id and p.id = t.parent_id \
         where p.uid = '{wide}' and t.deleted_at is null"
    );
    let size: f64 = place.text(&size).await.parse().unwrap();
    let write = |function: &str, operation: &str| {
        format!("select {function}({workspace}, null, null, null, false, null, '{wide}'{operation})")
    };
    let delete = write("todo_delete_v1", ", null");
    // Found, locked, counted, read and written; tags are counted beside, two on average; what is told of the todo counts what is
    // below it.
    for (what, statements, rows) in [
        ("move", vec![write("todo_update_v1", &format!(", null, '{{\"move\": {{\"list\": \"{list}\"}}}}'"))], 10.0),
        ("complete", vec![write("todo_update_v1", ", null, '{\"complete\": true}'")], 10.0),
        ("delete", vec![delete.clone()], 10.0),
        ("delete and restore", vec![delete, write("todo_restore_v1", "")], 30.0),
    ] {
        place.database.batch_execute("begin; set local statement_timeout = 0").await.unwrap();
        place.plans();
        for statement in statements {
            place.database.batch_execute(&statement).await.unwrap();
        }
        place.database.batch_execute("rollback").await.unwrap();
        ledger.note(what, &place.plans());
        ledger.at_most(size * rows);
    }
    ledger.close(5);
}
