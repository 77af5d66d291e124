//! Databases that the files of `migrations/` do not fit.

use std::process::Command;

use crate::harness::{Options, Server, database, suite, unique, with_parameter};

suite![
    #[database]
    a_database_of_the_former_migrations_is_refused,
    #[database]
    an_applied_file_that_changed_is_refused,
    #[embedded]
    a_database_of_the_former_migrations_is_not_ready,
];

/// A schema that holds nothing but the migrator's own table with these applied; its name, and the URL by which it is
/// found.
async fn applied(rows: &str) -> (String, String) {
    let schema = unique("applied").replace([' ', '-'], "_");
    let table = format!(
        "create schema {schema}; set search_path to {schema};
         create table _sqlx_migrations (version bigint primary key, description text not null,
             installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,
             execution_time bigint not null);
         insert into _sqlx_migrations (version, description, success, checksum, execution_time) values {rows}"
    );
    database::connect().await.batch_execute(&table).await.unwrap();
    let url = with_parameter(&std::env::var("DATABASE_URL").unwrap(), &format!("options=-c%20search_path%3D{schema}"));
    (schema, url)
}

/// That migrating this schema fails and changes nothing; what is said of it.
async fn refused(schema: &str, url: &str) -> String {
    let mut migrate = Command::new(std::env::var_os("TODO_XTASK").expect("run the tests with `cargo xtask test`"));
    let output = migrate.arg("migrate").env("DATABASE_URL", url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let database = database::connect().await;
    let tables = "select count(*) from pg_tables where schemaname = $1";
    assert_eq!(database::number(&database, tables, &[&schema]).await, 1, "{said}");
    database.batch_execute(&format!("drop schema {schema} cascade")).await.unwrap();
    said
}

const FORMER: &str = "(1, 'tenancy', true, '\\x00', 0), (34, 'hot tables', true, '\\x00', 0)";

async fn a_database_of_the_former_migrations_is_refused() {
    let (schema, url) = applied(FORMER).await;
    let said = refused(&schema, &url).await;
    assert!(said.contains("migrated before the first release"), "{said}");
    assert!(said.contains("create an empty database and migrate that"), "{said}");
}

async fn an_applied_file_that_changed_is_refused() {
    let (schema, url) = applied("(1, 'database', true, '\\x00', 0)").await;
    let said = refused(&schema, &url).await;
    assert!(said.contains("an applied file never changes: put it back, and add another"), "{said}");
}

async fn a_database_of_the_former_migrations_is_not_ready() {
    let (schema, url) = applied(FORMER).await;
    let server = Server::private(Options::default().with("database_url", url)).await;
    let ready = server.anonymous().get("/health/ready").send().await;
    ready.has_status(503);
    let missing = "migrations are missing: this release needs 0021 (distribution), and the newest one applied is 0034";
    assert!(ready.text().contains(missing), "{ready}");
    database::connect().await.batch_execute(&format!("drop schema {schema} cascade")).await.unwrap();
}
