//! Employees and departments.

use serde_json::{Value, json};

use crate::harness::{Workspace, suite, uuid};

suite![
    an_employee_lives_from_creation_to_deletion,
    a_department_lives_from_creation_to_deletion,
    an_address_is_taken_once_in_any_case,
    a_department_name_is_taken_once,
    a_referenced_employee_stays,
    a_referenced_department_stays,
    addresses_are_checked,
    names_are_sanitised_and_bounded,
    references_must_exist,
    a_todo_shows_its_assignee_with_the_department,
    a_renamed_employee_shows_everywhere_at_once,
    unknown_people_are_not_found,
    fields_that_do_not_exist_are_refused,
];

fn path(kind: &str, value: &Value) -> String {
    format!("/api/v2/{kind}/{}", value["id"].as_str().unwrap())
}

async fn an_employee_lives_from_creation_to_deletion() {
    let ws = Workspace::new().await;
    let department = ws.department("Research").await;
    let body = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "department_id": department["id"] });
    let made = ws.post("/api/v2/employees").json(body).send().await;
    let employee = made.created();
    let path = path("employees", &employee);
    assert_eq!(made.header("location"), path);
    assert_eq!(employee["name"], "Ada Lovelace");
    assert_eq!(employee["email"], "ada@example.com");
    assert_eq!(employee["department"], json!({ "id": department["id"], "name": "Research" }));
    assert_eq!(ws.get(&path).send().await.ok(), employee);
    assert_eq!(ws.all("/api/v2/employees", &[]).await, std::slice::from_ref(&employee));
    let patched = ws.patch(&path).json(json!({ "name": "Ada King" })).send().await.ok();
    assert_eq!((&patched["name"], &patched["email"]), (&json!("Ada King"), &employee["email"]));
    assert_eq!(patched["department"], employee["department"]);
    let cleared = ws.patch(&path).json(json!({ "department_id": null })).send().await.ok();
    assert_eq!(cleared["department"], Value::Null);
    ws.delete(&path).send().await.no_content();
    ws.get(&path).send().await.problem(404, "employee_not_found");
    assert_eq!(ws.all("/api/v2/employees", &[]).await, [Value::Null; 0]);
}

async fn a_department_lives_from_creation_to_deletion() {
    let ws = Workspace::new().await;
    let made = ws.post("/api/v2/departments").json(json!({ "name": "Research" })).send().await;
    let department = made.created();
    let path = path("departments", &department);
    assert_eq!(made.header("location"), path);
    assert_eq!(department["name"], "Research");
    assert_eq!(ws.get(&path).send().await.ok(), department);
    assert_eq!(ws.patch(&path).json(json!({ "name": "Development" })).send().await.ok()["name"], "Development");
    assert_eq!(ws.all("/api/v2/departments", &[]).await[0]["name"], "Development");
    ws.delete(&path).send().await.no_content();
    ws.get(&path).send().await.problem(404, "department_not_found");
}

async fn an_address_is_taken_once_in_any_case() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let create = |email: &str| ws.post("/api/v2/employees").json(json!({ "name": "A", "email": email }));
    create("ada@example.com").send().await.created();
    create("ADA@Example.com").send().await.problem(409, "email_taken");
    let bob = create("bob@example.com").send().await.created();
    let clash = ws.patch(&path("employees", &bob)).json(json!({ "email": "Ada@example.com" })).send().await;
    clash.problem(409, "email_taken");
    // One's own address in another spelling is no clash, and other workspaces are another world.
    ws.patch(&path("employees", &bob)).json(json!({ "email": "Bob@example.com" })).send().await.ok();
    other.post("/api/v2/employees").json(json!({ "name": "A", "email": "ada@example.com" })).send().await.created();
}

async fn a_department_name_is_taken_once() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    ws.department("Research").await;
    let again = ws.post("/api/v2/departments").json(json!({ "name": "Research" })).send().await;
    again.problem(409, "department_name_taken");
    let sales = ws.department("Sales").await;
    let clash = ws.patch(&path("departments", &sales)).json(json!({ "name": "Research" })).send().await;
    clash.problem(409, "department_name_taken");
    other.department("Research").await;
}

async fn a_referenced_employee_stays() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let todo = ws.todo(json!({ "title": "x", "assignee_id": ada["id"] })).await;
    ws.delete(&path("employees", &ada)).send().await.problem(409, "employee_referenced");
    ws.patch(&path("todos", &todo)).json(json!({ "assignee_id": null })).send().await.ok();
    ws.delete(&path("employees", &ada)).send().await.no_content();
}

async fn a_referenced_department_stays() {
    let ws = Workspace::new().await;
    let department = ws.department("Research").await;
    let ada = ws.employee("Ada").await;
    let employee = path("employees", &ada);
    ws.patch(&employee).json(json!({ "department_id": department["id"] })).send().await.ok();
    ws.delete(&path("departments", &department)).send().await.problem(409, "department_referenced");
    ws.delete(&employee).send().await.no_content();
    ws.delete(&path("departments", &department)).send().await.no_content();
}

async fn addresses_are_checked() {
    let ws = Workspace::new().await;
    for wrong in [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "a b@example.com",
        "ada@exa mple.com",
        "<ada@example.com>",
    ] {
        let answer = ws.post("/api/v2/employees").json(json!({ "name": "A", "email": wrong })).send().await;
        let problem = answer.problem(422, "invalid_body");
        assert_eq!(problem.faults()[0]["pointer"], "/email", "{answer}");
    }
    let answer = ws.post("/api/v2/employees").json(json!({ "name": "A" })).send().await;
    answer.problem(422, "invalid_body").at("/email", "required");
    let ada = ws.employee("Ada").await;
    let answer = ws.patch(&path("employees", &ada)).json(json!({ "email": null })).send().await;
    answer.problem(422, "invalid_body").at("/email", "type");
    for (number, fine) in ["a@b.co", "first.last+tag@sub.example.org", "o'brien@example.com"].into_iter().enumerate() {
        let body = json!({ "name": format!("N{number}"), "email": fine });
        assert_eq!(ws.post("/api/v2/employees").json(body).send().await.created()["email"], fine);
    }
}

async fn names_are_sanitised_and_bounded() {
    let ws = Workspace::new().await;
    for (kind, base) in [("employees", json!({ "email": "x@example.com" })), ("departments", json!({}))] {
        let with = |name: Value| {
            let mut body = base.clone();
            body["name"] = name;
            ws.post(&format!("/api/v2/{kind}")).json(body)
        };
        for (name, code) in [
            (json!(""), "too_short"),
            (json!("  "), "too_short"),
            (json!("x".repeat(101)), "too_long"),
            (json!("a\u{7}"), "control_character"),
            (json!("a\nb"), "control_character"),
            (json!(1), "type"),
        ] {
            with(name).send().await.problem(422, "invalid_body").at("/name", code);
        }
        let sanitised = with(json!("  R&D <b>1</b>  ")).send().await.created();
        assert_eq!(sanitised["name"], "R&D 1", "{kind}");
        let longest = ws.patch(&path(kind, &sanitised)).json(json!({ "name": "ü".repeat(100) })).send().await;
        assert_eq!(longest.ok()["name"], "ü".repeat(100), "{kind}");
    }
}

async fn references_must_exist() {
    let (ws, other) = (Workspace::new().await, Workspace::new().await);
    let foreign = other.department("Foreign").await["id"].clone();
    for id in [json!(uuid()), foreign] {
        let body = json!({ "name": "A", "email": "a@example.com", "department_id": id });
        let answer = ws.post("/api/v2/employees").json(body).send().await;
        answer.problem(422, "invalid_body").at("/department_id", "not_found");
    }
}

async fn a_todo_shows_its_assignee_with_the_department() {
    let ws = Workspace::new().await;
    let department = ws.department("Research").await;
    let ada = ws.employee("Ada").await;
    ws.patch(&path("employees", &ada)).json(json!({ "department_id": department["id"] })).send().await.ok();
    let todo = ws.todo(json!({ "title": "x", "assignee_id": ada["id"] })).await;
    let assignee = &todo["assignee"];
    assert_eq!(assignee["id"], ada["id"], "{todo}");
    assert_eq!(assignee["name"], "Ada", "{todo}");
    assert_eq!(assignee["department"], json!({ "id": department["id"], "name": "Research" }), "{todo}");
}

async fn a_renamed_employee_shows_everywhere_at_once() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let todo = ws.todo(json!({ "title": "x", "assignee_id": ada["id"] })).await;
    let todo_path = path("todos", &todo);
    let before = ws.get(&todo_path).send().await;
    ws.get("/api/v2/todos").send().await.ok();
    ws.patch(&path("employees", &ada)).json(json!({ "name": "Countess" })).send().await.ok();
    let after = ws.get(&todo_path).header("if-none-match", before.etag()).send().await;
    assert_eq!(after.ok()["assignee"]["name"], "Countess");
    assert_eq!(after.ok()["version"], 1);
    assert_eq!(ws.get("/api/v2/todos").send().await.ok()["items"][0]["assignee"]["name"], "Countess");
}

async fn unknown_people_are_not_found() {
    let ws = Workspace::new().await;
    for (kind, code) in [("employees", "employee_not_found"), ("departments", "department_not_found")] {
        let path = format!("/api/v2/{kind}/{}", uuid());
        ws.get(&path).send().await.problem(404, code);
        ws.patch(&path).json(json!({ "name": "x" })).send().await.problem(404, code);
        ws.delete(&path).send().await.problem(404, code);
        ws.get(&format!("/api/v2/{kind}/7")).send().await.problem(400, "invalid_parameter").in_parameter("id");
    }
}

async fn fields_that_do_not_exist_are_refused() {
    let ws = Workspace::new().await;
    let body = json!({ "name": "A", "email": "a@example.com", "colour": 1, "id": uuid() });
    let problem = ws.post("/api/v2/employees").json(body).send().await.problem(422, "invalid_body");
    problem.at("/colour", "unknown_field").at("/id", "read_only");
    let problem = ws.post("/api/v2/departments").json(json!({ "name": "A", "colour": 1 })).send().await;
    problem.problem(422, "invalid_body").at("/colour", "unknown_field");
}
