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

/// The SQLSTATE of a lock that was waited for too long.
const LOCK_NOT_AVAILABLE: &str = "55P03";

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
    /// meanwhile waits for the end, since its row stays locked.
    pub async fn begin(&mut self, name: &str) -> Result<()> {
        self.advance().await.context("the ids cannot go on above the old ones")?;
        let begin = "begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";
        sqlx::raw_sql(begin).execute(&mut self.connection).await?;
        let id = token::workspace(&mut self.connection, name).await?;
        sqlx::query("select from workspaces where id = $1 for update").bind(id).execute(&mut self.connection).await?;
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

    /// Lets new ids go on above the highest old ones. A sequence is shared by all workspaces: `alter sequence` locks
    /// it, so that nobody takes a number between the look at it and the change. A transaction of its own and before all
    /// others, because a writer keeps its sequences until it ends, perhaps waiting for this one. An adoption that fails
    /// afterwards leaves a gap.
    async fn advance(&mut self) -> Result<()> {
        for (table, highest) in TABLES.into_iter().zip(self.highest) {
            let sequence: String = sqlx::query_scalar("select pg_get_serial_sequence($1, 'id')")
                .bind(table)
                .fetch_one(&mut self.connection)
                .await?;
            self.lock(&sequence).await?;
            let last = format!("select last_value from {sequence}");
            let last: i64 = sqlx::query_scalar(AssertSqlSafe(last)).fetch_one(&mut self.connection).await?;
            if last <= highest {
                let restart = format!("alter sequence {sequence} restart with {}", highest + 1);
                sqlx::raw_sql(AssertSqlSafe(restart)).execute(&mut self.connection).await?;
            }
            sqlx::raw_sql("commit").execute(&mut self.connection).await?;
        }
        Ok(())
    }

    /// Begins a transaction that has a sequence to itself. Everybody who wants a number waits behind whoever waits for
    /// that, which is until the last writer has ended: so it is tried briefly, and again after a while.
    async fn lock(&mut self, sequence: &str) -> Result<()> {
        let lock = format!("begin; set local lock_timeout = '50ms'; alter sequence {sequence} no cycle");
        for _ in 0..200 {
            match sqlx::raw_sql(AssertSqlSafe(lock.clone())).execute(&mut self.connection).await {
                Ok(_) => return Ok(()),
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {}
                Err(error) => return Err(error.into()),
            }
            sqlx::raw_sql("rollback").execute(&mut self.connection).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        bail!("somebody has written for a minute without an end; try again when that is over")
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
        let count = "select count_todos_v1($1, array(select id from todos where workspace_id = $1), 1)";
        sqlx::query(count).bind(workspace).execute(&mut self.connection).await.context("todos cannot be counted")?;
        for (kind, table) in
            [("department", "departments"), ("employee", "employees"), ("tag", "tags"), ("todo", "todos")]
        {
            say(&format!("logging the {table}"));
            let log = format!(
                "select log_created_v1($1, 's:adopt', '{kind}', array(select uid from {table} where workspace_id = $1 \
                 order by id))"
            );
            let logged = sqlx::query(AssertSqlSafe(log)).bind(workspace).execute(&mut self.connection).await;
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

/// Fails for a role that does not own the sequences, since only their owner may move them.
async fn refuse_foreign_sequences(connection: &mut PgConnection) -> Result<()> {
    let foreign: Option<String> = sqlx::query_scalar(
        "select c.oid::regclass::text
         from unnest($1::text[]) as name join pg_class c on c.oid = pg_get_serial_sequence(name, 'id')::regclass
         where not pg_has_role(c.relowner, 'USAGE') order by name limit 1",
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
