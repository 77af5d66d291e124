//! Rehearses, then writes into the workspace: one transaction, thousands of rows in one statement. What was written
//! is counted at the end.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqlx::{AssertSqlSafe, PgConnection};

use super::rows::{
    Department, Employee, Placed, Tag, Todo, write_departments, write_employees, write_tagged, write_tags, write_todos,
};
use crate::progress::say;
use crate::token;

/// Rows in one statement.
const CHUNK: usize = 5_000;

/// How long until every instance has looked for invalidations: each does once a second.
const KNOWN: Duration = Duration::from_millis(1_200);

/// So far below the highest old id, ids are taken one by one, which takes seconds at most.
const NEAR: i64 = 1_000_000;

/// The key of the advisory lock of an adoption that moves sequences.
const ADVANCING: i64 = 7_304_688_091;

/// The tables whose ids come along.
const TABLES: [&str; 4] = ["departments", "employees", "tags", "todos"];

/// The workspace, until [`finish`](Target::finish) commits. Dropped before that, it leaves nothing.
pub struct Target {
    connection: PgConnection,
    /// None while it only rehearses.
    workspace: Option<i64>,
    /// The highest id of each of the tables that is not to be given again.
    highest: [i64; TABLES.len()],
    /// The moment of the adoption.
    pub now: String,
    departments: Vec<Department>,
    employees: Vec<Employee>,
    tags: Vec<Tag>,
    todos: Vec<Placed>,
    tagged: Vec<(i64, i64)>,
    /// When the last todo was created, and how many before it at the same moment.
    last: (String, i32),
}

impl Target {
    /// A target that counts and writes nothing, if the workspace is empty or not there.
    pub async fn rehearse(mut connection: PgConnection, name: &str) -> Result<Self> {
        let there: Option<i64> = sqlx::query_scalar("select id from workspaces where name = $1")
            .bind(name)
            .fetch_optional(&mut connection)
            .await
            .context("the workspaces cannot be read (have the migrations been applied?)")?;
        if let Some(there) = there {
            refuse_filled(&mut connection, there, name).await?;
        }
        refuse_foreign_sequences(&mut connection).await?;
        let now = sqlx::query_scalar("select rfc3339_v1(now())").fetch_one(&mut connection).await?;
        Ok(Self {
            connection,
            workspace: None,
            now,
            highest: [0; TABLES.len()],
            departments: Vec::new(),
            employees: Vec::new(),
            tags: Vec::new(),
            todos: Vec::new(),
            tagged: Vec::new(),
            last: Default::default(),
        })
    }

    /// After a rehearsal, of which only the highest ids are kept: writes from now on. Whoever writes into the workspace
    /// meanwhile waits for the end, since its row stays locked; not on Citus, where nobody may write into it.
    pub async fn begin(&mut self, name: &str) -> Result<()> {
        self.advance().await.context("the ids cannot go on above the old ones")?;
        let begin = "begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";
        sqlx::raw_sql(begin).execute(&mut self.connection).await?;
        let id = token::workspace(&mut self.connection, name).await?;
        // On Citus this would keep nobody out, since workers look at copies, and hold up all who make workspaces or
        // tokens.
        let is_distributed = sqlx::query_scalar("select to_regclass('pg_dist_partition') is not null");
        if !is_distributed.fetch_one(&mut self.connection).await? {
            let lock = sqlx::query("select from workspaces where id = $1 for update");
            lock.bind(id).execute(&mut self.connection).await?;
        }
        refuse_filled(&mut self.connection, id, name).await?;
        self.workspace = Some(id);
        self.last = Default::default();
        Ok(())
    }

    /// Lets new ids of a table go on above this one.
    pub fn reserve(&mut self, table: &str, id: i64) {
        for (name, highest) in TABLES.into_iter().zip(&mut self.highest) {
            if name == table {
                *highest = id.max(*highest);
            }
        }
    }

    /// Lets new ids go on above the highest old ones. A sequence is shared by all workspaces and must not go back.
    /// Where it is near, its numbers are taken one by one, as writers take them. Where it is farther than all writers
    /// come between the look at it and the change, it is set; one adoption at a time. A transaction of its own: nobody
    /// waits for this one. An adoption that fails afterwards leaves a gap. (`alter sequence` would keep writers out,
    /// but waits until the last one has ended, and Citus does not have it.)
    async fn advance(&mut self) -> Result<()> {
        let alone = format!("begin; select pg_advisory_xact_lock({ADVANCING})");
        sqlx::raw_sql(AssertSqlSafe(alone)).execute(&mut self.connection).await?;
        for (table, highest) in TABLES.into_iter().zip(self.highest) {
            let sequence: String = sqlx::query_scalar("select pg_get_serial_sequence($1, 'id')")
                .bind(table)
                .fetch_one(&mut self.connection)
                .await?;
            let step = format!(
                "select case when last_value < $1 - {NEAR} then setval($2::text::regclass, $1)
                 else (select max(nextval($2::text::regclass)) from generate_series(last_value, $1)) end
                 from {sequence}"
            );
            let step = sqlx::query(AssertSqlSafe(step)).bind(highest).bind(&sequence);
            step.execute(&mut self.connection).await?;
        }
        sqlx::raw_sql("commit").execute(&mut self.connection).await?;
        Ok(())
    }

    /// Adds a department.
    pub async fn department(&mut self, department: Department) -> Result<()> {
        self.reserve("departments", department.id);
        self.departments.push(department);
        self.flush_over(CHUNK).await
    }

    /// Adds an employee.
    pub async fn employee(&mut self, employee: Employee) -> Result<()> {
        self.reserve("employees", employee.id);
        self.employees.push(employee);
        self.flush_over(CHUNK).await
    }

    /// Adds a tag.
    pub async fn tag(&mut self, tag: Tag) -> Result<()> {
        self.reserve("tags", tag.id);
        self.tags.push(tag);
        self.flush_over(CHUNK).await
    }

    /// Adds a todo.
    pub async fn todo(&mut self, todo: Todo) -> Result<()> {
        self.reserve("todos", todo.id);
        let before = if self.last.0 == todo.created { self.last.1 + 1 } else { 0 };
        self.last = (todo.created.clone(), before);
        self.todos.push((todo, before));
        self.flush_over(CHUNK).await
    }

    /// Puts a tag on a todo.
    pub async fn tagged(&mut self, link: (i64, i64)) -> Result<()> {
        self.tagged.push(link);
        self.flush_over(CHUNK).await
    }

    /// Writes what is still held back.
    pub async fn flush(&mut self) -> Result<()> {
        self.flush_over(1).await
    }

    async fn flush_over(&mut self, least: usize) -> Result<()> {
        let held =
            self.departments.len() + self.employees.len() + self.tags.len() + self.todos.len() + self.tagged.len();
        if held < least {
            return Ok(());
        }
        let departments = std::mem::take(&mut self.departments);
        let employees = std::mem::take(&mut self.employees);
        let tags = std::mem::take(&mut self.tags);
        let todos = std::mem::take(&mut self.todos);
        let tagged = std::mem::take(&mut self.tagged);
        let Some(workspace) = self.workspace else {
            return Ok(());
        };
        let connection = &mut self.connection;
        write_departments(connection, workspace, departments).await.context("departments cannot be stored")?;
        write_employees(connection, workspace, employees).await.context("employees cannot be stored")?;
        write_tags(connection, workspace, tags).await.context("tags cannot be stored")?;
        write_todos(connection, workspace, todos).await.context("todos cannot be stored")?;
        write_tagged(connection, workspace, tagged).await.context("tags on todos cannot be stored")
    }

    /// Tells the cache, commits, and waits until every instance knows.
    pub async fn finish(mut self) -> Result<()> {
        let Some(workspace) = self.workspace else { bail!("a dry run writes nothing") };
        // The planner must know the new rows before they are counted: it takes a workspace that is not in its
        // statistics for tiny, and would look for the tags of each todo among all of them. What is read afterwards
        // needs it, too.
        say("telling the planner of the new rows");
        sqlx::raw_sql("analyze todos; analyze todo_tags; analyze tags; analyze employees")
            .execute(&mut self.connection)
            .await?;
        say("counting the todos");
        // The ids are collected first: on Citus a function in the statement that reads a table would run on a worker.
        let count = format!(
            "do $$ declare ids bigint[] := array(select id from todos where workspace_id = {workspace});
             begin perform count_todos_v1({workspace}, ids, 1); end $$"
        );
        let counted = sqlx::raw_sql(AssertSqlSafe(count)).execute(&mut self.connection).await;
        counted.context("todos cannot be counted")?;
        for (kind, table) in
            [("department", "departments"), ("employee", "employees"), ("tag", "tags"), ("todo", "todos")]
        {
            say(&format!("logging the {table}"));
            let log = format!(
                "do $$ declare
                     uids uuid[] := array(select uid from {table} where workspace_id = {workspace} order by id);
                 begin perform log_created_v1({workspace}, 's:adopt', '{kind}', uids); end $$"
            );
            let logged = sqlx::raw_sql(AssertSqlSafe(log)).execute(&mut self.connection).await;
            logged.with_context(|| format!("the {table} cannot be logged"))?;
        }
        let wait: bool = sqlx::query_scalar("select invalidation_record_v1($1, false)")
            .bind(workspace)
            .fetch_one(&mut self.connection)
            .await?;
        say("committing");
        sqlx::raw_sql("commit").execute(&mut self.connection).await.context("the adoption cannot be committed")?;
        // The workspace may be older than the data, and what was read of it is cached.
        if wait {
            tokio::time::sleep(KNOWN).await;
        }
        Ok(())
    }
}

/// Fails for a role that may not move the sequences, as their owner may.
async fn refuse_foreign_sequences(connection: &mut PgConnection) -> Result<()> {
    let foreign: Option<String> = sqlx::query_scalar(
        "select c.oid::regclass::text
         from unnest($1::text[]) as name join pg_class c on c.oid = pg_get_serial_sequence(name, 'id')::regclass
         where not has_sequence_privilege(c.oid, 'UPDATE') order by name limit 1",
    )
    .bind(TABLES)
    .fetch_optional(connection)
    .await?;
    if let Some(sequence) = foreign {
        bail!("the role may not move the sequence {sequence}; connect as the role that has migrated, which owns it");
    }
    Ok(())
}

async fn refuse_filled(connection: &mut PgConnection, workspace: i64, name: &str) -> Result<()> {
    for table in TABLES.into_iter().chain(["lists"]) {
        let sql = format!("select exists (select from {table} where workspace_id = $1)");
        let filled: bool = sqlx::query_scalar(AssertSqlSafe(sql)).bind(workspace).fetch_one(&mut *connection).await?;
        if filled {
            bail!(
                "the workspace `{name}` has {table} already (perhaps in the bin); old data comes only into an empty one"
            );
        }
    }
    Ok(())
}
