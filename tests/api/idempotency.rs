//! `Idempotency-Key`: a POST that may be sent twice and happens once.

use serde_json::{Value, json};

use crate::harness::{Workspace, database, suite, unique};

suite![
    an_outcome_that_is_kept_is_bounded,
    #[database]
    a_purge_is_bounded_in_bytes,
    a_replay_gives_the_first_answer,
    a_replay_gives_the_first_answer_even_after_changes,
    another_body_under_the_same_key_is_refused,
    bodies_compare_byte_for_byte,
    quoted_and_bare_are_one_key,
    keys_belong_to_a_workspace,
    keys_belong_to_a_route,
    what_failed_validation_is_not_recorded,
    a_conflict_is_not_recorded,
    a_refused_key_is_free_at_once,
    every_post_takes_a_key,
    an_administrators_posts_take_a_key,
    bad_keys_are_bad_parameters,
    #[database]
    a_key_whose_first_request_is_still_running_is_refused,
    #[database]
    a_key_is_forgotten_after_a_day,
];

async fn a_replay_gives_the_first_answer() {
    let ws = Workspace::new().await;
    let create = || ws.post("/api/v2/todos").header("idempotency-key", "\"k1\"").json(json!({ "title": "Once" }));
    let first = create().send().await;
    let todo = first.created();
    assert_eq!(first.optional("idempotent-replayed"), None);
    for _ in 0..2 {
        let again = create().send().await;
        assert_eq!(again.created(), todo);
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("idempotent-replayed"), "true");
    }
    assert_eq!(ws.titles(&[]).await, ["Once"]);
}

async fn a_replay_gives_the_first_answer_even_after_changes() {
    let ws = Workspace::new().await;
    let create = || ws.post("/api/v2/todos").header("idempotency-key", "k").json(json!({ "title": "First" }));
    let first = create().send().await;
    let path = first.header("location").to_owned();
    first.created();
    ws.patch(&path).json(json!({ "title": "Second" })).send().await.ok();
    assert_eq!(create().send().await.created(), first.created());
    ws.delete(&path).send().await.no_content();
    assert_eq!(create().send().await.created(), first.created());
    assert_eq!(ws.titles(&[]).await, [""; 0], "a replay creates nothing");
}

async fn another_body_under_the_same_key_is_refused() {
    let ws = Workspace::new().await;
    ws.post("/api/v2/todos").header("idempotency-key", "k").json(json!({ "title": "A" })).send().await.created();
    let other = ws.post("/api/v2/todos").header("idempotency-key", "k").json(json!({ "title": "B" })).send().await;
    other.problem(422, "idempotency_key_reused");
    assert_eq!(ws.titles(&[]).await, ["A"]);
}

async fn bodies_compare_byte_for_byte() {
    let ws = Workspace::new().await;
    let create =
        |body: &'static str| ws.post("/api/v2/todos").header("idempotency-key", "k").body("application/json", body);
    create(r#"{"title":"A"}"#).send().await.created();
    create(r#"{"title": "A"}"#).send().await.problem(422, "idempotency_key_reused");
}

async fn quoted_and_bare_are_one_key() {
    let ws = Workspace::new().await;
    let create =
        |key: &'static str| ws.post("/api/v2/todos").header("idempotency-key", key).json(json!({ "title": "A" }));
    let first = create("8e03978e-40d5-43e8-bc93-6894a57f9324").send().await.created();
    let again = create("\"8e03978e-40d5-43e8-bc93-6894a57f9324\"").send().await;
    assert_eq!(again.created(), first);
    assert_eq!(again.header("idempotent-replayed"), "true");
}

async fn keys_belong_to_a_workspace() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let body = json!({ "title": "A" });
    let mine = ws.post("/api/v2/todos").header("idempotency-key", "shared").json(body.clone()).send().await.created();
    let theirs = other.post("/api/v2/todos").header("idempotency-key", "shared").json(body).send().await;
    assert_ne!(theirs.created()["id"], mine["id"]);
    assert_eq!(theirs.optional("idempotent-replayed"), None);
}

async fn keys_belong_to_a_route() {
    let ws = Workspace::new().await;
    let body = json!({ "name": "A" });
    ws.post("/api/v2/todos").header("idempotency-key", "k").json(json!({ "title": "A" })).send().await.created();
    ws.post("/api/v2/departments").header("idempotency-key", "k").json(body).send().await.created();
    let old = ws.post("/api/v1/todos").header("idempotency-key", "k").json(json!({ "title": "A" })).send().await;
    assert!(old.created()["id"].is_i64(), "v1's route is another one: {old}");
    assert_eq!(old.optional("idempotent-replayed"), None);
}

async fn what_failed_validation_is_not_recorded() {
    let ws = Workspace::new().await;
    let create = |body: Value| ws.post("/api/v2/todos").header("idempotency-key", "k").json(body);
    create(json!({ "title": "" })).send().await.problem(422, "invalid_body");
    let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
    create(json!({ "title": "x", "assignee_id": nobody })).send().await.problem(422, "invalid_body");
    let made = create(json!({ "title": "x" })).send().await;
    made.created();
    assert_eq!(made.optional("idempotent-replayed"), None);
}

async fn a_conflict_is_not_recorded() {
    let ws = Workspace::new().await;
    let department = ws.department("Taken").await;
    let create = || ws.post("/api/v2/departments").header("idempotency-key", "k").json(json!({ "name": "Taken" }));
    create().send().await.problem(409, "department_name_taken");
    let path = format!("/api/v2/departments/{}", department["id"].as_str().unwrap());
    ws.delete(&path).send().await.no_content();
    create().send().await.created();
    create().send().await.created();
}

/// A caller who mends what was refused sends it again with the next packet.
async fn a_refused_key_is_free_at_once() {
    let ws = Workspace::new().await;
    let create = json!({ "op": "create", "todo": { "title": "x", "description": "long ".repeat(2_000) } });
    let unknown = json!({ "op": "delete", "id": "01890000-0000-7000-8000-000000000000" });
    for key in 0..100 {
        let batch = |last: &Value| {
            let operations = [vec![create.clone(); 5], vec![last.clone()]].concat();
            ws.post("/api/v2/todos/batch")
                .header("idempotency-key", format!("k{key}"))
                .json(json!({ "operations": operations }))
        };
        let (refused, mended) = (batch(&unknown), batch(&create));
        refused.send().await.problem(422, "invalid_body").at("/operations/5/id", "not_found");
        mended.send().await.ok();
    }
}

async fn every_post_takes_a_key() {
    let ws = Workspace::new().await;
    let id = ws.titled("x").await;
    let restore = format!("/api/v2/todos/{id}/restore");
    ws.delete(&format!("/api/v2/todos/{id}")).send().await.no_content();
    let batch = json!({ "operations": [{ "op": "create", "todo": { "title": "from a batch" } }] });
    let bulk = json!({ "filter": { "status": ["pending"] }, "action": "complete" });
    for (path, status, body) in [
        ("/api/v2/todos/batch", 200, batch),
        ("/api/v2/todos/bulk-process", 202, bulk.clone()),
        ("/api/v1/todos/bulk-process", 202, bulk),
        ("/api/v2/employees", 201, json!({ "name": "Ada", "email": "ada@example.com" })),
        ("/api/v2/departments", 201, json!({ "name": "Research" })),
        ("/api/v1/todos", 201, json!({ "title": "old" })),
    ] {
        let send = || ws.post(path).header("idempotency-key", "every").json(body.clone());
        let (first, second) = (send().send().await, send().send().await);
        first.has_status(status);
        second.has_status(status);
        assert_eq!(second.body, first.body, "{second}");
        assert_eq!(second.optional("location"), first.optional("location"), "{second}");
        assert_eq!(second.header("idempotent-replayed"), "true");
    }
    let send = || ws.post(&restore).header("idempotency-key", "every");
    let (first, second) = (send().send().await, send().send().await);
    assert_eq!(first.ok(), second.ok());
    assert_eq!(second.header("idempotent-replayed"), "true");
    let other_spelling = format!("/api/v2/todos/{}/restore", id.to_uppercase());
    let third = ws.post(&other_spelling).header("idempotency-key", "every").send().await;
    assert_eq!(third.ok(), first.ok());
    assert_eq!(third.header("idempotent-replayed"), "true");
    assert_eq!(ws.titles(&[("q", "batch")]).await.len(), 1);
    assert_eq!(ws.all("/api/v2/jobs", &[]).await.len(), 2, "one job for each version's route");
}

async fn an_administrators_posts_take_a_key() {
    let ws = Workspace::new().await;
    let admin = ws.with_scopes(&["admin"]).await;
    let body = json!({ "name": unique("once") });
    let make = || admin.post("/api/v2/admin/workspaces").header("idempotency-key", "k").json(body.clone());
    let (first, second) = (make().send().await, make().send().await);
    assert_eq!(second.created(), first.created());
    assert_eq!(second.header("idempotent-replayed"), "true");
    let body = json!({ "workspace_id": ws.id, "name": "x", "scopes": ["todos:read"] });
    let make = || admin.post("/api/v2/admin/tokens").header("idempotency-key", "k").json(body.clone());
    let (first, second) = (make().send().await, make().send().await);
    assert_eq!(second.header("idempotent-replayed"), "true");
    let mut told = first.created();
    assert!(told.as_object_mut().unwrap().remove("token").is_some(), "{first}");
    // Nobody knows its text any more: only its hash was kept.
    assert_eq!(second.created(), told);
}

async fn bad_keys_are_bad_parameters() {
    let ws = Workspace::new().await;
    let long = "x".repeat(256);
    for key in ["", "\"\"", "with space", &long] {
        let answer = ws.post("/api/v2/todos").header("idempotency-key", key).json(json!({ "title": "A" })).send().await;
        answer.problem(400, "invalid_parameter");
    }
    let longest = "x".repeat(255);
    ws.post("/api/v2/todos").header("idempotency-key", longest).json(json!({ "title": "A" })).send().await.created();
}

async fn a_key_whose_first_request_is_still_running_is_refused() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let database = database::connect().await;
    let workspace = database::workspace(&database, &ws).await;
    // As long as this lock is held, the first request waits for the employee that it refers to.
    database.batch_execute("begin").await.unwrap();
    let lock = "select 1 from employees where workspace_id = $1 and uid = $2::text::uuid for update";
    let held = database.query(lock, &[&workspace, &ada["id"].as_str().unwrap()]).await;
    assert_eq!(held.expect("employees have `uid`").len(), 1);
    let body = json!({ "title": "A", "assignee_id": ada["id"] });
    let create = || ws.post("/api/v2/todos").header("idempotency-key", "slow").json(body.clone());
    let first = tokio::spawn(create().send());
    database::until_blocked(&database, 1).await;
    let second = create().send().await;
    database.batch_execute("rollback").await.unwrap();
    second.problem(409, "idempotency_in_progress");
    assert_eq!(first.await.unwrap().created(), create().send().await.created());
    assert_eq!(ws.titles(&[]).await, ["A"]);
}

async fn a_key_is_forgotten_after_a_day() {
    let ws = Workspace::new().await;
    let key = crate::harness::uuid();
    let create =
        |title: &'static str| ws.post("/api/v2/todos").header("idempotency-key", &key).json(json!({ "title": title }));
    let first = create("A").send().await.created();
    let database = database::connect().await;
    let aged = database
        .execute(
            "update idempotency_keys set created_at = now() - interval '24 hours 1 minute' where key = $1",
            &[&key],
        )
        .await
        .expect("the table of keys has the columns `key` and `created_at`");
    assert_eq!(aged, 1);
    let second = create("B").send().await;
    assert_ne!(second.created()["id"], first["id"]);
    assert_eq!(second.optional("idempotent-replayed"), None);
}

/// A short request whose outcome is long.
async fn an_outcome_that_is_kept_is_bounded() {
    let ws = Workspace::new().await;
    let long = "\u{1f600}".repeat(10_000);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let create = json!({ "op": "create", "todo": { "title": "long", "description": long } });
        let made = ws.post("/api/v2/todos/batch").json(json!({ "operations": vec![create; 20] })).send().await.ok();
        ids.extend(made["results"].as_array().unwrap().iter().map(|result| result["todo"]["id"].clone()));
    }
    let batch = |ids: &[Value]| {
        let operations: Vec<Value> =
            ids.iter().map(|id| json!({ "op": "update", "id": id, "todo": { "priority": "high" } })).collect();
        ws.post("/api/v2/todos/batch").json(json!({ "operations": operations }))
    };
    let refused = batch(&ids).header("idempotency-key", "k").send().await;
    refused.problem(422, "invalid_body").at("/operations", "too_many").faults_are(1);
    let todo = format!("/api/v2/todos/{}", ids[0].as_str().unwrap());
    assert_eq!(ws.get(&todo).send().await.ok()["version"], 1, "nothing was applied");
    assert_eq!(batch(&ids[..20]).header("idempotency-key", "k").send().await.ok()["results"][0]["todo"]["version"], 2);
    batch(&ids).send().await.ok();
}

/// One statement removes so many bytes and one row more, never none.
async fn a_purge_is_bounded_in_bytes() {
    let ws = Workspace::new().await;
    let mut database = database::connect().await;
    let id = database::workspace(&database, &ws).await;
    let transaction = database.transaction().await.unwrap();
    let fill = "insert into idempotency_keys (workspace_id, route, key, body_digest, outcome, created_at) \
        select $1, 'r', n::text, '', repeat('x', 600), now() - interval '2 days' from generate_series(1, 5) n";
    assert_eq!(transaction.execute(fill, &[&id]).await.unwrap(), 5);
    let fill = "insert into todos (workspace_id, uid, title, description, deleted_at) \
        select $1, gen_random_uuid(), 'x', repeat('x', 599), now() - interval '31 days' from generate_series(1, 5) n";
    assert_eq!(transaction.execute(fill, &[&id]).await.unwrap(), 5);
    for left in [3, 1, 0] {
        transaction.execute("select purge_chunk_v1('idempotency_keys', 100, 1000, '1 s')", &[]).await.unwrap();
        let count = "select count(*) from idempotency_keys where workspace_id = $1";
        assert_eq!(transaction.query_one(count, &[&id]).await.unwrap().get::<_, i64>(0), left);
        let purge = "select removed, is_last from purge_bin_v1($1, 100, 1000, '1 s', false)";
        let purged = transaction.query_one(purge, &[&id]).await.unwrap();
        assert_eq!(purged.get::<_, bool>(1), left == 0);
        let count = "select count(*) from todos where workspace_id = $1";
        assert_eq!(transaction.query_one(count, &[&id]).await.unwrap().get::<_, i64>(0), left);
    }
    transaction.rollback().await.unwrap();
}
