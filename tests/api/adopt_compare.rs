//! `cargo xtask adopt compare`: the replaced application, with its own code, and version 1 over the same data.

use serde_json::{Value, json};

use crate::harness::adoption::{adopt, adopted, name_of, refused};
use crate::harness::replaced::OldApplication;
use crate::harness::{Workspace, suite};

suite![
    #[replaced]
    ten_thousand_todos_answer_as_the_old_application_answers_them,
    #[replaced]
    the_application_after_its_owners_plan_answers_as_told,
];

/// The ids of the documented differences that begin so.
fn differences(prefix: &str) -> Vec<&'static str> {
    let page = include_str!("../../crates/docs/pages/migrating.html");
    let ids = page.split("<tr id=\"").skip(1).filter_map(|row| row.split('"').next());
    ids.filter(|id| id.starts_with(prefix)).collect()
}

/// A workspace with the old application's data, and a token that reads and writes there.
async fn moved_in() -> (Workspace, String) {
    let ws = Workspace::new().await;
    adopted(&["--from", &std::env::var("TODO_OLD_DATABASE_URL").unwrap(), "--workspace", &name_of(&ws).await]);
    assert_eq!(ws.get("/api/v1/todos/stats").send().await.ok()["total"], json!(10_000));
    let token = ws.token(json!(["todos:read", "todos:write"]), Value::Null).await;
    (ws, token["token"].as_str().unwrap().to_owned())
}

async fn ten_thousand_todos_answer_as_the_old_application_answers_them() {
    let old = OldApplication::filled_by_its_models(10_000).await;
    let (ws, token) = moved_in().await;
    let new = format!("{}/api/v1", ws.server.url);
    let compare = ["compare", "--old", &old.url, "--new", &new, "--token", &token];
    let (found, said) = adopted(&[&compare[..], &["--writes"]].concat());
    assert!(said.contains("nothing differs but on purpose"), "{said}");
    for difference in differences("old-") {
        assert!(found.contains(&format!("/docs/migrating#{difference}:")), "{difference} was not seen: {found}");
    }
    // The comparison does find what is wrong.
    ws.patch("/api/v1/todos/7").json(json!({ "priority": "urgent", "title": "Changed" })).send().await.has_status(200);
    let (found, _) = refused(&compare);
    assert!(found.contains("differs: todo 7, title: was"), "{found}");
}

async fn the_application_after_its_owners_plan_answers_as_told() {
    let Some(old) = OldApplication::after_its_owners_plan().await else { return };
    let (ws, token) = moved_in().await;
    // The old application did not show them.
    let todo = ws.get("/api/v1/todos/100").send().await.ok();
    let assignee = json!({ "id": 1, "name": "emp-1", "email": "employee-1@adopted.invalid",
        "department": { "id": 2, "name": "dept-2" } });
    assert_eq!(todo["assignee"], assignee, "{todo}");
    let compared = adopt(&["compare", "--old", &old.url, "--new", &ws.server.url, "--token", &token, "--writes"]);
    let (found, said) = (String::from_utf8_lossy(&compared.stdout), String::from_utf8_lossy(&compared.stderr));
    assert!(compared.status.success() && said.contains("nothing differs but on purpose"), "{found}{said}");
    for difference in differences("plan-") {
        assert!(found.contains(&format!("/docs/migrating#{difference}:")), "{difference} was not seen: {found}");
    }
}
