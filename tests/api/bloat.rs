//! Many updates: tables, indexes and plans stay as large as what is in them, because vacuuming comes early enough
//! (the settings of the tables in `migrations/`).
//!
//! The usual run is short: 200,000 updates before the sizes are taken, and 200,000 after. `TODO_BLOAT_ROUNDS=4` makes
//! the latter 800,000, a million in all.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::harness::targets::Postgres;
use crate::harness::{database, suite};

suite![
    #[large]
    indexes_and_plans_stay_bounded_after_many_updates,
    #[database]
    no_writer_pays_for_what_others_left_pending,
];

const TODOS: i64 = 100_000;
/// Writers at once, chunks of each, todos of a chunk: 200,000 updates.
const WRITERS: i64 = 4;
const CHUNKS: i64 = 100;
const CHUNK: i64 = 500;
/// The updates after which vacuuming has to come: fewer than a fifth of the table, for which Postgres waits by default,
/// more than a hundredth and a thousand rows, which are the settings.
const FEW: i64 = 10_000;
/// How long the vacuum may take that a table is due for.
const VACUUM: Duration = Duration::from_secs(60);

async fn indexes_and_plans_stay_bounded_after_many_updates() {
    let Some(postgres) = Postgres::start().await else { return };
    let (url, sql) = (postgres.url(), &database::connect_to(&postgres.url()).await);
    // By default Postgres looks once a minute whether a table is due.
    sql.batch_execute("alter system set autovacuum_naptime = '2s'").await.unwrap();
    sql.batch_execute("select pg_reload_conf()").await.unwrap();
    let insert = "insert into workspaces (uid, name) values (gen_random_uuid(), 'bloat') returning id";
    let workspace = database::number(sql, insert, &[]).await;
    fill(sql, workspace).await;
    let plans = plans(sql, workspace).await;
    // Pages that are half full come with the first updates, whatever is done. More updates must not make more of them.
    update_todos(&url, workspace).await;
    vacuumed(sql).await;
    let sizes = sizes(sql).await;

    let asked = std::env::var("TODO_BLOAT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for _ in 0..asked.unwrap_or(1) {
        let began = Instant::now();
        update_todos(&url, workspace).await;
        let took = began.elapsed().as_secs_f64();
        let largest = database::number(sql, "select pg_relation_size('todos_updated_order')", &[]).await;
        eprintln!("200,000 updates of todos took {took:.0} s: {largest} bytes of todos_updated_order");
    }
    update_the_rest(sql, workspace).await;
    vacuumed(sql).await;
    // Whatever the first vacuuming left, the next comes after a hundredth of the table has changed, not after a fifth.
    chunks(sql, workspace, 0, FEW / CHUNK, r#"{"set_priority": "urgent"}"#).await;
    vacuumed(sql).await;

    let mut faults = Vec::new();
    for ((name, before), (_, after)) in sizes.iter().zip(self::sizes(sql).await) {
        eprintln!("{before:>10} {after:>10} bytes  {name}");
        // Vacuum gives the end of a table back when it is empty and nobody uses it, as that of tags may be here.
        if after > before * 3 / 2 + 4_000_000 {
            faults.push(format!("{name}: {before} bytes, then {after}"));
        }
    }
    for (before, after) in plans.iter().zip(self::plans(sql, workspace).await) {
        let Execution { what, node, blocks, fetches } = &after;
        eprintln!("{:7} {blocks:7} blocks {:6} {fetches:6} fetches  {what} {node}", before.blocks, before.fetches);
        if after.blocks > before.blocks * 3 + 100 || after.fetches > before.fetches + FEW {
            faults.push(format!("{before:?} then {after:?}"));
        }
        if after.node != before.node {
            faults.push(format!("another plan: {before:?} then {after:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let counted = "select (sum(todos) = (select count(*) from todos where workspace_id = $1))::int::bigint \
        from todo_counts where workspace_id = $1";
    assert_eq!(database::number(sql, counted, &[&workspace]).await, 1);
}

/// An inverted index would keep a list of what is new, and whoever fills it works it off for all.
async fn no_writer_pays_for_what_others_left_pending() {
    let sql = database::connect().await;
    let inverted = "select count(*), count(*) filter (where 'fastupdate=off' = any (c.reloptions)) from pg_class c \
        join pg_am a on a.oid = c.relam and a.amname = 'gin' where c.relnamespace = 'public'::regnamespace \
        and c.relkind = 'i'";
    let row = sql.query_one(inverted, &[]).await.unwrap();
    let (all, immediate): (i64, i64) = (row.get(0), row.get(1));
    assert!(all > 0 && immediate == all, "{immediate} of {all} inverted indexes are written at once");
}

async fn fill(sql: &Client, workspace: i64) {
    let columns = "title, status, completed_at, priority, due_date";
    // A third is done: else the index of open todos would be as good as that of all, and a plan might take either.
    let select = format!(
        "'Title ' || n, case when done then 'completed' else 'pending' end, case when done then now() end, 2, \
             now() + (n % 1000 - 500) * interval '1 hour' \
         from generate_series(1, {TODOS}) n cross join lateral (select n % 3 = 0 as done) of_todo"
    );
    database::insert(sql, workspace, columns, &select).await;
    let rest = format!(
        "insert into tags (workspace_id, uid, name, folded)
         select {workspace}, gen_random_uuid(), 'tag-' || n, 'tag-' || n from generate_series(1, 10) n;
         insert into tokens (workspace_id, uid, name, hash, scopes)
         select {workspace}, gen_random_uuid(), 'bloat', sha256(n::text::bytea), '{{todos:read}}'
         from generate_series(1, 2000) n;
         insert into jobs (workspace_id, uid, kind, filter, change, status, finished_at)
         select {workspace}, gen_random_uuid(), 'todos.bulk', '{{}}', '\"complete\"', status,
             case status when 'succeeded' then now() end
         from generate_series(1, 5000) n
         cross join lateral (select case n when 1 then 'queued' else 'succeeded' end as status) of_job;"
    );
    sql.batch_execute(&rest).await.unwrap();
    sql.batch_execute("vacuum (analyze)").await.unwrap();
}

/// What workers do to the first todos of a writer's part, chunk by chunk, each a transaction of its own.
async fn chunks(sql: &Client, workspace: i64, writer: i64, chunks: i64, change: &str) {
    let work = format!(
        "do $$ declare
            first bigint := {writer} * {TODOS} / {WRITERS}
                + (select min(id) from todos where workspace_id = {workspace});
            chosen bigint[];
        begin
            for chunk in 0 .. {chunks} - 1 loop
                chosen := array(select first + chunk * {CHUNK} + n from generate_series(0, {CHUNK} - 1) n);
                perform change_todos_v1({workspace}, chosen, '{change}',
                    '[{{\"name\": \"tag-1\", \"folded\": \"tag-1\"}}]', 20, true);
                commit;
            end loop;
        end $$"
    );
    sql.batch_execute(&work).await.unwrap();
}

async fn update_todos(url: &str, workspace: i64) {
    let writers = (0..WRITERS).map(|writer| {
        let url = url.to_owned();
        tokio::spawn(async move {
            let sql = database::connect_to(&url).await;
            for change in [
                r#"{"set_priority": "low"}"#,
                r#"{"add_tag": "tag-1"}"#,
                r#"{"set_priority": "high"}"#,
                r#"{"remove_tag": "tag-1"}"#,
            ] {
                chunks(&sql, workspace, writer, CHUNKS / 4, change).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// Todos one by one, which moves the counts, the job that is worked off, and the use of a token.
async fn update_the_rest(sql: &Client, workspace: i64) {
    let loops = format!(
        "do $$ declare todo bigint := (select min(id) from todos where workspace_id = {workspace}); begin
            for number in 1 .. 4000 loop
                perform todo_update_v1({workspace}, null, null, null, false, todo + number % 100, null, null,
                    jsonb_build_object('update', jsonb_build_object(
                        'status', (array['pending', 'in_progress', 'completed'])[1 + number % 3])));
                commit;
            end loop;
            for number in 1 .. 20000 loop
                update jobs set due_at = clock_timestamp() + interval '15 seconds', processed = processed + 1
                where status = 'queued';
                update tokens set last_used_at = clock_timestamp() where hash = sha256('7');
                commit;
            end loop;
        end $$"
    );
    sql.batch_execute(&loops).await.unwrap();
}

/// Waits until the dead rows of the large tables are as few as their settings promise.
async fn vacuumed(sql: &Client) {
    let since = Instant::now();
    loop {
        // A session's numbers reach the others after a second at most.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let dead = database::number(
            sql,
            "select coalesce(max(n_dead_tup), 0) from pg_stat_user_tables where relname in ('todos', 'todo_tags')",
            &[],
        );
        let dead = dead.await;
        if dead <= 1000 + TODOS / 50 {
            return;
        }
        assert!(since.elapsed() < VACUUM, "{dead} dead rows, and no vacuum comes");
    }
}

/// The sizes of all tables and indexes but the log, which only grows.
async fn sizes(sql: &Client) -> Vec<(String, i64)> {
    let list = "select c.oid::regclass::text, pg_relation_size(c.oid) from pg_class c \
        left join pg_index i on i.indexrelid = c.oid \
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'i') \
            and coalesce(i.indrelid, c.oid) not in (select oid from pg_class where relname like 'events%') \
        order by 1";
    sql.query(list, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// How a statement was executed.
#[derive(Debug)]
struct Execution {
    what: &'static str,
    node: String,
    blocks: i64,
    /// Rows of the table that were looked up, though the index has all that was asked for.
    fetches: i64,
}

/// What the service asks for all the time: the walks of lists over the index of an order, statistics, authentication
/// with its look for work, the counts.
async fn plans(sql: &Client, workspace: i64) -> Vec<Execution> {
    let walk = |order: &str| {
        format!(
            "select count(*) from (select {order} as key, id, status from todos \
             where workspace_id = {workspace} and deleted_at is null \
             order by {order} desc, id desc limit 20000) walked where status = 'none'"
        )
    };
    let mut executions = Vec::new();
    for (what, statement) in [
        ("newest", walk("created_at")),
        ("last updated", walk("updated_at")),
        ("by priority", walk("priority")),
        (
            "overdue",
            format!(
                "select count(*) from todos where workspace_id = {workspace} and deleted_at is null \
                 and status in ('pending', 'in_progress') and due_date < now() - interval '100 hours'"
            ),
        ),
        (
            "work",
            "select exists (select from jobs where status in ('queued', 'running') and due_at <= now())".to_owned(),
        ),
        ("token", "select workspace_id, last_used_at from tokens where hash = sha256('7')".to_owned()),
        ("tag", format!("select tag_count_v1({workspace}, (select min(id) from tags))")),
        (
            "counts",
            format!("select status, sum(todos) from todo_counts where workspace_id = {workspace} group by status"),
        ),
    ] {
        // The first run removes what it finds dead in its way.
        let explain = format!("explain (analyze, buffers, timing off, format json) {statement}");
        sql.batch_execute(&explain).await.unwrap();
        let answer = sql.simple_query(&explain).await.unwrap();
        let text = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plan = serde_json::from_str::<Value>(text.unwrap()).unwrap()[0]["Plan"].clone();
        let mut execution = Execution { what, node: String::new(), blocks: 0, fetches: 0 };
        execution.blocks = plan["Shared Hit Blocks"].as_i64().unwrap() + plan["Shared Read Blocks"].as_i64().unwrap();
        note(&plan, &mut execution);
        executions.push(execution);
    }
    executions
}

fn note(plan: &Value, execution: &mut Execution) {
    if let Some(index) = plan["Index Name"].as_str() {
        execution.node.push_str(index);
    }
    execution.fetches += plan["Heap Fetches"].as_f64().map_or(0, |fetches| fetches as i64);
    for part in plan["Plans"].as_array().into_iter().flatten() {
        note(part, execution);
    }
}
