//! `cargo xtask seed`: todos, tags, people and departments to look at, or to measure against.
//!
//! Straight into the database, thousands at once, because through the API a million would take an hour. Each statement
//! also notes that the cache must not be trusted, as a write of the API does that cannot reach Redis.

use std::process::ExitCode;

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::Session;
use crate::database::Which;
use crate::progress::Step;
use crate::token;

/// Rows in one statement.
const CHUNK: u32 = 5_000;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// The workspace to fill; created if there is none of that name.
    #[arg(long, default_value = "default")]
    workspace: String,
    /// How many todos to add.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    todos: u32,
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    let mut connection = args.which.connect(&session.checkout).await?;
    fill(&mut connection, &args.workspace, args.todos).await?;
    Ok(ExitCode::SUCCESS)
}

/// Adds so many todos to the workspace, which is created if there is none of that name.
pub async fn fill(connection: &mut PgConnection, workspace: &str, count: u32) -> Result<()> {
    let step = Step::begin(format!("adding {count} todos to the workspace `{workspace}`"));
    let workspace = token::workspace(connection, workspace).await?;
    people(connection, workspace).await.context("the people cannot be stored")?;
    tags(connection, workspace).await.context("the tags cannot be stored")?;
    let mut left = count;
    while left > 0 {
        let chunk = left.min(CHUNK);
        todos(connection, workspace, chunk).await.context("the todos cannot be stored")?;
        left -= chunk;
    }
    // So that the planner knows the new rows before autovacuum comes by.
    sqlx::raw_sql("analyze todos; analyze todo_tags; analyze tags; analyze employees").execute(connection).await?;
    step.done();
    Ok(())
}

async fn people(connection: &mut PgConnection, workspace: i64) -> sqlx::Result<()> {
    sqlx::query(
        "with department as (
             insert into departments (workspace_id, uid, name)
             select $1, uid::uuid, name
             from unnest($2::text[], array['Engineering', 'Operations', 'Sales', 'Support']) as new (uid, name)
             on conflict (workspace_id, name) do nothing
             returning id, name, uid
         ),
         there as (
             select id, name from department
             union all
             select id, name from departments where workspace_id = $1
         ),
         employee as (
             insert into employees (workspace_id, uid, name, email, department_id)
             select $1, new.uid::uuid, new.name, lower(replace(new.name, ' ', '.')) || '@example.com',
                    (select min(id) from there where there.name = new.department)
             from unnest($3::text[],
                         array['Ada Byron', 'Alan Mathison', 'Barbara Jane', 'Edsger Wybe', 'Grace Brewster', \
                         'Tony Hoare'],
                         array['Engineering', 'Engineering', 'Operations', 'Operations', 'Sales', 'Support'])
                  as new (uid, name, department)
             on conflict (workspace_id, lower(email collate \"C\")) do nothing
             returning uid
         )
         select log_created_v1($1, 's:seed', 'department', array(select uid from department)),
                log_created_v1($1, 's:seed', 'employee', array(select uid from employee))",
    )
    .bind(workspace)
    .bind(uids(4))
    .bind(uids(6))
    .execute(connection)
    .await?;
    Ok(())
}

async fn tags(connection: &mut PgConnection, workspace: i64) -> sqlx::Result<()> {
    sqlx::query(
        "with tag as (
             insert into tags (workspace_id, uid, name, folded)
             select $1, uid::uuid, name, name
             from unnest($2::text[], array['home', 'work', 'errand', 'urgent', 'someday', 'reading', 'garden', 'money'])
                  as new (uid, name)
             on conflict (workspace_id, folded) where merged_into is null do nothing
             returning uid
         )
         select log_created_v1($1, 's:seed', 'tag', array(select uid from tag))",
    )
    .bind(workspace)
    .bind(uids(8))
    .execute(connection)
    .await?;
    Ok(())
}

/// Todos of these ids, and their tags. Every choice is random, so that no filter selects a solid block.
const TODOS: &str = "with recorded as materialized (select invalidation_record_v1($1, false)),
         staff as (select array_agg(id) as ids from employees where workspace_id = $1),
         made as (
             insert into todos (workspace_id, uid, title, status, priority, due_date, assignee_id, created_at,
                 updated_at, completed_at)
             select $1, uid::uuid,
                    (array['Call', 'Write to', 'Pay', 'Visit', 'Thank', 'Remind'])[1 + floor(random() * 6)] || ' '
                    || (array['the bank', 'the plumber', 'grandmother', 'the school',
                        'the landlord'])[1 + floor(random() * 5)],
                    status, 1 + floor(random() * 4),
                    case when random() < 0.7 then now() + (random() - 0.3) * interval '60 days' end,
                    case when random() < 0.5 then staff.ids[1 + floor(random() * cardinality(staff.ids))] end,
                    created_at, created_at,
                    case when status = 'completed' then created_at + random() * (now() - created_at) end
             from (select uid, now() - random() * interval '365 days' as created_at,
                          (array['pending', 'pending', 'in_progress', 'completed',
                              'cancelled'])[1 + floor(random() * 5)] as status
                   from unnest($2::text[]) as uid) as new
             cross join staff cross join recorded
             returning id
         )
         insert into todo_tags (workspace_id, todo_id, tag_id)
         select $1, made.id, tags.id
         from made join tags on tags.workspace_id = $1 and random() < 0.2";

/// One chunk: the todos and their tags in one statement, and their counts.
async fn todos(connection: &mut PgConnection, workspace: i64, count: u32) -> sqlx::Result<()> {
    let uids = uids(count);
    let mut transaction = connection.begin().await?;
    // No tag is merged meanwhile, so that what is counted below is what was written.
    sqlx::query("select lock_tags_v1($1, false)").bind(workspace).execute(&mut *transaction).await?;
    sqlx::query(TODOS).bind(workspace).bind(&uids).execute(&mut *transaction).await?;
    sqlx::query(
        "select count_todos_v1($1, array(
             select id from todos where workspace_id = $1 and uid = any ($2::text[]::uuid[])
         ), 1)",
    )
    .bind(workspace)
    .bind(&uids)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("select log_created_v1($1, 's:seed', 'todo', $2::text[]::uuid[])")
        .bind(workspace)
        .bind(&uids)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

fn uids(count: u32) -> Vec<String> {
    (0..count).map(|_| Uuid::now_v7().to_string()).collect()
}
