//! Many clients at one thing: nothing lost, nothing doubled.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::client::Call;
use crate::harness::{Answer, Workspace, suite, uuid};

suite![
    two_patches_at_once_both_count,
    of_many_conditional_patches_each_version_is_won_once,
    many_posts_with_one_key_create_one_todo,
    many_puts_of_one_id_create_it_once,
    a_rename_that_merges_loses_no_tag,
    one_new_tag_by_many_is_one_tag,
    deletes_at_once_delete_once,
    batches_in_opposite_order_do_not_deadlock,
    one_name_goes_to_one,
];

/// Sends all calls at once and waits for all answers.
async fn at_once(calls: Vec<Call>) -> Vec<Answer> {
    let sent: Vec<_> = calls.into_iter().map(|call| tokio::spawn(call.send())).collect();
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.unwrap());
    }
    answers
}

fn statuses(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn two_patches_at_once_both_count() {
    let ws = Workspace::new().await;
    for _ in 0..30 {
        let path = format!("/api/v2/todos/{}", ws.titled("x").await);
        let calls = vec![
            ws.patch(&path).json(json!({ "priority": "urgent" })),
            ws.patch(&path).json(json!({ "description": "both" })),
            ws.patch(&path).json(json!({ "tags": ["a"] })),
        ];
        for answer in at_once(calls).await {
            answer.ok();
        }
        let todo = ws.get(&path).send().await.ok();
        assert_eq!(
            (&todo["priority"], &todo["description"], &todo["tags"], &todo["version"]),
            (&json!("urgent"), &json!("both"), &json!(["a"]), &json!(4)),
            "{todo}"
        );
    }
}

async fn of_many_conditional_patches_each_version_is_won_once() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/todos").json(json!({ "title": "0" })).send().await;
    let path = made.header("location");
    let mut tag = made.etag();
    for round in 1..=15 {
        let calls = (0..8).map(|number| {
            ws.patch(path).header("if-match", &tag).json(json!({ "title": format!("{round} by {number}") }))
        });
        let answers = at_once(calls.collect()).await;
        assert_eq!((statuses(&answers, 200), statuses(&answers, 412)), (1, 7), "{}", answers[0]);
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
        assert_eq!(ws.get(path).send().await.ok(), winner.ok());
        tag = winner.etag();
    }
    assert_eq!(ws.get(path).send().await.ok()["version"], 16);
}

async fn many_posts_with_one_key_create_one_todo() {
    let ws = Workspace::new().await;
    for round in 0..20 {
        let title = format!("round-{round}");
        let create = || ws.post("/api/v2/todos").header("idempotency-key", &title).json(json!({ "title": title }));
        let calls = (0..10).map(|_| create());
        let answers = at_once(calls.collect()).await;
        let (made, running) = (statuses(&answers, 201), statuses(&answers, 409));
        assert_eq!(made + running, 10, "{}", answers.iter().map(ToString::to_string).collect::<String>());
        let mut bodies: Vec<Value> = Vec::new();
        let mut fresh = 0;
        for answer in &answers {
            if answer.status == 201 {
                fresh += usize::from(answer.optional("idempotent-replayed").is_none());
                bodies.push(answer.created());
            } else {
                answer.problem(409, "idempotency_in_progress");
            }
        }
        bodies.dedup();
        assert_eq!((bodies.len(), fresh), (1, 1), "one made it, the others were told so");
    }
    assert_eq!(ws.titles(&[]).await.len(), 20);
}

async fn many_puts_of_one_id_create_it_once() {
    let ws = Workspace::new().await;
    for round in 1..=5 {
        let path = format!("/api/v2/todos/{}", uuid());
        let calls = (0..10).map(|number| {
            let body = json!({ "title": format!("by {number}"), "tags": ["t"] });
            ws.put(&path).header("if-none-match", "*").json(body)
        });
        let answers = at_once(calls.collect()).await;
        assert_eq!((statuses(&answers, 201), statuses(&answers, 412)), (1, 9), "{}", answers[0]);
        assert_eq!(ws.titles(&[]).await.len(), round);
    }
}

async fn a_rename_that_merges_loses_no_tag() {
    for round in 0..20 {
        let ws = Workspace::new().await;
        ws.todo(json!({ "title": "both", "tags": ["from", "to"] })).await;
        ws.todo(json!({ "title": "from", "tags": ["from"] })).await;
        let mut plain = Vec::new();
        for _ in 0..4 {
            plain.push(ws.titled("to be tagged").await);
        }
        let tags = ws.all("/api/v2/tags", &[]).await;
        let from = tags.iter().find(|tag| tag["name"] == "from").unwrap()["id"].as_str().unwrap();

        let create = json!({ "title": "made meanwhile", "tags": ["from"] });
        let mut calls: Vec<Call> = (0..4).map(|_| ws.post("/api/v2/todos").json(create.clone())).collect();
        let patch = |id: &String| ws.patch(&format!("/api/v2/todos/{id}")).json(json!({ "tags": ["from"] }));
        calls.extend(plain[..2].iter().map(patch));
        let update = |id: &String| json!({ "op": "update", "id": id, "todo": { "tags": ["to", "from"] } });
        let updates: Vec<Value> = plain[2..].iter().map(update).collect();
        calls.push(ws.post("/api/v2/todos/batch").json(json!({ "operations": updates })));
        let rename = ws.patch(&format!("/api/v2/tags/{from}")).json(json!({ "name": "to" }));
        calls.insert(round % calls.len(), rename);
        for answer in at_once(calls).await {
            assert!((200..300).contains(&answer.status), "{answer}");
        }

        // Each was tagged before the rename, and is renamed, or after it, and has a new tag of the old name.
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        for todo in ws.all("/api/v2/todos", &[]).await {
            let names: Vec<&str> = todo["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert!(matches!(names[..], ["from"] | ["to"] | ["from", "to"]), "round {round}: {todo}");
            names.iter().for_each(|name| *uses.entry((*name).to_owned()).or_default() += 1);
        }
        assert!(uses["to"] >= 2, "{uses:?}");
        // Neither count nor filter knows more or less than the todos do.
        for tag in ws.all("/api/v2/tags", &[]).await {
            let name = tag["name"].as_str().unwrap();
            let used = uses.remove(name).unwrap_or(0);
            assert_eq!((&tag["count"], ws.titles(&[("tag", name)]).await.len()), (&json!(used), used), "{tag}");
        }
        assert!(uses.is_empty(), "tags that are not listed: {uses:?}");
    }
}

async fn one_new_tag_by_many_is_one_tag() {
    let ws = Workspace::new().await;
    let spellings = ["Home", "home", "HOME", "hOME"];
    let calls = (0..16).map(|number| {
        ws.post("/api/v2/todos").json(json!({ "title": "x", "tags": [spellings[number % 4], format!("own {number}")] }))
    });
    for answer in at_once(calls.collect()).await {
        answer.created();
    }
    let tags = ws.all("/api/v2/tags", &[("limit", "100")]).await;
    let home: Vec<&Value> =
        tags.iter().filter(|tag| tag["name"].as_str().unwrap().eq_ignore_ascii_case("home")).collect();
    assert_eq!(home.len(), 1, "{tags:?}");
    assert_eq!(home[0]["count"], 16);
}

async fn deletes_at_once_delete_once() {
    let ws = Workspace::new().await;
    for _ in 0..10 {
        let path = format!("/api/v2/todos/{}", ws.titled("x").await);
        let answers = at_once((0..8).map(|_| ws.delete(&path)).collect()).await;
        assert_eq!((statuses(&answers, 204), statuses(&answers, 404)), (1, 7), "{}", answers[0]);
    }
}

async fn batches_in_opposite_order_do_not_deadlock() {
    let ws = Workspace::new().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(ws.titled(&format!("t{number}")).await);
    }
    let batch = |ids: Vec<&String>| {
        let operations: Vec<Value> =
            ids.iter().map(|id| json!({ "op": "update", "id": id, "todo": { "title": uuid() } })).collect();
        ws.post("/api/v2/todos/batch").json(json!({ "operations": operations }))
    };
    let calls = (0..8)
        .map(|number| if number % 2 == 0 { batch(ids.iter().collect()) } else { batch(ids.iter().rev().collect()) });
    for answer in at_once(calls.collect()).await {
        answer.ok();
    }
    for todo in ws.all("/api/v2/todos", &[]).await {
        let todo = ws.get(&format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())).send().await.ok();
        assert_eq!(todo["version"], 9);
    }
}

async fn one_name_goes_to_one() {
    let ws = Workspace::new().await;
    let departments = (0..4).map(|_| ws.post("/api/v2/departments").json(json!({ "name": "Research" })));
    let employee = json!({ "name": "A", "email": "a@example.com" });
    let employees = (0..4).map(|_| ws.post("/api/v2/employees").json(employee.clone()));
    let answers = at_once(departments.chain(employees).collect()).await;
    assert_eq!((statuses(&answers, 201), statuses(&answers, 409)), (2, 6), "{}", answers[0]);
}
