//! What writes look at in a large workspace: bounds for each call.

use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::Ledger;
use super::place::Place;
use super::{MOST_ROWS, shapes};
use crate::harness::{database, uuid};

/// A todo, its neighbours, its tags, and what is told of it.
const ONE_TODO: f64 = 100.0;
/// The same of a tree of five levels, or of siblings between which room is made.
const SOME_TODOS: f64 = 500.0;
/// Tags of more todos than these are replaced by a job.
const MOST_TAGGED: f64 = 20_000.0;

#[expect(clippy::too_many_lines, reason = "one list of writes, with what they are about")]
pub async fn every_write_goes_through_an_index() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let workspace: i64 = place.text("select id::text from workspaces where name = 'large'").await.parse().unwrap();
    let page = place.large.get("/api/v2/todos?status=pending&tag=tag-20&limit=20").send().await.ok();
    let ids: Vec<String> =
        page["items"].as_array().unwrap().iter().map(|todo| todo["id"].as_str().unwrap().to_owned()).collect();
    let todo = |index: usize| format!("/api/v2/todos/{}", ids[index]);
    let (wide, deep) = (place.text(&shapes::parent(true)).await, place.text(&shapes::parent(false)).await);
    let leaf = "select t.uid::text from todos t join workspaces w on w.id = t.workspace_id where w.name = 'large' \
        and t.deleted_at is null and t.parent_id is null and not exists ( \
            select from todos c where c.workspace_id = t.workspace_id and c.parent_id = t.id) limit 1";
    let leaf = place.text(leaf).await;
    let of_wide = 100.0 + children(&place, &wide).await;
    let siblings = format!(
        "select t.uid::text from todos t join todos p on p.workspace_id = t.workspace_id and p.id = t.parent_id \
         where p.uid = '{wide}' and t.deleted_at is null order by t.position, t.id offset 5000 limit 3"
    );
    let siblings = place.database.query(&siblings, &[]).await.unwrap();
    let [one, two, three] = [0, 1, 2].map(|index| siblings[index].get::<_, String>(0));
    let list = place.text(&shapes::list("19")).await;
    let big = format!("/api/v2/lists/{}", place.text(&shapes::list("0")).await);
    let tags = place.large.get("/api/v2/tags?limit=100").send().await.ok();
    let tag = |index: usize| format!("/api/v2/tags/{}", tags["items"][index]["id"].as_str().unwrap());
    let updates: Vec<Value> = ids[5..]
        .iter()
        .map(|id| json!({ "op": "update", "id": id, "todo": { "priority": "low", "tags": ["tag-1", "batch"] } }))
        .collect();
    let large = place.large.clone();
    // A list whose newest 10,000 todos are subtasks.
    let nested = large.post("/api/v2/lists").json(json!({ "name": format!("Nested {}", uuid()) }));
    let nested = nested.send().await.created()["id"].as_str().unwrap().to_owned();
    let make = |title: &str| large.post("/api/v2/todos").json(json!({ "title": title, "list_id": nested }));
    let (top, other) = (make("top").send().await.created(), make("other").send().await.created());
    let [top, other] = [&top, &other].map(|todo| todo["id"].as_str().unwrap());
    let below =
        format!("'below', t.list_id, t.id from todos t cross join generate_series(1, 10000) where t.uid = '{top}'");
    database::insert(&place.database, workspace, "title, list_id, parent_id", &below).await;
    let shift = |todo: &str, to: Value| large.post(&format!("/api/v2/todos/{todo}/move")).json(to);
    for (call, rows) in [
        (
            large.post("/api/v2/todos").json(json!({ "title": "new", "tags": ["tag-0", "tag-5", "brand new"] })),
            ONE_TODO,
        ),
        (large.patch(&todo(0)).json(json!({ "title": "changed", "tags": ["tag-3"] })), ONE_TODO),
        (
            large.put(&todo(1)).header("if-match", "*").json(json!({ "title": "replaced", "status": "completed" })),
            ONE_TODO,
        ),
        (large.delete(&todo(2)), ONE_TODO),
        (large.post(&format!("{}/restore", todo(2))), ONE_TODO),
        (large.post("/api/v2/todos/batch").json(json!({ "operations": updates })), 15.0 * ONE_TODO),
        (large.patch(&tag(60)).json(json!({ "name": "renamed" })), ONE_TODO),
        (large.patch(&tag(61)).json(json!({ "name": "tag-62" })), MOST_TAGGED),
        (large.delete(&tag(63)), MOST_TAGGED),
        (large.post("/api/v2/todos").json(json!({ "title": "new", "parent_id": wide })), ONE_TODO),
        (shift(&leaf, json!({ "parent_id": wide, "place": "first" })), ONE_TODO),
        (shift(&leaf, json!({ "parent_id": null, "place": "last" })), ONE_TODO),
        (shift(&ids[0], json!({ "list_id": list, "place": "first" })), ONE_TODO),
        (shift(&ids[0], json!({ "list_id": null, "place": "last" })), ONE_TODO),
        (shift(&three, json!({ "after": one })), ONE_TODO),
        (shift(&three, json!({ "before": one })), ONE_TODO),
        (shift(other, json!({ "place": "last" })), ONE_TODO),
        (shift(other, json!({ "place": "first" })), ONE_TODO),
        (shift(other, json!({ "after": top })), ONE_TODO),
        (shift(&deep, json!({ "place": "first" })), SOME_TODOS),
        (shift(&deep, json!({ "list_id": list })), SOME_TODOS),
        (large.delete(&format!("/api/v2/todos/{deep}")), SOME_TODOS),
        (large.post(&format!("/api/v2/todos/{deep}/restore")), SOME_TODOS),
        (large.post(&format!("/api/v2/todos/{deep}/complete")).json(json!({ "subtasks": "complete" })), SOME_TODOS),
        (shift(&wide, json!({ "place": "first" })), of_wide),
        (large.get(&format!("/api/v2/todos/{wide}")), of_wide),
        (large.patch(&big).json(json!({ "archived": true })), ONE_TODO),
        (large.patch(&big).json(json!({ "archived": false })), ONE_TODO),
    ] {
        let (answer, plans) = place.observe(call).await;
        ledger.enter(&answer, &plans);
        ledger.at_most(rows);
        // The rest of a merge is not part of the next call.
        until_idle(&place).await;
    }
    // Two at one place: room is made for what comes between them.
    let close =
        format!("update todos set position = (select position from todos where uid = '{one}') where uid = '{two}'");
    place.database.batch_execute(&close).await.unwrap();
    let (answer, plans) = place.observe(shift(&three, json!({ "after": one }))).await;
    assert!(plans.iter().any(|plan| plan.query.contains("unnest(before || behind)")), "no room was made: {answer}");
    ledger.enter(&answer, &plans);
    ledger.at_most(SOME_TODOS);
    let gone = format!(
        "do $$ declare gone bigint[]; begin
             select array_agg(t.id) into gone from todos t join lists i on i.workspace_id = t.workspace_id \
             and i.id = t.list_id
             where i.workspace_id = {workspace} and i.uid = '{nested}';
             perform count_todos_v1({workspace}, gone, -1);
             delete from todos where workspace_id = {workspace} and id = any (gone);
         end $$"
    );
    place.database.batch_execute(&gone).await.unwrap();
    let (answer, plans) = place.observe(large.delete(&format!("/api/v2/lists/{nested}"))).await;
    ledger.enter(&answer, &plans);
    ledger.at_most(ONE_TODO);
    ledger.close(5);
}

/// How many live todos are right below one.
async fn children(place: &Place, todo: &str) -> f64 {
    let count = format!(
        "select count(*)::text from todos t join todos p on p.workspace_id = t.workspace_id and p.id = t.parent_id \
         where p.uid = '{todo}' and t.deleted_at is null"
    );
    place.text(&count).await.parse().unwrap()
}

/// Waits until no job of the large workspace is open.
pub async fn until_idle(place: &Place) {
    let open = "select exists (select from jobs where finished_at is null)::text";
    while place.text(open).await == "true" {
        place.large.get("/api/v2/me").send().await.ok();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Tags of 40,000 todos each.
const MANY: &str = "with large as (select id from workspaces where name = 'large'), made as (
            insert into tags (workspace_id, uid, name, folded)
            select id, gen_random_uuid(), name, name from large, unnest(array['many 1', 'many 2', \
            'many 3']) name returning *
        ), tagged as (
            insert into todo_tags (workspace_id, todo_id, tag_id)
            select t.workspace_id, t.id, g.id from made g cross join lateral (
                select * from todos t where t.workspace_id = g.workspace_id and t.deleted_at is null order by t.id \
                limit 40000
            ) t returning *
        )
        insert into tag_counts (workspace_id, tag_id, shard, todos)
        select workspace_id, tag_id, 0, count(*) from tagged group by 1, 2";

/// The job goes on after the answer, so its first chunks may be among what is observed.
pub async fn a_tag_is_merged_and_deleted_without_a_look_at_its_todos() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    place.database.batch_execute(MANY).await.unwrap();
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
    // A todo that has both tags is done with when one of the jobs has come by.
    let processed = last_jobs(&place, 2).await;
    assert!(processed.iter().all(|count| *count <= 40_000), "{processed:?}");
    assert!(processed.iter().sum::<i64>() >= 40_000, "{processed:?}");
    ledger.note("the jobs", &place.plans());
    let left = "select count(*)::text from todo_tags l join workspaces w on w.id = l.workspace_id and w.name = 'large' \
         where not exists (select from tags g where g.workspace_id = w.id and g.id = l.tag_id and g.merged_into \
         is null)";
    assert_eq!(place.text(left).await, "0", "todos have tags that are gone");
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
pub async fn a_large_tree_is_written_by_the_ids_of_its_todos() {
    let mut place = Place::get().await;
    let mut ledger = Ledger::default();
    let wide = place.text(&shapes::parent(true)).await;
    let list = place.text(&shapes::list("19")).await;
    let workspace: i64 = place.text("select id::text from workspaces where name = 'large'").await.parse().unwrap();
    let size = 1.0 + children(&place, &wide).await;
    let write = |function: &str, operation: &str| {
        format!("select {function}({workspace}, null, null, null, false, null, '{wide}'{operation})")
    };
    let delete = write("todo_delete_v1", ", null");
    // Found, locked, counted, read and written, by an entry and a row each; tags are counted beside, two on average;
    // what is told of the todo counts what is below it.
    for (what, statements, rows) in [
        ("move", vec![write("todo_update_v1", &format!(", null, '{{\"move\": {{\"list\": \"{list}\"}}}}'"))], 14.0),
        ("complete", vec![write("todo_update_v1", ", null, '{\"complete\": true}'")], 14.0),
        ("delete", vec![delete.clone()], 14.0),
        ("delete and restore", vec![delete, write("todo_restore_v1", "")], 60.0),
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
