//! Trees that are larger than a page, a chunk of a job, or what a statement finds by ids.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};

use crate::harness::{Workspace, database, id, suite};
use crate::jobs::done;

suite![
    a_large_tree_is_listed_in_every_order_and_comes_back_whole,
    the_bin_below_a_todo_is_the_same_whatever_the_size_of_the_tree,
    #[database]
    a_bulk_deletion_takes_trees_whole_that_are_in_several_chunks,
    #[database]
    a_bulk_deletion_leaves_what_went_before_its_parent_to_be_restored_alone,
];

fn path(todo: &Value) -> String {
    format!("/api/v2/todos/{}", id(todo))
}

/// Creates todos from these bodies, and gives them in order.
async fn create(ws: &Workspace, bodies: Vec<Value>) -> Vec<Value> {
    let mut made = Vec::new();
    for bodies in bodies.chunks(100) {
        let operations: Vec<Value> = bodies.iter().map(|body| json!({ "op": "create", "todo": body })).collect();
        let answer = ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
        made.extend(answer["results"].as_array().unwrap().iter().map(|result| result["todo"].clone()));
    }
    made
}

/// A body whose fields differ with the number, with ties.
fn body(number: usize, parent: &Value) -> Value {
    let status = ["pending", "in_progress", "completed", "cancelled"][number % 4];
    let priority = ["low", "medium", "high", "urgent"][number / 3 % 4];
    let due = (!number.is_multiple_of(5)).then(|| format!("2027-01-{:02}T00:00:00Z", 1 + number * 7 % 28));
    let title = format!("{}{}", ["a", "B", "c", "É", "z"][number * 11 % 5], number % 200);
    let position = number * 37 % 400;
    json!({ "title": title, "status": status, "priority": priority, "due_date": due, "position": position,
            "parent_id": parent["id"] })
}

/// How two todos follow each other in this order, by what they show; ties by their creation.
fn follow(key: &str, is_descending: bool, (one, a): (usize, &Value), (two, b): (usize, &Value)) -> Ordering {
    let rank = |todo: &Value| ["low", "medium", "high", "urgent"].iter().position(|name| todo[key] == *name);
    let instant = |todo: &Value| -> Option<DateTime<FixedOffset>> {
        todo[key].as_str().map(|text| DateTime::parse_from_rfc3339(text).unwrap())
    };
    let number = |todo: &Value| todo[key].as_f64().unwrap();
    let title = |todo: &Value| todo[key].as_str().unwrap().to_lowercase();
    let order = match key {
        "priority" => rank(a).cmp(&rank(b)),
        "position" => number(a).total_cmp(&number(b)),
        "title" => title(a).cmp(&title(b)),
        // What has no due date comes last either way.
        "due_date" if instant(a).is_some() != instant(b).is_some() => {
            return instant(b).is_some().cmp(&instant(a).is_some());
        }
        _ => instant(a).cmp(&instant(b)),
    };
    let order = order.then(one.cmp(&two));
    if is_descending { order.reverse() } else { order }
}

/// 1,100 todos in five levels, of which the root has 501 directly below it, among others.
async fn a_large_tree_is_listed_in_every_order_and_comes_back_whole() {
    let ws = Workspace::new().await;
    create(&ws, (0..150).map(|number| body(number, &Value::Null)).collect()).await;
    let mut tree = create(&ws, vec![body(0, &Value::Null)]).await;
    let mut level = 0..1;
    for (number, parents) in [(501, 1), (300, 90), (200, 300), (98, 7)] {
        let bodies = (0..number).map(|number| body(tree.len() + number, &tree[level.start + number % parents]));
        let made = create(&ws, bodies.collect()).await;
        level = tree.len()..tree.len() + made.len();
        tree.extend(made);
    }
    assert_eq!(tree.len(), 1_100);
    let root = tree[0].clone();
    assert_whole(&ws, &tree).await;
    for (filter, status) in [("root", ""), ("root", "pending"), ("parent", ""), ("parent", "in_progress")] {
        let keys = ["position", "due_date", "title", "created_at", "updated_at", "priority"];
        // With a status the half of them is enough.
        for key in &keys[..if status.is_empty() { 6 } else { 3 }] {
            for is_descending in [false, true] {
                let mut expected: Vec<(usize, &Value)> = tree
                    .iter()
                    .enumerate()
                    .filter(|(_, todo)| filter == "root" || todo["parent_id"] == root["id"])
                    .filter(|(_, todo)| status.is_empty() || todo["status"] == status)
                    .collect();
                expected.sort_by(|one, two| follow(key, is_descending, *one, *two));
                let sort = format!("{}{key}", if is_descending { "-" } else { "" });
                let mut query = vec![(filter, id(&root)), ("sort", sort.as_str()), ("limit", "100")];
                query.extend((!status.is_empty()).then_some(("status", status)));
                let found = ws.all("/api/v2/todos", &query).await;
                let [found, expected] =
                    [found.iter().map(id).collect::<Vec<_>>(), expected.iter().map(|(_, todo)| id(todo)).collect()];
                assert_eq!(found, expected, "{query:?}");
            }
        }
    }
    ws.delete(&path(&root)).send().await.no_content();
    let all = [("root", id(&root)), ("limit", "100")];
    assert_eq!(ws.titles(&all).await, [""; 0]);
    assert_eq!(ws.titles(&[all[0], all[1], ("deleted", "true")]).await.len(), 1_100);
    ws.post(&format!("{}/restore", path(&root))).send().await.ok();
    assert_whole(&ws, &tree).await;
}

/// All todos of the tree are there, below the same parents, each with the right count of its subtasks.
async fn assert_whole(ws: &Workspace, tree: &[Value]) {
    let found = ws.all("/api/v2/todos", &[("root", id(&tree[0])), ("sort", "created_at"), ("limit", "100")]).await;
    assert_eq!(found.len(), tree.len());
    let mut counts = BTreeMap::new();
    for todo in &tree[1..] {
        let (total, completed) = counts.entry(todo["parent_id"].as_str().unwrap()).or_insert((0, 0));
        *total += 1;
        *completed += i32::from(todo["status"] == "completed");
    }
    for (found, made) in found.iter().zip(tree) {
        assert_eq!((&found["id"], &found["parent_id"]), (&made["id"], &made["parent_id"]));
        let (total, completed) = counts.get(id(made)).copied().unwrap_or_default();
        assert_eq!(found["subtasks"], json!({ "total": total, "completed": completed }), "{found}");
    }
}

/// What of the bin is below a todo, by the list, the export and a bulk change.
async fn assert_bin_below(ws: &Workspace, root: &Value, expected: &[&Value], tag: &str) {
    let mut expected: Vec<&str> = expected.iter().map(|todo| id(todo)).collect();
    expected.sort_unstable();
    let filter = [("deleted", "true"), ("root", id(root)), ("limit", "100")];
    let listed = ws.all("/api/v2/todos", &filter).await;
    let exported = ws.get("/api/v2/todos/export").query(&filter[..2]).query(&[("format", "ndjson")]).send().await;
    let exported: Vec<Value> = exported.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let filter = json!({ "deleted": true, "root": root["id"] });
    let job = done(ws, json!({ "filter": filter, "action": "add_tag", "tag": tag })).await;
    assert_eq!((&job["status"], &job["processed"]), (&json!("succeeded"), &json!(expected.len())));
    let tagged = ws.all("/api/v2/todos", &[("deleted", "true"), ("tag", tag), ("limit", "100")]).await;
    for found in [&listed, &exported, &tagged] {
        let mut found: Vec<&str> = found.iter().map(id).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}

async fn the_bin_below_a_todo_is_the_same_whatever_the_size_of_the_tree() {
    for leaves in [0, 1_001] {
        let ws = Workspace::new().await;
        let mut chain = vec![ws.todo(json!({ "title": "1" })).await];
        for title in ["2", "3", "4"] {
            let above = chain.last().unwrap()["id"].clone();
            chain.push(ws.todo(json!({ "title": title, "parent_id": above })).await);
        }
        let (top, fourth) = (&chain[0], &chain[3]);
        let leaves = create(&ws, vec![json!({ "title": "leaf", "parent_id": top["id"] }); leaves]).await;
        let fifth = ws.todo(json!({ "title": "5" })).await;
        let sixth = ws.todo(json!({ "title": "6", "parent_id": fifth["id"] })).await;
        let seventh = ws.todo(json!({ "title": "7", "parent_id": sixth["id"] })).await;
        let elsewhere = ws.todo(json!({ "title": "elsewhere" })).await;
        for todo in [&sixth, &elsewhere] {
            ws.delete(&path(todo)).send().await.no_content();
        }
        // What is in the bin does not count when its parent is moved: so there are more than five levels.
        ws.patch(&path(&fifth)).json(json!({ "parent_id": fourth["id"] })).send().await.ok();
        assert_bin_below(&ws, top, &[&sixth, &seventh], "one").await;
        assert_bin_below(&ws, &sixth, &[&sixth, &seventh], "two").await;
        ws.delete(&path(top)).send().await.no_content();
        let all: Vec<&Value> = chain.iter().chain(&leaves).chain([&fifth, &sixth, &seventh]).collect();
        assert_bin_below(&ws, top, &all, "three").await;
        assert_eq!(ws.titles(&[("root", id(top)), ("limit", "100")]).await, [""; 0], "nothing of it is live");
    }
}

/// The first chunk takes all that is below a todo of it. (The first one has 200, the next at most twice as many as the
/// one before.)
async fn a_bulk_deletion_takes_trees_whole_that_are_in_several_chunks() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let mut tree = vec![ws.todo(body(0, &Value::Null)).await];
    for status in ["pending", "completed", "pending"] {
        database::fill(&database, workspace, 500).await;
        let parent = tree.last().unwrap()["id"].clone();
        tree.push(ws.todo(json!({ "title": "x", "status": status, "parent_id": parent })).await);
    }
    let job = done(&ws, json!({ "filter": { "status": ["pending"] }, "action": "delete" })).await;
    assert_eq!(
        (&job["status"], &job["processed"]),
        (&json!("succeeded"), &json!(1_501)),
        "the others went with the root"
    );
    assert_eq!(ws.titles(&[]).await, [""; 0]);
    ws.post(&format!("{}/restore", path(&tree[0]))).send().await.ok();
    assert_whole(&ws, &tree).await;
}

/// Chunks go by the age of todos, and a subtask may be older than its parent.
async fn a_bulk_deletion_leaves_what_went_before_its_parent_to_be_restored_alone() {
    let ws = Workspace::new().await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    let older = ws.titled("older").await;
    // The first chunk of a job has 200.
    database::fill(&database, workspace, 700).await;
    let parent = ws.todo(json!({ "title": "parent" })).await;
    let younger = ws.todo(json!({ "title": "younger", "parent_id": parent["id"] })).await;
    let older =
        ws.patch(&format!("/api/v2/todos/{older}")).json(json!({ "parent_id": parent["id"] })).send().await.ok();
    let job = done(&ws, json!({ "filter": { "status": ["pending"] }, "action": "delete" })).await;
    assert_eq!(job["status"], "succeeded");
    assert_eq!(ws.titles(&[]).await, [""; 0]);
    let back = ws.post(&format!("{}/restore", path(&parent))).send().await.ok();
    assert_eq!(back["subtasks"]["total"], 1, "the younger one came back with it");
    assert_eq!(ws.get(&path(&younger)).send().await.ok()["parent_id"], parent["id"]);
    ws.get(&path(&older)).send().await.problem(404, "todo_not_found");
    let back = ws.post(&format!("{}/restore", path(&older))).send().await.ok();
    assert_eq!(back["parent_id"], parent["id"], "nothing is lost");
}
