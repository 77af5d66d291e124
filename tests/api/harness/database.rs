//! A look into the server's database, for what no answer shows and for what would take too long over HTTP.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, NoTls};

use super::Workspace;

/// A connection to the database of `DATABASE_URL`.
pub async fn connect() -> Client {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL is not set: run the tests with `cargo xtask test`");
    connect_to(&url).await
}

/// A connection to this database, whose statements and transactions may take as long as they need. On Citus it may set
/// triggers on distributed tables; a plain Postgres takes the setting for one of somebody else.
pub async fn connect_to(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database does not answer");
    tokio::spawn(connection);
    let settings = "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; \
                    set citus.enable_unsafe_triggers = on";
    client.batch_execute(settings).await.expect("the database does not take settings");
    client
}

/// Makes this token an administrator's in an empty database.
pub async fn make_admin(sql: &Client, token: &str) {
    sql.execute(
        "with home as (insert into workspaces (uid, name) values (gen_random_uuid(), 'default') returning id) \
         insert into tokens (workspace_id, uid, name, hash, scopes) \
         select id, gen_random_uuid(), 'tests', sha256(convert_to($1, 'UTF8')), '{admin}' from home",
        &[&token],
    )
    .await
    .unwrap();
}

/// Waits until this many others wait for locks that `holder` holds.
pub async fn until_blocked(holder: &Client, count: usize) {
    // On Citus rows are locked on workers. Not pg_stat_activity, which inside a transaction always shows its first
    // snapshot.
    let is_distributed = "select to_regclass('citus_lock_waits') is not null";
    let waiting = if holder.query_one(is_distributed, &[]).await.unwrap().get(0) {
        "select distinct waiting_gpid from citus_lock_waits where blocking_gpid = citus_backend_gpid()"
    } else {
        "select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))"
    };
    for _ in 0..200 {
        if holder.query(waiting, &[]).await.unwrap().len() >= count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("fewer than {count} wait for the lock");
}

/// Holds the rows of these todos, by their public ids, until the transaction ends. Each with its workspace: on Citus no
/// statement locks rows of several.
pub async fn hold(sql: &impl GenericClient, todos: &[&str]) {
    for todo in todos {
        let workspace = "select workspace_id from todos where uid = $1::text::uuid";
        let workspace: i64 = sql.query_one(workspace, &[todo]).await.unwrap().get(0);
        let held = "select from todos where workspace_id = $1 and uid = $2::text::uuid for update";
        sql.query_one(held, &[&workspace, todo]).await.unwrap();
    }
}

/// The one number that a query gives.
pub async fn number(database: &Client, sql: &str, params: &[&(dyn ToSql + Sync)]) -> i64 {
    database.query_one(sql, params).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

/// The internal id of a workspace.
pub async fn workspace(database: &Client, ws: &Workspace) -> i64 {
    number(database, "select id from workspaces where uid = $1::text::uuid", &[&ws.id]).await
}

/// Adds so many pending todos called `x` to a workspace of which nothing has been read yet.
pub async fn fill(database: &Client, workspace: i64, todos: i32) {
    fill_with(database, workspace, todos, "x", "pending").await;
}

/// The same with another title and status.
pub async fn fill_with(database: &Client, workspace: i64, todos: i32, title: &str, status: &str) {
    let columns = "title, status";
    insert(database, workspace, columns, &format!("'{title}', '{status}' from generate_series(1, {todos})")).await;
}

/// Adds todos with these columns, selected by what follows, to a workspace.
pub async fn insert(database: &Client, workspace: i64, columns: &str, select: &str) {
    // Counted at once: a test looks at the counts of all workspaces.
    let sql = format!(
        "do $$ declare made bigint[]; begin
             with new as (insert into todos (workspace_id, uid, {columns})
                 select {workspace}, gen_random_uuid(), {select} returning id)
             select array_agg(id) into made from new;
             perform count_todos_v1({workspace}, made, 1);
         end $$"
    );
    database.batch_execute(&sql).await.unwrap();
}

/// Removes the todos of a workspace, where there are so many that other tests would notice.
pub async fn empty(database: &Client, workspace: i64) {
    let sql = format!(
        "do $$ declare gone bigint[] := array(select id from todos where workspace_id = {workspace}); begin
             perform count_todos_v1({workspace}, gone, -1);
         end $$;
         delete from todos where workspace_id = {workspace}"
    );
    database.batch_execute(&sql).await.unwrap();
}
