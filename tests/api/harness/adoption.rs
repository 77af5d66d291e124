//! Another application's tables, and `cargo xtask adopt` on them.

use std::process::{Command, Output};

use super::{Workspace, database, unique};

/// Tables like the replaced application's.
pub const TABLES: &str = "
    create table departments (id integer primary key, name text);
    create table employees (id integer primary key, name text, email text, department_id integer);
    create table tags (id integer primary key, name text);
    create table todos (id bigint primary key, title text, description text, completed boolean, status text, \
    priority text,
        due_date timestamptz, assignee_id integer, created_at timestamp, updated_at timestamptz);
    create table todo_tags (todo_id bigint, tag_id integer)";

/// These tables with these rows, in a schema of their own; the URL by which they are found, and the schema.
pub async fn old(rows: &str) -> (String, String) {
    let schema = unique("old").replace([' ', '-'], "_");
    let database = database::connect().await;
    database.batch_execute(&format!("create schema {schema}; set search_path to {schema}")).await.unwrap();
    database.batch_execute(TABLES).await.unwrap();
    database.batch_execute(rows).await.unwrap();
    (format!("{}?options[search_path]={schema}", std::env::var("DATABASE_URL").unwrap()), schema)
}

/// Removes them.
pub async fn drop_old(schema: &str) {
    database::connect().await.batch_execute(&format!("drop schema {schema} cascade")).await.unwrap();
}

/// The command, to be started.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("TODO_XTASK").expect("run the tests with `cargo xtask test`"));
    command.arg("adopt").args(arguments);
    command
}

/// What the command has done.
pub fn adopt(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// The same, if it has succeeded: what it wrote to stdout and to stderr.
pub fn adopted(arguments: &[&str]) -> (String, String) {
    let done = adopt(arguments);
    let [report, said] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(done.status.success(), "{report}{said}");
    (report, said)
}

/// The same, if it has failed.
pub fn refused(arguments: &[&str]) -> (String, String) {
    let done = adopt(arguments);
    let [report, said] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(!done.status.success(), "{report}{said}");
    (report, said)
}

/// The name of a workspace.
pub async fn name_of(ws: &Workspace) -> String {
    let row = database::connect().await;
    row.query_one("select name from workspaces where uid = $1::text::uuid", &[&ws.id]).await.unwrap().get(0)
}
