//! Repeated calls of the tools of assistants: what was done once is not done again.

use serde_json::{Value, json};

use crate::harness::mcp::{call, legacy, tool};
use crate::harness::{Answer, Workspace, database, suite, uuid};
use crate::mcp_access::waits;

suite![
    a_repeated_call_happens_once,
    a_repeated_change_happens_once,
    the_key_in_the_arguments_wins_over_the_header,
    a_refused_call_frees_its_key,
    calls_at_once_happen_once,
    #[database]
    a_call_whose_first_attempt_is_still_running_is_refused,
];

/// Whether an answer is that of an earlier call: the header and the result say the same.
#[track_caller]
fn replayed(answer: &Answer) -> bool {
    let (header, told) = (answer.optional("idempotent-replayed"), &answer.result()["_meta"]["todo/replayed"]);
    match header {
        None => assert!(told.is_null(), "{answer}"),
        Some(value) => assert!(value == "true" && *told == true, "{answer}"),
    }
    header.is_some()
}

async fn a_repeated_call_happens_once() {
    let ws = Workspace::new().await;
    let arguments = |title: &str, key: &str| json!({ "todos": [{ "title": title }], "idempotency_key": key });
    let first = call(&ws, "add_todos", arguments("once", "k")).await;
    assert!(!replayed(&first));
    let again = call(&ws, "add_todos", arguments("once", "k")).await;
    assert_eq!((replayed(&again), again.content()), (true, first.content()));
    // Whatever the era and the id of the message: a client makes a new one for each attempt.
    let params = json!({ "name": "add_todos", "arguments": arguments("once", "k") });
    let again = legacy(&ws, "tools/call", params).send().await;
    assert_eq!((replayed(&again), again.content()), (true, first.content()));
    call(&ws, "add_todos", arguments("other", "k")).await.refusal(422, "idempotency_key_reused");
    let id = first.content()["todos"][0]["id"].clone();
    let other_tool = json!({ "ids": [id], "idempotency_key": "k" });
    call(&ws, "delete_todos", other_tool).await.refusal(422, "idempotency_key_reused");
    // Models choose short keys: that of somebody else stands for another call.
    let other = ws.with_scopes(&["todos:read", "todos:write"]).await;
    call(&other, "add_todos", arguments("once", "k")).await.refusal(422, "idempotency_key_reused");
    // A header does the same, for clients that can set one for each request.
    let by_header = async || {
        let call = tool(&ws, "add_todos", json!({ "todos": [{ "title": "twice" }] }));
        call.header("idempotency-key", "\"h\"").send().await
    };
    assert_eq!(by_header().await.content(), by_header().await.content());
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["once", "twice"]);
    let bad = tool(&ws, "overview", json!({})).header("idempotency-key", "a b").send().await;
    bad.problem(400, "invalid_parameter").in_parameter("Idempotency-Key");
    for (name, key) in [("complete_todos", "c"), ("delete_todos", "d"), ("restore_todos", "r")] {
        let arguments = json!({ "ids": [id], "idempotency_key": key });
        let first = call(&ws, name, arguments.clone()).await.content();
        let again = call(&ws, name, arguments).await;
        assert_eq!((replayed(&again), again.content()), (true, first), "{name}");
    }
}

async fn a_repeated_change_happens_once() {
    let ws = Workspace::new().await;
    let (one, two) = (ws.titled("one").await, ws.titled("two").await);
    let path = format!("/api/v2/todos/{two}");
    for (name, change, field, undo) in [
        ("update_todos", json!({ "id": two, "priority": "high" }), "priority", json!({ "priority": "low" })),
        ("move_todos", json!({ "id": two, "before": one }), "position", json!({ "position": 0 })),
    ] {
        let version = ws.get(&path).send().await.ok()["version"].as_i64().unwrap();
        let arguments = json!({ "todos": [change], "idempotency_key": name });
        let first = call(&ws, name, arguments.clone()).await;
        assert!(!replayed(&first), "{name}");
        assert_eq!(first.content()["todos"][0]["version"], version + 1, "{name}");
        // Somebody has changed it back meanwhile.
        ws.patch(&path).json(undo.clone()).send().await.ok();
        let again = call(&ws, name, arguments).await;
        assert_eq!((replayed(&again), again.content()), (true, first.content()), "{name}");
        let now = ws.get(&path).send().await.ok();
        assert_eq!(now["version"], version + 2, "{name}");
        assert_eq!(now[field].as_f64(), undo[field].as_f64(), "{name}");
        assert_eq!(now[field].as_str(), undo[field].as_str(), "{name}");
    }
}

async fn the_key_in_the_arguments_wins_over_the_header() {
    let ws = Workspace::new().await;
    let add = async |title: &str, own: Option<&str>, header: &str| {
        let mut arguments = json!({ "todos": [{ "title": title }] });
        if let Some(own) = own {
            arguments["idempotency_key"] = own.into();
        }
        let answer = tool(&ws, "add_todos", arguments).header("idempotency-key", header).send().await;
        (answer.content()["todos"][0]["id"].clone(), replayed(&answer))
    };
    let (first, replayed) = add("a", Some("own"), "header").await;
    assert!(!replayed);
    assert_eq!(add("a", Some("own"), "another").await, (first, true), "the key is `own`");
    let (second, replayed) = add("b", None, "header").await;
    assert!(!replayed, "nothing was done under the key `header` yet");
    assert_eq!(add("b", None, "header").await, (second, true));
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["a", "b"]);
}

async fn a_refused_call_frees_its_key() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    for (name, wrong, status, code, right) in [
        ("add_todos", json!([{ "title": "" }]), 422, "invalid_body", json!([{ "title": "new" }])),
        ("add_todos", json!([{ "title": "y", "assignee_id": uuid() }]), 422, "invalid_body", json!([{ "title": "y" }])),
        (
            "update_todos",
            json!([{ "id": id, "title": "z", "if_version": 9 }]),
            412,
            "stale_version",
            json!([{ "id": id, "title": "z" }]),
        ),
        (
            "move_todos",
            json!([{ "id": id, "parent_id": id }]),
            422,
            "invalid_body",
            json!([{ "id": id, "place": "last" }]),
        ),
    ] {
        let key = uuid();
        let with = |todos: &Value| json!({ "todos": todos, "idempotency_key": key });
        for _ in 0..2 {
            call(&ws, name, with(&wrong)).await.refusal(status, code);
        }
        let done = call(&ws, name, with(&right)).await;
        done.content();
        assert!(!replayed(&done), "{name}");
    }
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["new", "y", "z"]);
}

async fn calls_at_once_happen_once() {
    let ws = Workspace::new().await;
    for round in 0..5 {
        let arguments = json!({ "todos": [{ "title": format!("{round}") }], "idempotency_key": format!("k{round}") });
        let (one, other) = tokio::join!(call(&ws, "add_todos", arguments.clone()), call(&ws, "add_todos", arguments));
        let answers = [one, other];
        let is_done = |answer: &&Answer| answer.result()["isError"] == false;
        let first = answers.iter().filter(is_done).find(|answer| !replayed(answer));
        let first = first.expect("one of them has created the todo").content();
        for answer in &answers {
            if is_done(&answer) {
                assert_eq!(answer.content(), first);
            } else {
                answer.refusal(409, "idempotency_in_progress");
            }
        }
    }
    assert_eq!(ws.titles(&[("sort", "title")]).await, ["0", "1", "2", "3", "4"]);
}

async fn a_call_whose_first_attempt_is_still_running_is_refused() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await["id"].clone();
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    // As long as this lock is held, the first call waits for the employee that it refers to.
    database.batch_execute("begin").await.unwrap();
    let lock = "select 1 from employees where workspace_id = $1 and uid = $2::text::uuid for update";
    assert_eq!(database.query(lock, &[&workspace, &ada.as_str().unwrap()]).await.unwrap().len(), 1);
    let arguments = json!({ "todos": [{ "title": "once", "assignee_id": ada }], "idempotency_key": "slow" });
    let first = tokio::spawn(tool(&ws, "add_todos", arguments.clone()).send());
    database::until_blocked(&database, 1).await;
    let second = call(&ws, "add_todos", arguments.clone()).await;
    database.batch_execute("rollback").await.unwrap();
    waits(&second.refusal(409, "idempotency_in_progress"));
    let first = first.await.unwrap().content();
    assert_eq!(call(&ws, "add_todos", arguments).await.content(), first);
    assert_eq!(ws.titles(&[]).await, ["once"]);
}
