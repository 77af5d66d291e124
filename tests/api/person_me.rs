//! The word `me` in filters and bodies: whom the token names.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Workspace, suite, uuid};
use crate::person::{TODOS, client_of, titles, two};

suite![
    me_in_a_filter_is_whom_the_token_names,
    a_cached_list_of_one_person_is_never_anothers,
    a_list_of_me_is_one_cached_list_in_every_spelling,
    a_cursor_of_me_is_the_persons,
    me_in_a_body_is_whom_the_token_names,
    me_in_a_bulk_change_is_who_asked_for_it,
    me_without_a_person_is_a_fault,
    me_is_only_an_employee,
    version_1_knows_no_me,
];

async fn me_in_a_filter_is_whom_the_token_names() {
    let ws = Workspace::new().await;
    let [(ada, _), (bob, _)] = two(&ws).await;
    for (client, own) in [(&ada, "Ada's"), (&bob, "Bob's")] {
        let page = client.get(&format!("{TODOS}?assignee=me")).send().await.ok();
        assert_eq!(titles(&page), [own]);
        assert_eq!(page["next_cursor"], Value::Null);
        let file = client.get(&format!("{TODOS}/export?format=csv&assignee=me")).send().await.text();
        let rows: Vec<&str> = file.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
        assert_eq!(rows, [own], "{file}");
    }
}

/// `me` is resolved before the key of the cache is made.
async fn a_cached_list_of_one_person_is_never_anothers() {
    let ws = Workspace::new().await;
    let [(ada, _), (bob, bobs)] = two(&ws).await;
    let second = client_of(&ws, &bobs).await;
    let clients = [(&ada, "Ada's"), (&bob, "Bob's"), (&second, "Bob's")];
    let (mut hits, mut etags) = ([0; 3], [const { String::new() }; 3]);
    for spelling in ["assignee=me", "assignee=%6De", "%61ssignee=m%65", "&assignee=me&"] {
        for _ in 0..250 {
            for (number, (client, own)) in clients.iter().enumerate() {
                let answer = client.get(&format!("{TODOS}?{spelling}")).send().await;
                assert_eq!(titles(&answer.ok()), [*own], "{spelling}: {answer}");
                hits[number] += u32::from(answer.header("x-cache") == "HIT");
                etags[number] = answer.etag();
            }
            if hits.iter().all(|hits| *hits > 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(hits.iter().all(|hits| *hits > 0), "{spelling}: not everybody was answered from the cache: {hits:?}");
        hits = [0; 3];
        // A condition of one person's list is nothing to another.
        let conditional = bob.get(&format!("{TODOS}?{spelling}")).header("if-none-match", &etags[0]).send().await;
        assert_eq!(titles(&conditional.ok()), ["Bob's"]);
    }
    // And a write is seen by each.
    let moved = ws.todo(json!({ "title": "new", "assignee_id": bobs["id"] })).await;
    for (client, all) in [(&ada, &["Ada's"][..]), (&bob, &["new", "Bob's"]), (&second, &["new", "Bob's"])] {
        assert_eq!(titles(&client.get(&format!("{TODOS}?assignee=me")).send().await.ok()), all, "{moved}");
    }
}

async fn a_list_of_me_is_one_cached_list_in_every_spelling() {
    let ws = Workspace::new().await;
    let [(ada, _), _] = two(&ws).await;
    let answer = async |spelling: &str| ada.get(&format!("{TODOS}?{spelling}")).send().await;
    for _ in 0..50 {
        answer("assignee=me&limit=7").await.ok();
        let other = answer("assignee=%6de&limit=%37").await;
        if other.header("x-cache") == "HIT" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        ws.titled("everything is stale").await;
    }
    panic!("another spelling is another entry");
}

async fn a_cursor_of_me_is_the_persons() {
    let ws = Workspace::new().await;
    let [(ada, adas), (bob, _)] = two(&ws).await;
    ws.todo(json!({ "title": "second", "assignee_id": adas["id"] })).await;
    let page = ada.get(&format!("{TODOS}?assignee=me&limit=1")).send().await;
    let cursor = page.ok()["next_cursor"].as_str().unwrap().to_owned();
    assert!(page.header("link").contains("?assignee=me&limit=1&cursor="), "{page}");
    let next = format!("{TODOS}?assignee=me&limit=1&cursor={cursor}");
    assert_eq!(titles(&ada.get(&next).send().await.ok()), ["Ada's"]);
    bob.get(&next).send().await.problem(400, "invalid_cursor").in_parameter("cursor");
}

async fn me_in_a_body_is_whom_the_token_names() {
    let ws = Workspace::new().await;
    let [(ada, adas), (bob, bobs)] = two(&ws).await;
    let mine = json!({ "title": "mine", "assignee_id": "me" });
    let made = ada.post(TODOS).json(mine.clone()).send().await.created();
    assert_eq!(made["assignee"]["id"], adas["id"], "{made}");
    let path = format!("{TODOS}/{}", made["id"].as_str().unwrap());
    let patched = bob.patch(&path).json(json!({ "assignee_id": "me" })).send().await.ok();
    assert_eq!(patched["assignee"]["id"], bobs["id"], "{patched}");
    let put = ada.put(&path).header("if-match", "*").json(mine.clone()).send().await.ok();
    assert_eq!(put["assignee"]["id"], adas["id"], "{put}");
    let chosen = bob.put(&format!("{TODOS}/{}", uuid())).header("if-none-match", "*").json(mine.clone()).send().await;
    assert_eq!(chosen.created()["assignee"]["id"], bobs["id"], "{chosen}");
    let operations = json!([
        { "op": "create", "todo": mine },
        { "op": "update", "id": made["id"], "todo": { "assignee_id": "me" } },
    ]);
    let results = bob.post(&format!("{TODOS}/batch")).json(json!({ "operations": operations })).send().await.ok();
    for result in results["results"].as_array().unwrap() {
        assert_eq!(result["todo"]["assignee"]["id"], bobs["id"], "{results}");
    }
}

async fn me_in_a_bulk_change_is_who_asked_for_it() {
    let ws = Workspace::new().await;
    let [(ada, _), (bob, bobs)] = two(&ws).await;
    let bulk = json!({ "filter": { "status": ["pending"] }, "action": "assign", "assignee_id": "me" });
    let accepted = bob.post(&format!("{TODOS}/bulk-process")).json(bulk).send().await;
    let job = super::jobs::ended(&ws, accepted.has_status(202).header("location")).await;
    assert_eq!((&job["status"], &job["total"]), (&json!("succeeded"), &json!(3)), "{job}");
    let assigned = ws.all(TODOS, &[("assignee", bobs["id"].as_str().unwrap())]).await;
    assert_eq!(assigned.len(), 3, "{assigned:?}");
    for (client, total) in [(&ada, 0), (&bob, 3)] {
        let bulk = json!({ "filter": { "assignee": "me" }, "action": "set_priority", "priority": "high" });
        let accepted = client.post(&format!("{TODOS}/bulk-process")).json(bulk).send().await;
        let job = super::jobs::ended(&ws, accepted.has_status(202).header("location")).await;
        assert_eq!((&job["status"], &job["total"]), (&json!("succeeded"), &json!(total)), "{job}");
    }
}

async fn me_without_a_person_is_a_fault() {
    let ws = Workspace::new().await;
    let todo = ws.titled("x").await;
    for path in
        [format!("{TODOS}?assignee=me"), format!("{TODOS}?assignee=%6de"), format!("{TODOS}/export?assignee=me")]
    {
        let answer = ws.get(&path).send().await;
        let problem = answer.problem(400, "no_person");
        problem.in_parameter("assignee").faults_are(1);
        assert_eq!(problem.faults()[0]["code"], "no_person", "{answer}");
    }
    // Beside other faults it is one of them.
    let answer = ws.get(&format!("{TODOS}?assignee=me&limit=0")).send().await;
    answer.problem(400, "invalid_parameter").in_parameter("assignee").in_parameter("limit").faults_are(2);
    let mine = json!({ "title": "x", "assignee_id": "me" });
    let change = json!({ "assignee_id": "me" });
    let path = format!("{TODOS}/{todo}");
    let operations = json!([{ "op": "create", "todo": mine }, { "op": "update", "id": todo, "todo": change }]);
    let assign = json!({ "filter": { "status": ["pending"] }, "action": "assign", "assignee_id": "me" });
    let filter = json!({ "filter": { "assignee": "me" }, "action": "complete" });
    for (call, pointers) in [
        (ws.post(TODOS).json(mine.clone()), &["/assignee_id"][..]),
        (ws.put(&path).header("if-match", "*").json(mine.clone()), &["/assignee_id"]),
        (ws.patch(&path).json(change.clone()), &["/assignee_id"]),
        (
            ws.post(&format!("{TODOS}/batch")).json(json!({ "operations": operations })),
            &["/operations/0/todo/assignee_id", "/operations/1/todo/assignee_id"],
        ),
        (ws.post(&format!("{TODOS}/bulk-process")).json(assign), &["/assignee_id"]),
        (ws.post(&format!("{TODOS}/bulk-process")).json(filter), &["/filter/assignee"]),
    ] {
        let answer = call.send().await;
        let problem = answer.problem(422, "invalid_body");
        for pointer in pointers {
            problem.at(pointer, "no_person");
        }
        problem.faults_are(pointers.len());
    }
}

async fn me_is_only_an_employee() {
    let ws = Workspace::new().await;
    let [(ada, _), _] = two(&ws).await;
    for (name, value) in [("assignee", "Me"), ("assignee", "me "), ("assignee", ""), ("department", "me")] {
        let answer = ada.get(TODOS).query(&[(name, value)]).send().await;
        answer.problem(400, "invalid_parameter").in_parameter(name).faults_are(1);
    }
    ada.get(&format!("{TODOS}/me")).send().await.problem(400, "invalid_parameter");
    let department = json!({ "name": "Eve", "email": "eve@example.com", "department_id": "me" });
    let answer = ada.post("/api/v2/employees").json(department).send().await;
    answer.problem(422, "invalid_body").at("/department_id", "invalid_format").faults_are(1);
}

async fn version_1_knows_no_me() {
    let ws = Workspace::new().await;
    let [(ada, _), _] = two(&ws).await;
    ada.get("/api/v1/todos?assignee=me").send().await.v1_error(400, "invalid_parameter");
    let answer = ada.post("/api/v1/todos").json(json!({ "title": "x", "assignee_id": "me" })).send().await;
    let message = answer.v1_error(422, "invalid_body");
    assert!(message.contains("/assignee_id"), "{message}");
}
