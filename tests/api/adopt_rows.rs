//! What `cargo xtask adopt` makes of single values of the old tables, and what it says of them.

use serde_json::{Value, json};

use crate::harness::adoption::{TABLES, adopted, drop_old, name_of, old, refused};
use crate::harness::targets::Postgres;
use crate::harness::{Workspace, database, suite, unique};

suite![
    #[database]
    employees_and_departments_come_whole,
    #[database]
    a_time_of_completion_comes_where_the_todo_is_completed,
    #[database]
    a_reference_to_nothing_is_left_out,
    #[database]
    doubled_ids_and_names_are_refused,
    #[database]
    instants_without_a_zone_get_that_of_their_season,
    #[database]
    only_names_of_zones_are_assumed,
    #[database]
    columns_that_nothing_reads_are_named,
    #[database]
    tables_that_nothing_reads_are_named,
    #[database]
    what_is_empty_or_there_twice_is_named,
    #[database]
    the_owner_of_the_sequences_adopts_from_a_reader,
    #[database]
    text_that_is_not_utf_8_is_named,
];

fn lines(report: &str) -> Vec<&str> {
    report.lines().collect()
}

async fn employees_and_departments_come_whole() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        alter table departments add created_at timestamptz, add updated_at timestamptz;
        alter table employees add created_at timestamptz, add updated_at timestamptz;
        insert into departments values (7, ' R&D <b>Lab</b> ', '2024-01-01Z', '2024-02-01 10:00+02'),
            (8, 'Ops', null, '2024-03-01Z');
        insert into employees values (9, 'Ada <i>L</i>', ' Ada@Example.com ', 7, '2024-01-02Z', \
        '2024-01-03 01:02:03.5Z'),
            (10, 'Bob', '', null, '2024-01-04Z', null)")
    .await;
    let (report, _) = adopted(&["--from", &url, "--workspace", &name_of(&ws).await]);
    let mended = [
        "mended: departments 7: name: sanitised, or normalised",
        "mended: departments 8: created_at: is empty: updated_at, else the moment of the adoption",
        "mended: employees 9: name: sanitised, or normalised",
        "mended: employees 10: email: there is none: employee-10@adopted.invalid",
        "mended: employees 10: updated_at: is empty: created_at, else the moment of the adoption",
    ];
    assert_eq!(lines(&report), mended);
    let departments = json!([
        { "id": 7, "name": "R&D Lab", "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-02-01T08:00:00Z",
            "version": 1 },
        { "id": 8, "name": "Ops", "created_at": "2024-03-01T00:00:00Z", "updated_at": "2024-03-01T00:00:00Z",
            "version": 1 },
    ]);
    assert_eq!(ws.get("/api/v1/departments").send().await.ok(), departments);
    let employees = json!([
        { "id": 9, "name": "Ada L", "email": "Ada@Example.com", "department": { "id": 7, "name": "R&D Lab" },
          "created_at": "2024-01-02T00:00:00Z", "updated_at": "2024-01-03T01:02:03.5Z", "version": 1 },
        { "id": 10, "name": "Bob", "email": "employee-10@adopted.invalid", "department": null,
          "created_at": "2024-01-04T00:00:00Z", "updated_at": "2024-01-04T00:00:00Z", "version": 1 },
    ]);
    assert_eq!(ws.get("/api/v1/employees").send().await.ok(), employees);
    drop_old(&schema).await;
}

/// A field of each todo that version 1 lists.
async fn listed(ws: &Workspace, field: &str) -> Vec<Value> {
    let todos = ws.get("/api/v1/todos").send().await.ok();
    todos.as_array().unwrap().iter().map(|todo| todo[field].clone()).collect()
}

async fn a_time_of_completion_comes_where_the_todo_is_completed() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        alter table todos add completed_at timestamptz;
        insert into todos (id, title, status, completed, priority, created_at, updated_at, completed_at) values
            (1, 'present', 'completed', true, 'low', '2024-01-01', '2024-01-03Z', '2024-01-02 12:00+01'),
            (2, 'empty', 'completed', true, 'low', '2024-01-01', '2024-01-03Z', null),
            (3, 'contradicting', 'pending', false, 'low', '2024-01-01', '2024-01-03Z', '2024-01-02Z')")
    .await;
    let (report, _) = adopted(&["--from", &url, "--workspace", &name_of(&ws).await, "--assume-zone", "UTC"]);
    let mended = [
        "mended: todos 2: completed_at: is empty: the time of the last change",
        "mended: todos 3: completed_at: left out, since the todo is not completed",
    ];
    assert_eq!(lines(&report), mended);
    let times = [json!("2024-01-02T11:00:00Z"), json!("2024-01-03T00:00:00Z"), Value::Null];
    assert_eq!(listed(&ws, "completed_at").await, times);
    assert_eq!(listed(&ws, "status").await, ["completed", "completed", "pending"]);
    drop_old(&schema).await;
}

async fn a_reference_to_nothing_is_left_out() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        insert into employees values (9, 'Ada', 'ada@example.com', 77);
        insert into tags values (3, 'work');
        insert into todos (id, title, status, completed, priority, assignee_id, created_at, updated_at) values
            (1, 'x', 'pending', false, 'low', 88, '2024-01-01', '2024-01-01Z');
        insert into todo_tags values (1, 3), (1, 66), (55, 3)")
    .await;
    let (report, _) = adopted(&["--from", &url, "--workspace", &name_of(&ws).await, "--assume-zone", "UTC"]);
    let mended = [
        "mended: employees 9: department_id: left out, since there is no row 77",
        "mended: todos 1: assignee_id: left out, since there is no row 88",
        "mended: todo_tags 1, 66: tag_id: left out, since there is no such todo or tag",
        "mended: todo_tags 55, 3: tag_id: left out, since there is no such todo or tag",
    ];
    assert_eq!(lines(&report), mended);
    assert_eq!(listed(&ws, "assignee").await, [Value::Null]);
    assert_eq!(listed(&ws, "tags").await, [json!([{ "id": 3, "name": "work" }])]);
    assert_eq!(ws.get("/api/v1/employees").send().await.ok()[0]["department"], Value::Null);
    drop_old(&schema).await;
}

async fn doubled_ids_and_names_are_refused() {
    let (url, schema) = old("
        alter table tags drop constraint tags_pkey;
        insert into departments values (7, 'Ops'), (8, ' Ops ');
        insert into tags values (0, 'zero'), (1, 'a'), (1, 'b');
        alter table todos alter id add generated by default as identity (start with 4503599627370497);
        select nextval(pg_get_serial_sequence('todos', 'id'));
        insert into todos (id, title, status, priority, updated_at) values (0, 'x', 'pending', 'low', '2024-01-01Z')")
    .await;
    let (report, said) = refused(&["--from", &url, "--workspace", &unique("refused"), "--dry-run"]);
    let refused = [
        "refused: departments 8: name: department 7 has the same",
        "refused: tags 0: id: must be a number from 1 to 4503599627370496",
        "refused: tags 1: id: another row has the same",
        "refused: todos sequence: id: has given 4503599627370497, above 4503599627370496",
        "refused: todos 0: id: must be a number from 1 to 4503599627370496",
    ];
    assert_eq!(lines(&report), refused);
    assert!(said.contains("nothing can come: 0 values mended, 5 refused"), "{said}");
    drop_old(&schema).await;
}

async fn instants_without_a_zone_get_that_of_their_season() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        insert into todos (id, title, status, completed, priority, created_at, updated_at) values
            (1, 'winter', 'pending', false, 'low', '2024-01-15 12:00', '2024-08-01Z'),
            (2, 'summer', 'pending', false, 'low', '2024-07-15 12:00:00.25', '2024-08-01Z')")
    .await;
    let (report, _) = adopted(&["--from", &url, "--workspace", &name_of(&ws).await, "--assume-zone", "Europe/Berlin"]);
    assert_eq!(report, "");
    assert_eq!(listed(&ws, "created_at").await, ["2024-01-15T11:00:00Z", "2024-07-15T10:00:00.25Z"]);
    drop_old(&schema).await;
}

/// What else Postgres takes for a zone are rules of POSIX, whose signs are the other way round.
async fn only_names_of_zones_are_assumed() {
    let (url, schema) = old("
        insert into todos (id, title, status, priority, created_at, updated_at) values
            (1, 'x', 'pending', 'low', '2024-01-15 12:00', '2024-08-01Z')")
    .await;
    let name = unique("zone");
    for zone in ["UTC+2", "+02:00", "2", "CEST", "Europe/Nowhere", "UTC'"] {
        let arguments = ["--from", &url, "--workspace", &name, "--dry-run", "--assume-zone", zone];
        let (report, said) = refused(&arguments);
        let wanted = format!("--assume-zone: `{zone}` is not the name of a time zone, such as UTC or Europe/Berlin");
        assert!(said.contains(&wanted) && report.is_empty(), "{report}{said}");
    }
    let (report, _) = refused(&["--from", &url, "--workspace", &name, "--dry-run"]);
    assert!(report.contains("todos 1: created_at: 2024-01-15 12:00:00 names no time zone"), "{report}");
    drop_old(&schema).await;
}

async fn columns_that_nothing_reads_are_named() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        alter table todos add is_deleted boolean, add owner_id integer;
        alter table todo_tags add added_by text;
        insert into todos (id, title, status, completed, priority, created_at, updated_at, is_deleted) values
            (1, 'x', 'pending', false, 'low', '2024-01-15 12:00', '2024-08-01Z', true)")
    .await;
    let name = name_of(&ws).await;
    for dry in [&["--dry-run"][..], &[]] {
        let (report, said) =
            adopted(&[&["--from", &url, "--workspace", &name, "--assume-zone", "UTC"][..], dry].concat());
        let left_out = [
            "left out: todos: is_deleted, owner_id: nothing reads these columns",
            "left out: todo_tags: added_by: nothing reads these columns",
        ];
        assert_eq!(lines(&report), left_out);
        assert!(said.contains("0 values mended, 0 refused, 3 columns and 0 tables left out"), "{said}");
    }
    drop_old(&schema).await;
}

async fn tables_that_nothing_reads_are_named() {
    let (url, schema) = old("
        drop table todo_tags;
        create table comments (id integer);
        create table audit (day date) partition by range (day);
        create table audit_2024 partition of audit for values from ('2024-01-01') to ('2025-01-01');
        create view open_todos as select * from todos where not completed")
    .await;
    let (report, said) =
        adopted(&["--from", &url, "--workspace", &unique("tables"), "--dry-run", "--assume-zone", "UTC"]);
    let left_out = [
        "left out: table todo_tags: it is not there",
        "left out: table audit: nothing reads it",
        "left out: table comments: nothing reads it",
        "left out: table open_todos: nothing reads it",
    ];
    assert_eq!(lines(&report), left_out);
    assert!(said.contains("0 values mended, 0 refused, 0 columns and 4 tables left out"), "{said}");
    drop_old(&schema).await;
}

async fn what_is_empty_or_there_twice_is_named() {
    let ws = Workspace::new().await;
    let (url, schema) = old("
        alter table tags add created_at timestamptz;
        insert into tags values (1, 'Home'), (2, 'HOME');
        insert into todos (id, title, description, status, priority, created_at, updated_at) values
            (1, 'x', '', 'completed', 'low', '2024-01-01', '2024-01-01Z'),
            (2, 'y', E' \n', 'pending', 'low', '2024-01-01', '2024-01-01Z');
        insert into todo_tags values (1, 1), (1, 1), (1, 2)")
    .await;
    let (report, _) = adopted(&["--from", &url, "--workspace", &name_of(&ws).await, "--assume-zone", "UTC"]);
    let mended = [
        "mended: tags 1: created_at: is empty: the moment of the adoption",
        "mended: tags 2: name: merged into tag 1, which differs in upper and lower case at most",
        "mended: todos 1: description: is empty: null",
        "mended: todos 1: completed: is empty: true",
        "mended: todos 2: description: is empty: null",
        "mended: todos 2: completed: is empty: false",
        "mended: todo_tags 1, 1: tag_id: left out, since the todo has the tag already",
    ];
    assert_eq!(lines(&report), mended);
    assert_eq!(listed(&ws, "description").await, [Value::Null, Value::Null]);
    assert_eq!(listed(&ws, "completed").await, [true, false]);
    assert_eq!(listed(&ws, "tags").await, [json!([{ "id": 1, "name": "Home" }]), json!([])]);
    drop_old(&schema).await;
}

/// What a role may not do is found before anything is written, and looking costs the snapshot nothing.
async fn the_owner_of_the_sequences_adopts_from_a_reader() {
    let Some(postgres) = Postgres::start().await else { return };
    let database = database::connect_to(&postgres.url()).await;
    database.batch_execute(&format!("create schema old; set search_path to old; {TABLES}")).await.unwrap();
    let roles = "
        alter table todos alter id add generated by default as identity;
        insert into todos (title) values ('x');
        create role reader login password 'reader';
        grant usage on schema old to reader;
        grant select on all tables in schema old to reader;
        create role writer login password 'writer';
        grant select, insert, update, delete on all tables in schema public to writer;
        grant select, usage on all sequences in schema public to writer";
    database.batch_execute(roles).await.unwrap();
    let named = |role: &str| format!("postgres://{role}:{role}@127.0.0.1:{}/postgres", postgres.port());
    let from = format!("{}?options[search_path]=old", named("reader"));
    let arguments = ["--from", &from, "--workspace", "Moved", "--dry-run", "--database-url"];
    let (_, said) = refused(&[&arguments[..], &[&named("writer")]].concat());
    let wanted = "may not move the sequence departments_id_seq; connect as the role that has migrated";
    assert!(said.contains(wanted), "{said}");
    let (_, said) = adopted(&[&arguments[..], &[&postgres.url()]].concat());
    assert!(said.contains("everything can come"), "{said}");
}

/// A database without an encoding holds whatever bytes it was given.
async fn text_that_is_not_utf_8_is_named() {
    let Some(postgres) = Postgres::start().await else { return };
    let create = "create database ascii encoding 'SQL_ASCII' locale 'C' template template0";
    database::connect_to(&postgres.url()).await.batch_execute(create).await.unwrap();
    let url = format!("{}/ascii", postgres.url().trim_end_matches("/postgres"));
    let database = database::connect_to(&url).await;
    database.batch_execute(TABLES).await.unwrap();
    let latin = "convert_from('\\x4be46c7465', 'SQL_ASCII')";
    let rows = format!(
        "insert into tags values (1, 'sound'), (2, {latin});
         insert into todos (id, title, status, completed, priority, created_at, updated_at) values
            (1, 'sound', 'pending', false, 'low', '2024-01-15', '2024-08-01Z'),
            (2, {latin}, 'pending', false, {latin}, '2024-01-15', '2024-08-01Z')"
    );
    database.batch_execute(&rows).await.unwrap();
    let (report, _) = refused(&["--from", &url, "--workspace", &unique("ascii"), "--assume-zone", "UTC"]);
    let named = [
        "refused: tags 2: name: is not UTF-8",
        "refused: todos 2: title: is not UTF-8",
        "refused: todos 2: priority: is not UTF-8",
    ];
    assert_eq!(lines(&report), named);
}
