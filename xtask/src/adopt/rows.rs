//! The rows that come, and the statements that store many of one kind at once.

use sqlx::PgConnection;
use uuid::Uuid;

/// A department as it is stored.
pub struct Department {
    pub id: i64,
    pub name: String,
    pub created: String,
    pub updated: String,
}

/// An employee as it is stored.
pub struct Employee {
    pub id: i64,
    pub name: String,
    pub email: String,
    pub department: Option<i64>,
    pub created: String,
    pub updated: String,
}

/// A tag as it is stored.
pub struct Tag {
    pub id: i64,
    pub name: String,
    pub folded: String,
    pub created: String,
}

/// A todo as it is stored.
pub struct Todo {
    pub id: i64,
    pub title: String,
    pub description: Option<String>,
    pub status: &'static str,
    pub priority: i16,
    pub due: Option<String>,
    pub assignee: Option<i64>,
    pub created: String,
    pub updated: String,
    pub completed: Option<String>,
}

/// A todo and how many of those before it were created at the same moment without a break.
pub type Placed = (Todo, i32);

fn uids(count: usize) -> Vec<String> {
    (0..count).map(|_| Uuid::now_v7().to_string()).collect()
}

/// Departments in one statement, as the others below.
pub async fn write_departments(
    connection: &mut PgConnection,
    workspace: i64,
    rows: Vec<Department>,
) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut ids, mut names, mut created, mut updated) = (vec![], vec![], vec![], vec![]);
    let uids = uids(rows.len());
    for row in rows {
        ids.push(row.id);
        names.push(row.name);
        created.push(row.created);
        updated.push(row.updated);
    }
    sqlx::query(
        "insert into departments (workspace_id, id, uid, name, created_at, updated_at)
         select $1, id, uid::uuid, name, created::timestamptz, updated::timestamptz
         from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[]) as new (id, uid, name, created, \
         updated)",
    )
    .bind(workspace)
    .bind(ids)
    .bind(uids)
    .bind(names)
    .bind(created)
    .bind(updated)
    .execute(connection)
    .await?;
    Ok(())
}

/// Employees, after their departments.
pub async fn write_employees(connection: &mut PgConnection, workspace: i64, rows: Vec<Employee>) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut ids, mut names, mut emails, mut departments) = (vec![], vec![], vec![], vec![]);
    let (mut created, mut updated) = (vec![], vec![]);
    let uids = uids(rows.len());
    for row in rows {
        ids.push(row.id);
        names.push(row.name);
        emails.push(row.email);
        departments.push(row.department);
        created.push(row.created);
        updated.push(row.updated);
    }
    sqlx::query(
        "insert into employees (workspace_id, id, uid, name, email, department_id, created_at, updated_at)
         select $1, id, uid::uuid, name, email, department, created::timestamptz, updated::timestamptz
         from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[])
              as new (id, uid, name, email, department, created, updated)",
    )
    .bind(workspace)
    .bind(ids)
    .bind(uids)
    .bind(names)
    .bind(emails)
    .bind(departments)
    .bind(created)
    .bind(updated)
    .execute(connection)
    .await?;
    Ok(())
}

/// Tags.
pub async fn write_tags(connection: &mut PgConnection, workspace: i64, rows: Vec<Tag>) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut ids, mut names, mut folded, mut created) = (vec![], vec![], vec![], vec![]);
    let uids = uids(rows.len());
    for row in rows {
        ids.push(row.id);
        names.push(row.name);
        folded.push(row.folded);
        created.push(row.created);
    }
    sqlx::query(
        "insert into tags (workspace_id, id, uid, name, folded, created_at)
         select $1, id, uid::uuid, name, folded, created::timestamptz
         from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[]) as new (id, uid, name, folded, \
         created)",
    )
    .bind(workspace)
    .bind(ids)
    .bind(uids)
    .bind(names)
    .bind(folded)
    .bind(created)
    .execute(connection)
    .await?;
    Ok(())
}

/// A todo stands where it was created, as one that the API makes. Many may have been created at the same moment, by one
/// transaction: a millisecond between each two leaves room to move others there.
pub async fn write_todos(connection: &mut PgConnection, workspace: i64, rows: Vec<Placed>) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut ids, mut titles, mut descriptions, mut statuses) = (vec![], vec![], vec![], vec![]);
    let (mut priorities, mut dues, mut assignees) = (vec![], vec![], vec![]);
    let (mut created, mut updated, mut completed, mut behind) = (vec![], vec![], vec![], vec![]);
    let uids = uids(rows.len());
    for (row, before) in rows {
        ids.push(row.id);
        titles.push(row.title);
        descriptions.push(row.description);
        statuses.push(row.status);
        priorities.push(row.priority);
        dues.push(row.due);
        assignees.push(row.assignee);
        created.push(row.created);
        updated.push(row.updated);
        completed.push(row.completed);
        behind.push(before);
    }
    sqlx::query(
        "insert into todos (workspace_id, id, uid, title, description, status, priority, due_date, assignee_id, \
         created_at,
                            updated_at, completed_at, position)
         select $1, id, uid::uuid, title, description, status, priority, due::timestamptz, assignee, \
         created::timestamptz,
                updated::timestamptz, completed::timestamptz, extract(epoch from created::timestamptz) + behind / 1000.0
         from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::text[],
                     $9::bigint[], $10::text[], $11::text[], $12::text[], $13::integer[])
              as new (id, uid, title, description, status, priority, due, assignee, created, updated, completed, \
              behind)",
    )
    .bind(workspace)
    .bind(ids)
    .bind(uids)
    .bind(titles)
    .bind(descriptions)
    .bind(statuses)
    .bind(priorities)
    .bind(dues)
    .bind(assignees)
    .bind(created)
    .bind(updated)
    .bind(completed)
    .bind(behind)
    .execute(connection)
    .await?;
    Ok(())
}

/// Tags on todos: the ids of both.
pub async fn write_tagged(connection: &mut PgConnection, workspace: i64, links: Vec<(i64, i64)>) -> sqlx::Result<()> {
    if links.is_empty() {
        return Ok(());
    }
    let (todos, tags): (Vec<i64>, Vec<i64>) = links.into_iter().unzip();
    sqlx::query(
        "insert into todo_tags (workspace_id, todo_id, tag_id)
         select $1, todo, tag from unnest($2::bigint[], $3::bigint[]) as new (todo, tag)",
    )
    .bind(workspace)
    .bind(todos)
    .bind(tags)
    .execute(connection)
    .await?;
    Ok(())
}
