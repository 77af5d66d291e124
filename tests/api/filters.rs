//! Every filter of the list of todos, alone and together.

use serde_json::{Value, json};

use crate::harness::{Workspace, suite, uuid};

suite![
    status_and_priority_take_several_values,
    completed_splits_the_list,
    a_tag_filter_wants_all_tags,
    assignee_and_department_filter,
    bounds_of_due_dates_are_exclusive,
    bounds_of_creation_are_exclusive,
    updated_since_is_inclusive,
    overdue_means_due_and_open,
    search_reads_titles_and_descriptions,
    search_understands_websearch_syntax,
    the_bin_is_a_list_of_its_own,
    filters_combine,
    foreign_and_unknown_references_find_nothing,
    faults_in_the_query_are_all_named,
    queries_are_decoded_as_forms_write_them,
    a_filter_names_at_most_twenty,
];

/// The public id of something that was created.
fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

async fn status_and_priority_take_several_values() {
    let ws = Workspace::new().await;
    for (title, status, priority) in [
        ("a", "pending", "low"),
        ("b", "in_progress", "medium"),
        ("c", "completed", "high"),
        ("d", "cancelled", "urgent"),
    ] {
        ws.todo(json!({ "title": title, "status": status, "priority": priority })).await;
    }
    for (query, titles) in [
        (vec![("status", "pending")], "a"),
        (vec![("status", "pending,cancelled")], "ad"),
        (vec![("status", "pending"), ("status", "completed")], "ac"),
        (vec![("status", "pending,in_progress"), ("status", "completed")], "abc"),
        (vec![("priority", "urgent")], "d"),
        (vec![("priority", "low,high")], "ac"),
        (vec![("priority", "low"), ("priority", "medium"), ("status", "in_progress,completed")], "b"),
        (vec![("status", "completed"), ("priority", "low")], ""),
    ] {
        assert_finds(&ws, &query, titles).await;
    }
}

/// Asserts that the query finds the todos with these one-letter titles, in the order of their creation.
async fn assert_finds(ws: &Workspace, query: &[(&str, &str)], titles: &str) {
    let mut pairs = query.to_vec();
    pairs.push(("sort", "created_at"));
    assert_eq!(ws.titles(&pairs).await.concat(), titles, "{query:?}");
}

async fn completed_splits_the_list() {
    let ws = Workspace::new().await;
    for (title, status) in [("a", "pending"), ("b", "completed"), ("c", "cancelled"), ("d", "in_progress")] {
        ws.todo(json!({ "title": title, "status": status })).await;
    }
    assert_finds(&ws, &[("completed", "true")], "b").await;
    assert_finds(&ws, &[("completed", "false")], "acd").await;
}

async fn a_tag_filter_wants_all_tags() {
    let ws = Workspace::new().await;
    for (title, tags) in
        [("a", json!(["home"])), ("b", json!(["home", "garden"])), ("c", json!(["garden", "a,b"])), ("d", json!([]))]
    {
        ws.todo(json!({ "title": title, "tags": tags })).await;
    }
    assert_finds(&ws, &[("tag", "home")], "ab").await;
    assert_finds(&ws, &[("tag", "HOME")], "ab").await;
    assert_finds(&ws, &[("tag", "home"), ("tag", "garden")], "b").await;
    assert_finds(&ws, &[("tag", "a,b")], "c").await;
    assert_finds(&ws, &[("tag", "nobody")], "").await;
}

async fn assignee_and_department_filter() {
    let ws = Workspace::new().await;
    let department = ws.department("Research").await;
    let ada = ws.employee("Ada").await;
    let bob = ws.employee("Bob").await;
    let path = format!("/api/v2/employees/{}", id(&ada));
    ws.patch(&path).json(json!({ "department_id": department["id"] })).send().await.ok();
    for (title, assignee) in [("a", &ada["id"]), ("b", &bob["id"]), ("c", &Value::Null), ("d", &ada["id"])] {
        ws.todo(json!({ "title": title, "assignee_id": assignee })).await;
    }
    assert_finds(&ws, &[("assignee", &id(&ada))], "ad").await;
    assert_finds(&ws, &[("assignee", &id(&bob))], "b").await;
    assert_finds(&ws, &[("department", &id(&department))], "ad").await;
    assert_finds(&ws, &[("department", &id(&department)), ("assignee", &id(&bob))], "").await;
}

async fn bounds_of_due_dates_are_exclusive() {
    let ws = Workspace::new().await;
    for (title, day) in [("a", "01"), ("b", "02"), ("c", "03")] {
        ws.todo(json!({ "title": title, "due_date": format!("2030-01-{day}T00:00:00Z") })).await;
    }
    ws.titled("d").await;
    assert_finds(&ws, &[("due_after", "2030-01-01T00:00:00Z")], "bc").await;
    assert_finds(&ws, &[("due_before", "2030-01-03T00:00:00Z")], "ab").await;
    assert_finds(&ws, &[("due_after", "2030-01-01T00:00:00Z"), ("due_before", "2030-01-03T00:00:00Z")], "b").await;
    assert_finds(&ws, &[("due_after", "2030-01-01T01:00:00+01:00")], "bc").await;
}

async fn bounds_of_creation_are_exclusive() {
    let ws = Workspace::new().await;
    let (mut instants, titles) = (Vec::new(), ["a", "b", "c"]);
    for title in titles {
        instants.push(ws.todo(json!({ "title": title })).await["created_at"].as_str().unwrap().to_owned());
    }
    assert_finds(&ws, &[("created_after", &instants[0])], "bc").await;
    assert_finds(&ws, &[("created_before", &instants[2])], "ab").await;
    assert_finds(&ws, &[("created_after", &instants[0]), ("created_before", &instants[2])], "b").await;
}

async fn updated_since_is_inclusive() {
    let ws = Workspace::new().await;
    for title in ["a", "b", "c"] {
        ws.titled(title).await;
    }
    let todos = ws.all("/api/v2/todos", &[("sort", "created_at")]).await;
    let path = format!("/api/v2/todos/{}", id(&todos[0]));
    let changed = ws.patch(&path).json(json!({ "priority": "low" })).send().await.ok();
    assert_finds(&ws, &[("updated_since", changed["updated_at"].as_str().unwrap())], "a").await;
    assert_finds(&ws, &[("updated_since", todos[2]["updated_at"].as_str().unwrap())], "ac").await;
}

async fn overdue_means_due_and_open() {
    let ws = Workspace::new().await;
    for (title, status, due) in [
        ("a", "pending", json!("2020-01-01T00:00:00Z")),
        ("b", "in_progress", json!("2020-01-01T00:00:00Z")),
        ("c", "completed", json!("2020-01-01T00:00:00Z")),
        ("d", "cancelled", json!("2020-01-01T00:00:00Z")),
        ("e", "pending", json!("2999-01-01T00:00:00Z")),
        ("f", "pending", Value::Null),
    ] {
        ws.todo(json!({ "title": title, "status": status, "due_date": due })).await;
    }
    assert_finds(&ws, &[("overdue", "true")], "ab").await;
}

async fn search_reads_titles_and_descriptions() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "a", "description": "paint the fence" })).await;
    ws.todo(json!({ "title": "fence", "description": null })).await;
    ws.todo(json!({ "title": "c", "description": "the gate" })).await;
    assert_eq!(ws.titles(&[("q", "fence"), ("sort", "created_at")]).await, ["a", "fence"]);
    assert_eq!(ws.titles(&[("q", "FENCE"), ("sort", "created_at")]).await, ["a", "fence"]);
    assert_eq!(ws.titles(&[("q", "nothing")]).await, [""; 0]);
}

async fn search_understands_websearch_syntax() {
    let ws = Workspace::new().await;
    for title in ["red green", "green red", "red blue", "yellow"] {
        ws.titled(title).await;
    }
    let sorted = |q: &'static str| [("q", q), ("sort", "created_at")];
    assert_eq!(ws.titles(&sorted("red green")).await, ["red green", "green red"]);
    assert_eq!(ws.titles(&sorted("\"red green\"")).await, ["red green"]);
    assert_eq!(ws.titles(&sorted("red -blue")).await, ["red green", "green red"]);
    assert_eq!(ws.titles(&sorted("blue or yellow")).await, ["red blue", "yellow"]);
    // Nothing in it is an error.
    for odd in ["'", "a & | b", "\"open", "-", ":*", "\\", "!!", "<->"] {
        ws.get("/api/v2/todos").query(&[("q", odd)]).send().await.ok();
    }
}

async fn the_bin_is_a_list_of_its_own() {
    let ws = Workspace::new().await;
    let deleted = ws.titled("a").await;
    ws.titled("b").await;
    ws.delete(&format!("/api/v2/todos/{deleted}")).send().await.no_content();
    assert_finds(&ws, &[], "b").await;
    assert_finds(&ws, &[("deleted", "false")], "b").await;
    assert_finds(&ws, &[("deleted", "true")], "a").await;
}

async fn filters_combine() {
    let ws = Workspace::new().await;
    let ada = ws.employee("Ada").await;
    let base = json!({
        "title": "z", "description": "common word", "status": "in_progress", "priority": "high", "tags": ["x", "y"],
        "due_date": "2030-06-01T00:00:00Z", "assignee_id": ada["id"],
    });
    ws.todo(base.clone()).await;
    // Each of the others misses exactly one condition.
    for (title, field, value) in [
        ("a", "description", json!("other")),
        ("b", "status", json!("pending")),
        ("c", "priority", json!("low")),
        ("d", "tags", json!(["x"])),
        ("e", "due_date", json!("2031-06-01T00:00:00Z")),
        ("f", "assignee_id", Value::Null),
    ] {
        let mut body = base.clone();
        body["title"] = json!(title);
        body[field] = value;
        ws.todo(body).await;
    }
    let ada = id(&ada);
    let all = [
        ("q", "common"),
        ("status", "in_progress"),
        ("priority", "high"),
        ("tag", "x"),
        ("tag", "y"),
        ("due_before", "2031-01-01T00:00:00Z"),
        ("assignee", ada.as_str()),
        ("completed", "false"),
    ];
    for sort in ["created_at", "-created_at", "updated_at", "due_date", "-due_date", "priority", "title", "-title"] {
        let mut query = all.to_vec();
        query.push(("sort", sort));
        assert_eq!(ws.titles(&query).await, ["z"], "{sort}");
    }
}

async fn foreign_and_unknown_references_find_nothing() {
    let ws = Workspace::new().await;
    let other = Workspace::new().await;
    let foreign = id(&other.employee("Eve").await);
    let department = id(&other.department("Spies").await);
    ws.titled("a").await;
    for (name, value) in
        [("assignee", &foreign), ("department", &department), ("assignee", &uuid()), ("department", &uuid())]
    {
        assert_finds(&ws, &[(name, value)], "").await;
    }
}

async fn faults_in_the_query_are_all_named() {
    let ws = Workspace::new().await;
    for (name, value) in [
        ("status", "done"),
        ("status", ""),
        ("priority", "HIGH"),
        ("completed", "yes"),
        ("assignee", "7"),
        ("department", "x"),
        ("due_after", "yesterday"),
        ("due_before", "2030-01-01"),
        ("created_after", ""),
        ("created_before", "1"),
        ("updated_since", "x"),
        ("overdue", "2"),
        ("deleted", "maybe"),
        ("sort", "colour"),
        ("sort", "--title"),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "99999999999999999999"),
        ("limit", ""),
        ("colour", "red"),
        ("tag", ""),
        ("skip", "5"),
        ("Status", "pending"),
    ] {
        let answer = ws.get("/api/v2/todos").query(&[(name, value)]).send().await;
        answer.problem(400, "invalid_parameter").in_parameter(name);
    }
    let many = "/api/v2/todos?status=x&priority=y&limit=0&sort=z&colour=red";
    let problem = ws.get(many).send().await.problem(400, "invalid_parameter");
    for name in ["status", "priority", "limit", "sort", "colour"] {
        problem.in_parameter(name);
    }
    // What may be given once is not silently taken from the last.
    for twice in ["limit=1&limit=2", "sort=title&sort=-title", "completed=true&completed=false"] {
        let answer = ws.get(&format!("/api/v2/todos?{twice}")).send().await;
        answer.problem(400, "invalid_parameter").in_parameter(twice.split('=').next().unwrap());
    }
}

async fn queries_are_decoded_as_forms_write_them() {
    let ws = Workspace::new().await;
    ws.todo(json!({ "title": "a", "tags": ["b c,d\u{fffd}", "1+1"] })).await;
    for query in ["tag=b+c,d%EF%BF%BD", "tag=b%20c%2cd%ef%bf%bd", "&tag=1%2B1&", "t%61g=1%2B1", "due_after=&q=a"] {
        let answer = ws.get(&format!("/api/v2/todos?{query}")).send().await;
        if query.starts_with("due_after=&") {
            answer.problem(400, "invalid_parameter").in_parameter("due_after");
        } else {
            assert_eq!(answer.ok()["items"].as_array().unwrap().len(), 1, "{query}");
        }
    }
    // An offset whose `+` was not escaped is still an offset.
    ws.get("/api/v2/todos?created_after=2020-01-01T00:00:00+01:00").send().await.ok();
    for wrong in ["%FF", "%", "%2", "%zz", "100%", "%00", "%ED%A0%80"] {
        let answer = ws.get(&format!("/api/v2/todos?q={wrong}")).send().await;
        answer.problem(400, "invalid_parameter").in_parameter("q").faults_are(1);
    }
}

async fn a_filter_names_at_most_twenty() {
    let ws = Workspace::new().await;
    let tags = |count: usize| (0..count).map(|number| format!("tag-{number}")).collect::<Vec<_>>();
    let bulk = |name: &str, values: &[String]| {
        ws.post("/api/v2/todos/bulk-process").json(json!({ "filter": { name: values }, "action": "complete" }))
    };
    // Equal ones are one, however often they are named.
    let repeated = [tags(20), vec!["TAG-0".to_owned()]].concat();
    let many = |word: &str| vec![word.to_owned(); 21];
    for (name, values) in [("status", many("pending")), ("priority", many("low")), ("tag", repeated)] {
        let pairs: Vec<_> = values.iter().map(|value| (name, value.as_str())).collect();
        ws.get("/api/v2/todos").query(&pairs).send().await.ok();
        bulk(name, &values).send().await.has_status(202);
    }
    let values = tags(21);
    let pairs: Vec<_> = values.iter().map(|value| ("tag", value.as_str())).collect();
    let answer = ws.get("/api/v2/todos").query(&pairs).send().await;
    answer.problem(400, "invalid_parameter").in_parameter("tag").faults_are(1);
    let answer = bulk("tag", &values).send().await;
    answer.problem(422, "invalid_body").at("/filter/tag", "too_many").faults_are(1);
}
