//! `cargo xtask adopt`: the data of another application, brought over and read through version 1.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::adoption::{adopt, adopted, drop_old, name_of, old, refused};
use crate::harness::follower::{Follower, state};
use crate::harness::{Workspace, database, suite, unique};

suite![
    #[database]
    ten_thousand_adopted_todos_are_the_same_in_version_1,
    #[database]
    two_hundred_thousand_tags_on_todos_are_counted_in_good_time,
    #[database]
    ids_of_deleted_rows_are_not_given_again,
    #[database]
    todos_of_one_moment_stand_where_they_were_created,
    #[database]
    tables_and_columns_are_renamed_by_a_map,
    #[database]
    a_map_may_name_the_schema_of_a_table,
    #[database]
    the_printed_map_is_one,
];

/// Removes the old tables, and the thousands that were adopted: other tests look at all workspaces.
async fn clear(schema: &str, ws: &Workspace) {
    drop_old(schema).await;
    let database = database::connect().await;
    database::empty(&database, database::workspace(&database, ws).await).await;
}

/// Rows of every kind that come: tags that differ in case, statuses that contradict `completed`, instants without a
/// zone.
const ROWS: &str = "
    insert into departments values (7, 'Research');
    insert into employees values (9, 'Ada', 'ada@example.com', 7);
    insert into tags values (1, 'Home'), (2, 'HOME'), (3, 'work');
    insert into todos select g, case when g % 10 = 0 then 'Water the plants ' else 'Todo ' end || g,
        case when g % 3 = 0 then 'Item ' || g end, case when g % 50 = 0 then true when g % 51 = 0 then false \
        else g % 4 = 2 end,
        (array['pending', 'in_progress', 'completed', 'cancelled'])[1 + g % 4], (array['LOW', 'medium', 'High', \
        'urgent'])[1 + g % 4],
        case when g % 5 > 0 then '2030-01-01 01:00+01'::timestamptz + g * interval '1 minute' end, nullif(9 * (g % 2), \
        0), '2024-07-01 12:00'::timestamp + g / 100 * interval '1 minute',
        case when g % 100 = 0 then date_trunc('second', now()) - interval '1 day' else '2024-07-09 10:00Z' end
        from generate_series(1, 10000) g;
    insert into todo_tags select g, t from generate_series(1, 10000) g, (values (0, 1), (0, 2), (1, 2), (1, 3)) u (r, t)
        where g % 3 = r";

/// What version 1 must tell of them.
const EXPECTED: &str = "
    select json_agg(json_build_object('id', id, 'title', title, 'description', description, 'status', status,
        'completed', completed, 'priority', lower(priority),
        'due_date', to_char(due_date at time zone 'UTC', form), 'tags', case id % 3
            when 0 then '[{\"id\": 1, \"name\": \"Home\"}]'::json
            when 1 then '[{\"id\": 1, \"name\": \"Home\"}, {\"id\": 3, \"name\": \"work\"}]'::json else '[]'::json end,
        'assignee', assignee_id, 'created_at', to_char(created_at at time zone 'Europe/Berlin' at time zone 'UTC', \
        form), 'updated_at', to_char(updated_at at time zone 'UTC', form),
        'completed_at', case when completed then to_char(updated_at at time zone 'UTC', form) end, 'version', 1
    ) order by id)::text
    from (select id, title, description, completed, priority, due_date, assignee_id, created_at, updated_at,
        case when completed then 'completed' when status = 'completed' then 'pending' else status end as status
        from todos) old cross join (values ('YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')) f (form)";

/// The todos that version 1 has under a query, page by page, with the assignee's id alone.
async fn listed(ws: &Workspace, query: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let path = format!("/api/v1/todos?limit=100&skip={}{query}", all.len());
        let page = ws.get(&path).send().await.ok();
        let page = page.as_array().unwrap();
        all.extend(page.iter().cloned().map(|mut todo| {
            if todo["assignee"].is_object() {
                assert_eq!(todo["assignee"]["department"]["id"], 7, "{todo}");
                todo["assignee"] = todo["assignee"]["id"].clone();
            }
            todo
        }));
        if page.len() < 100 {
            return all;
        }
    }
}

async fn ten_thousand_adopted_todos_are_the_same_in_version_1() {
    let ws = Workspace::new().await;
    // What is read before must not be served afterwards.
    assert_eq!(ws.get("/api/v1/todos/stats").send().await.ok()["total"], json!(0));
    let mut follower = Follower::default();
    let nothing = follower.ask(&ws, &[]).await.unwrap().ok();
    assert!(!follower.apply(&nothing) && follower.copy.is_empty(), "{nothing}");
    let (url, schema) = old(ROWS).await;
    let name = name_of(&ws).await;
    let done = adopt(&["--from", &url, "--workspace", &name, "--assume-zone", "Europe/Berlin"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let sql = database::connect().await;
    sql.batch_execute(&format!("set search_path to {schema}")).await.unwrap();
    let expected: String = sql.query_one(EXPECTED, &[]).await.unwrap().get(0);
    let expected: Vec<Value> = serde_json::from_str(&expected).unwrap();
    assert_eq!(expected.len(), 10_000);
    let has = |field: &'static str, value: &'static str| move |todo: &&Value| todo[field] == value;
    let found = listed(&ws, "").await;
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    let some: Vec<&Value> =
        expected.iter().filter(has("status", "in_progress")).filter(has("priority", "medium")).collect();
    assert_eq!(listed(&ws, "&status=in_progress&priority=medium").await.iter().collect::<Vec<_>>(), some);
    let work: Vec<&Value> = expected.iter().filter(|todo| todo["tags"][1]["id"] == 3).collect();
    assert_eq!(listed(&ws, "&tag=WORK").await.iter().collect::<Vec<_>>(), work);
    assert_eq!(listed(&ws, "&completed=true").await.len(), expected.iter().filter(has("status", "completed")).count());

    what_is_derived_is_right(&ws, &expected).await;
    // A client that has followed the workspace since it was empty.
    follower.catch_up(&ws, &[("limit", "200")]).await;
    assert!(follower.sorted() == state(&ws).await, "the feed has not told of everything");
    let made = ws.post("/api/v1/todos").json(json!({ "title": "next", "tags": ["new"] })).send().await.created();
    assert!(made["id"].as_i64().unwrap() > 10_000 && made["tags"][0]["id"].as_i64().unwrap() > 3, "{made}");
    let again = adopt(&["--from", &url, "--workspace", &name, "--assume-zone", "UTC"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("already"), "{again:?}");
    clear(&schema, &ws).await;
}

/// Counts, search, order and history of the adopted todos.
async fn what_is_derived_is_right(ws: &Workspace, expected: &[Value]) {
    let stats = ws.get("/api/v1/todos/stats").send().await.ok();
    let count = |field: &str, value: &str| json!(expected.iter().filter(|todo| todo[field] == value).count());
    assert_eq!(stats["total"], json!(10_000), "{stats}");
    for status in ["pending", "in_progress", "completed", "cancelled"] {
        assert_eq!(stats["by_status"][status], count("status", status), "{stats}");
    }
    for priority in ["low", "medium", "high", "urgent"] {
        assert_eq!(stats["by_priority"][priority], count("priority", priority), "{stats}");
    }
    assert_eq!(stats["completed_last_7_days"], json!(100), "{stats}");
    let tags = ws.get("/api/v2/tags").send().await.ok();
    let counts: Vec<_> = tags["items"].as_array().unwrap().iter().map(|tag| (&tag["name"], &tag["count"])).collect();
    assert_eq!(counts, [(&json!("Home"), &json!(6667)), (&json!("work"), &json!(3334))]);
    let watered = ws.titles(&[("q", "plants water"), ("limit", "100")]).await;
    assert_eq!(watered.len(), 1000);
    // A todo stands where it was created, in the order of ids where that was at the same moment.
    let page = ws.get("/api/v2/todos?sort=position&limit=100").send().await.ok();
    let page = page["items"].as_array().unwrap();
    let titles: Vec<&Value> = page.iter().map(|todo| &todo["title"]).collect();
    assert_eq!(titles, expected[..100].iter().map(|todo| &todo["title"]).collect::<Vec<_>>());
    assert_eq!(page[0]["position"].as_f64(), Some(1_719_828_000.0), "{}", page[0]);
    assert_eq!(page[98]["position"].as_f64(), Some(1_719_828_000.098), "{}", page[98]);
    let path = format!("/api/v2/todos/{}/history", page[0]["id"].as_str().unwrap());
    let history = ws.get(&path).send().await.ok();
    assert_eq!(history["items"][0]["type"], "todo.created", "{history}");
    assert_eq!(history["items"].as_array().unwrap().len(), 1, "{history}");
}

/// The planner takes a workspace that its statistics do not know for tiny. They know others here.
async fn two_hundred_thousand_tags_on_todos_are_counted_in_good_time() {
    let (known, ws) = (Workspace::new().await, Workspace::new().await);
    known.todo(json!({ "title": "x", "tags": ["a", "b", "c"] })).await;
    database::connect().await.batch_execute("analyze todos; analyze todo_tags").await.unwrap();
    let (url, schema) = old("
        insert into tags select g, 'tag ' || g from generate_series(1, 20) g;
        insert into todos (id, title) select g, 'x' from generate_series(1, 10000) g;
        insert into todo_tags select g, t from generate_series(1, 10000) g, generate_series(1, 20) t")
    .await;
    let began = Instant::now();
    let done = adopt(&["--from", &url, "--workspace", &name_of(&ws).await]);
    let took = began.elapsed();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(took < Duration::from_secs(50), "{took:?}");
    let tags = ws.get("/api/v2/tags").send().await.ok();
    assert_eq!(tags["items"].as_array().unwrap().len(), 20, "{tags}");
    assert!(tags["items"].as_array().unwrap().iter().all(|tag| tag["count"] == 10_000), "{tags}");
    clear(&schema, &ws).await;
}

/// The highest number that each sequence of ids has given.
pub async fn last_ids() -> Vec<i64> {
    let last = "select last_value from pg_sequences where schemaname = 'public' and sequencename = any ($1) \
                order by sequencename";
    let names = ["departments", "employees", "tags", "todos"].map(|table| format!("{table}_id_seq"));
    let rows = database::connect().await.query(last, &[&names.as_slice()]).await.unwrap();
    assert_eq!(rows.len(), 4);
    rows.into_iter().map(|row| row.get::<_, Option<i64>>(0).unwrap_or_default()).collect()
}

async fn ids_of_deleted_rows_are_not_given_again() {
    let ws = Workspace::new().await;
    // Below those of the dry run above, which looks whether the sequences have moved.
    let id = last_ids().await.into_iter().max().unwrap() + 100_000;
    let (url, schema) = old(&format!(
        "alter table todos alter id add generated by default as identity (start with {id});
         insert into todos (title) select 'x' from generate_series(0, 1000);
         delete from todos where id > {id}"
    ))
    .await;
    adopted(&["--from", &url, "--workspace", &name_of(&ws).await]);
    let made = ws.post("/api/v1/todos").json(json!({ "title": "next" })).send().await.created();
    assert!(made["id"].as_i64().unwrap() > id + 1_000, "{made}");
    drop_old(&schema).await;
}

async fn todos_of_one_moment_stand_where_they_were_created() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        insert into todos (id, title, created_at) select g, 'Todo ' || g, '2024-07-01 12:00' from generate_series(1, \
        3) g")
    .await;
    adopted(&["--from", &url, "--workspace", &name_of(&ws).await, "--assume-zone", "UTC"]);
    ws.titled("next").await;
    let page = ws.get("/api/v2/todos?sort=position").send().await.ok();
    let told =
        |field: &str| -> Vec<&Value> { page["items"].as_array().unwrap().iter().map(|todo| &todo[field]).collect() };
    assert_eq!(told("title"), ["Todo 1", "Todo 2", "Todo 3", "next"]);
    let positions: Vec<f64> = told("position").into_iter().filter_map(Value::as_f64).collect();
    assert_eq!(positions[..3], [1_719_835_200.0, 1_719_835_200.001, 1_719_835_200.002]);
    drop_old(&schema).await;
}

async fn tables_and_columns_are_renamed_by_a_map() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        create table items (number bigint primary key, name text, done boolean, state text, weight integer);
        insert into items values (5, 'Mapped', null, 'wip', 9), (6, 'Done', true, 'open', 1)")
    .await;
    let map = std::env::temp_dir().join(unique("map"));
    let names = "[todos]\ntable = \"items\"\nid = \"number\"\ntitle = \"name\"\ncompleted = \"done\"\n\
        status = \"state\"\npriority = \"weight\"\n[statuses]\nwip = \"in_progress\"\nopen = \"pending\"\n\
        [priorities]\n9 = \"urgent\"\n1 = \"low\"\n";
    std::fs::write(&map, names).unwrap();
    let name = name_of(&ws).await;
    let done = adopt(&["--from", &url, "--workspace", &name, "--map", map.to_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let report = String::from_utf8_lossy(&done.stdout);
    assert!(report.contains("mended: todos 6: status: is pending though completed is true: completed"), "{report}");
    assert!(report.contains("left out: table todos: nothing reads it"), "{report}");
    let listed = ws.get("/api/v1/todos").send().await.ok();
    let told =
        |field: &str| -> Vec<Value> { listed.as_array().unwrap().iter().map(|todo| todo[field].clone()).collect() };
    assert_eq!(told("id"), [5, 6]);
    assert_eq!(told("title"), ["Mapped", "Done"]);
    assert_eq!(told("status"), ["in_progress", "completed"]);
    assert_eq!(told("priority"), ["urgent", "low"]);
    std::fs::write(&map, "[todos]\ntable = \"no_such_table\"\n").unwrap();
    let other = Workspace::new().await;
    let failed = adopt(&["--from", &url, "--workspace", &name_of(&other).await, "--map", map.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && said.contains("no table `no_such_table`"), "{said}");
    std::fs::write(&map, "[todos]\ntable = \"\"\n").unwrap();
    let (_, said) = refused(&["--from", &url, "--workspace", &name, "--map", map.to_str().unwrap(), "--dry-run"]);
    assert!(said.contains("[todos] has an empty `table`"), "{said}");
    let printed = adopt(&["--print-map"]);
    assert!(printed.status.success() && String::from_utf8_lossy(&printed.stdout).contains("[todo_tags]"));
    std::fs::remove_file(map).unwrap();
    drop_old(&schema).await;
}

/// The database's own `search_path` does not lead there.
async fn a_map_may_name_the_schema_of_a_table() {
    let ws = Workspace::new().await;
    let (_, schema) = old("
        insert into tags values (3, 'work');
        insert into todos (id, title, status, completed, priority, created_at, updated_at) values
            (1, 'x', 'pending', false, 'low', '2024-01-15 12:00', '2024-08-01Z');
        insert into todo_tags values (1, 3)")
    .await;
    let tables = ["departments", "employees", "tags", "todos", "todo_tags"];
    let names: String = tables.iter().map(|table| format!("[{table}]\ntable = \"{schema}.{table}\"\n")).collect();
    let map = std::env::temp_dir().join(unique("map"));
    std::fs::write(&map, names).unwrap();
    let (url, name) = (std::env::var("DATABASE_URL").unwrap(), name_of(&ws).await);
    let arguments = ["--from", &url, "--workspace", &name, "--assume-zone", "UTC", "--map", map.to_str().unwrap()];
    assert_eq!(adopted(&arguments).0, "");
    let listed = ws.get("/api/v1/todos").send().await.ok();
    assert_eq!(listed[0]["tags"], json!([{ "id": 3, "name": "work" }]), "{listed}");
    std::fs::remove_file(map).unwrap();
    drop_old(&schema).await;
}

/// What `--print-map` prints may be used as it is, where tables and columns are missing, too.
async fn the_printed_map_is_one() {
    let (url, schema) = old("drop table departments, employees, tags, todo_tags;
        alter table todos drop column due_date, drop column assignee_id;
        insert into todos (id, title, priority, status) values (1, 'x', null, 'Pending')")
    .await;
    let (map, name) = (std::env::temp_dir().join(unique("map")), unique("mapped"));
    std::fs::write(&map, adopted(&["--print-map"]).0).unwrap();
    let arguments = ["--from", &url, "--workspace", &name, "--dry-run"];
    let (report, said) = adopted(&arguments);
    let (mapped, told) = adopted(&[&arguments[..], &["--map", map.to_str().unwrap()]].concat());
    assert_eq!(report, mapped);
    let findings = "nothing has been written: 5 values mended, 0 refused, 0 columns and 4 tables left out";
    assert!(said.contains(findings) && told.contains(findings), "{said}{told}");
    std::fs::remove_file(map).unwrap();
    drop_old(&schema).await;
}
