//! Trees of todos in the bin: what goes there together, and how it comes back.

use serde_json::{Value, json};

use crate::harness::{Workspace, database, id, suite};
use crate::jobs::done;
use crate::subtasks::{below, chain, delete, list, path, read, restore};

suite![
    what_is_below_goes_into_the_bin_and_comes_back_together,
    a_child_alone_comes_back_as_a_root,
    what_went_into_the_bin_before_stays_there,
    a_restored_child_that_would_be_too_deep_comes_back_as_a_root,
    #[database]
    a_purged_parent_leaves_its_children,
    a_bulk_deletion_takes_what_is_below,
    a_batch_deletes_a_todo_and_what_is_below_it_in_any_order,
];

async fn what_is_below_goes_into_the_bin_and_comes_back_together() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 4).await;
    let top = read(&ws, &levels[0]).await;
    ws.patch(&path(&levels[0])).json(json!({ "status": "completed" })).send().await.ok();
    delete(&ws, &levels[1]).await;
    assert_eq!(ws.titles(&[]).await, ["1"]);
    let bin = ws.titles(&[("deleted", "true"), ("sort", "title")]).await;
    assert_eq!(bin, ["2", "3", "4"]);
    ws.get(&path(&levels[3])).send().await.problem(404, "todo_not_found");
    let back = restore(&ws, &levels[1]).await;
    assert_eq!((&back["parent_id"], &back["subtasks"]), (&top["id"], &json!({ "total": 1, "completed": 0 })));
    assert_eq!(ws.titles(&[("root", id(&levels[0])), ("sort", "title")]).await, ["1", "2", "3", "4"]);
    assert_eq!(ws.titles(&[("deleted", "true")]).await, [""; 0]);
    assert_eq!(restore(&ws, &levels[1]).await, back, "a live todo is left as it is");
}

async fn a_child_alone_comes_back_as_a_root() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let levels = chain(&ws, 4).await;
    ws.patch(&path(&levels[0])).json(json!({ "list_id": home["id"] })).send().await.ok();
    delete(&ws, &levels[0]).await;
    // With what is below it, which went there with it.
    let alone = restore(&ws, &levels[2]).await;
    assert_eq!((&alone["parent_id"], &alone["list_id"]), (&Value::Null, &home["id"]));
    let history = ws.get(&format!("{}/history", path(&levels[2]))).send().await.ok();
    let restored = &history["items"][0];
    let from = json!({ "id": levels[1]["id"], "title": "2" });
    assert_eq!((&restored["type"], &restored["version"]), (&json!("todo.restored"), &alone["version"]));
    assert_eq!(restored["changes"], json!({ "parent": { "from": from, "to": null } }));
    assert_eq!(read(&ws, &levels[3]).await["parent_id"], levels[2]["id"]);
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["3", "4"]);
    // The others come back without those.
    restore(&ws, &levels[0]).await;
    assert_eq!(ws.titles(&[("root", id(&levels[0])), ("sort", "title")]).await, ["1", "2"]);
    assert_eq!(ws.titles(&[("parent", "none"), ("sort", "title")]).await, ["1", "3"]);
}

async fn what_went_into_the_bin_before_stays_there() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 3).await;
    delete(&ws, &levels[2]).await;
    delete(&ws, &levels[0]).await;
    restore(&ws, &levels[0]).await;
    assert_eq!(ws.titles(&[("deleted", "true")]).await, ["3"]);
    let back = restore(&ws, &levels[2]).await;
    assert_eq!(back["parent_id"], levels[1]["id"], "its parent is there");
}

async fn a_restored_child_that_would_be_too_deep_comes_back_as_a_root() {
    let ws = Workspace::new().await;
    let home = list(&ws, "Home").await;
    let (levels, pair) = (chain(&ws, 4).await, chain(&ws, 2).await);
    ws.patch(&path(&levels[0])).json(json!({ "list_id": home["id"] })).send().await.ok();
    delete(&ws, &pair[1]).await;
    ws.patch(&path(&pair[0])).json(json!({ "parent_id": levels[3]["id"] })).send().await.ok();
    let back = restore(&ws, &pair[1]).await;
    assert_eq!((&back["parent_id"], &back["list_id"]), (&Value::Null, &home["id"]));
    // A child that fits follows its parent into the list where that is now.
    let other = ws.todo(json!({ "title": "other" })).await;
    let late = below(&ws, &other, "late").await;
    delete(&ws, &late).await;
    ws.patch(&path(&other)).json(json!({ "list_id": home["id"] })).send().await.ok();
    let back = restore(&ws, &late).await;
    assert_eq!((&back["parent_id"], &back["list_id"]), (&other["id"], &home["id"]));
}

async fn a_purged_parent_leaves_its_children() {
    let database = database::connect().await;
    let ws = Workspace::new().await;
    let levels = chain(&ws, 2).await;
    delete(&ws, &levels[0]).await;
    let purge = "delete from todos where uid = $1::text::uuid";
    assert_eq!(database.execute(purge, &[&id(&levels[0])]).await.unwrap(), 1);
    let back = restore(&ws, &levels[1]).await;
    assert_eq!(back["parent_id"], Value::Null);
    let expired = "update todos set deleted_at = now() - interval '31 days' where uid = $1::text::uuid";
    let levels = chain(&ws, 2).await;
    delete(&ws, &levels[0]).await;
    database.execute(expired, &[&id(&levels[0])]).await.unwrap();
    ws.post(&format!("{}/restore", path(&levels[0]))).send().await.problem(404, "todo_not_found");
    assert_eq!(restore(&ws, &levels[1]).await["parent_id"], Value::Null);
}

async fn a_bulk_deletion_takes_what_is_below() {
    let ws = Workspace::new().await;
    let levels = chain(&ws, 3).await;
    ws.patch(&path(&levels[0])).json(json!({ "tags": ["x"] })).send().await.ok();
    ws.titled("other").await;
    let job = done(&ws, json!({ "filter": { "tag": ["x"] }, "action": "delete" })).await;
    assert_eq!((&job["status"], &job["processed"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(ws.titles(&[]).await, ["other"]);
    restore(&ws, &levels[0]).await;
    assert_eq!(ws.titles(&[("root", id(&levels[0]))]).await.len(), 3);
    // A parent and its child that both match go together, too.
    done(&ws, json!({ "filter": { "root": levels[0]["id"] }, "action": "delete" })).await;
    restore(&ws, &levels[0]).await;
    assert_eq!(ws.titles(&[("root", id(&levels[0]))]).await.len(), 3);
}

async fn a_batch_deletes_a_todo_and_what_is_below_it_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let ws = Workspace::new().await;
        let levels = chain(&ws, 4).await;
        let operations: Vec<Value> = order.map(|level| json!({ "op": "delete", "id": levels[level]["id"] })).into();
        let batch = ws.post("/api/v2/todos/batch").json(json!({ "operations": operations })).send().await.ok();
        assert_eq!(batch["results"].as_array().unwrap().len(), 3, "{batch}");
        assert_eq!(ws.titles(&[("deleted", "true"), ("sort", "title")]).await, ["1", "2", "3", "4"]);
        restore(&ws, &levels[0]).await;
        assert_eq!(ws.titles(&[("sort", "title")]).await, ["1", "2", "3", "4"], "they went together");
    }
    // One after the other, what is gone is gone.
    let ws = Workspace::new().await;
    let levels = chain(&ws, 2).await;
    let stale = json!({ "operations": [
        { "op": "delete", "id": levels[0]["id"] },
        { "op": "delete", "id": levels[1]["id"], "if_version": 7 },
    ] });
    let refused = ws.post("/api/v2/todos/batch").json(stale).send().await;
    refused.problem(412, "stale_version").at("/operations/1", "stale_version");
    let gone = json!({ "operations": [
        { "op": "delete", "id": levels[0]["id"] },
        { "op": "update", "id": levels[1]["id"], "todo": { "title": "x" } },
    ] });
    let refused = ws.post("/api/v2/todos/batch").json(gone).send().await;
    refused.problem(422, "invalid_body").at("/operations/1/id", "not_found");
    assert_eq!(ws.titles(&[]).await.len(), 2, "all or nothing");
}
