//! Departments, employees and tags.

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use anyhow::Result;
use futures::TryStreamExt;
use todo_core::domain::people::{Email, Name};
use todo_core::domain::text::TagName;

use super::check::{Checked, Refused};
use super::map::Map;
use super::report::Report;
use super::rows::{Department, Employee, Tag};
use super::source::{Column, Kind, Source};
use super::target::Target;
use crate::progress::say;

/// What todos may refer to. Refused rows are among it: each is reported once.
#[derive(Default)]
pub struct People {
    /// Ids of employees.
    pub employees: HashSet<i64>,
    /// Old ids of tags, and the ids of the tags that they have become.
    pub tags: HashMap<i64, i64>,
}

const fn column(name: &'static str, kind: Kind, required: bool) -> Column {
    Column { name, kind, required }
}

const CREATED: Column = column("created_at", Kind::Instant, false);
const UPDATED: Column = column("updated_at", Kind::Instant, false);
const ID: Column = column("id", Kind::Id, true);
const NAME: Column = column("name", Kind::Text, true);

/// What is read of departments.
pub const DEPARTMENT_COLUMNS: [Column; 4] = [ID, NAME, CREATED, UPDATED];

/// What is read of employees.
pub const EMPLOYEE_COLUMNS: [Column; 6] =
    [ID, NAME, column("email", Kind::Text, false), column("department_id", Kind::Id, false), CREATED, UPDATED];

/// What is read of tags.
pub const TAG_COLUMNS: [Column; 3] = [ID, NAME, CREATED];

/// Brings all three.
pub async fn bring(source: &mut Source, target: &mut Target, map: &Map, report: &mut Report) -> Result<People> {
    let departments = departments(source, target, map, report).await?;
    let employees = employees(source, target, map, &departments, report).await?;
    let tags = tags(source, target, map, report).await?;
    Ok(People { employees, tags })
}

async fn departments(source: &mut Source, target: &mut Target, map: &Map, report: &mut Report) -> Result<HashSet<i64>> {
    let mut ids = HashSet::new();
    let Some(table) = source.table(map, "departments", &DEPARTMENT_COLUMNS, report).await? else {
        return Ok(ids);
    };
    target.reserve("departments", table.last);
    let (mut before, mut names) = (0, HashMap::new());
    let mut rows = pin!(source.rows(&table));
    while let Some(row) = rows.try_next().await? {
        let mut old = Checked::new("departments", &table, &row, report);
        let Ok(id) = old.id(&mut before) else { continue };
        ids.insert(id);
        let (Ok(name), Ok((created, updated))) =
            (old.sanitise("name", Name::parse, Name::as_str), old.times(&target.now))
        else {
            continue;
        };
        let name = name.into_string();
        if let Some(first) = names.insert(name.clone(), id) {
            old.refuse("name", &format!("department {first} has the same"));
        }
        target.department(Department { id, name, created, updated }).await?;
    }
    target.flush().await?;
    say(&format!("departments: {}", ids.len()));
    Ok(ids)
}

async fn employees(
    source: &mut Source,
    target: &mut Target,
    map: &Map,
    departments: &HashSet<i64>,
    report: &mut Report,
) -> Result<HashSet<i64>> {
    let mut ids = HashSet::new();
    let Some(table) = source.table(map, "employees", &EMPLOYEE_COLUMNS, report).await? else {
        return Ok(ids);
    };
    target.reserve("employees", table.last);
    let (mut before, mut emails) = (0, HashMap::new());
    let mut rows = pin!(source.rows(&table));
    while let Some(row) = rows.try_next().await? {
        let mut old = Checked::new("employees", &table, &row, report);
        let Ok(id) = old.id(&mut before) else { continue };
        ids.insert(id);
        let name = old.sanitise("name", Name::parse, Name::as_str);
        let email = email(id, &mut old);
        let department = old.reference("department_id", |id| departments.contains(&id));
        let times = old.times(&target.now);
        let (Ok(name), Ok(email), Ok(department), Ok((created, updated))) = (name, email, department, times) else {
            continue;
        };
        if let Some(first) = emails.insert(email.folded(), id) {
            old.refuse("email", &format!("employee {first} has the same, but perhaps for upper and lower case"));
        }
        let (name, email) = (name.into_string(), email.into_string());
        let employee = Employee { id, name, email, department, created, updated };
        target.employee(employee).await?;
    }
    target.flush().await?;
    say(&format!("employees: {}", ids.len()));
    Ok(ids)
}

/// The address of an employee, which everyone has here.
fn email(id: i64, old: &mut Checked<'_>) -> Result<Email, Refused> {
    if old.text("email")?.is_some_and(|email| !email.trim().is_empty()) {
        return old.sanitise("email", Email::parse, Email::as_str);
    }
    let made = format!("employee-{id}@adopted.invalid");
    old.mend("email", &format!("there is none: {made}"));
    Email::parse(&made).map_err(|error| old.refuse_text("email", &error, &made))
}

async fn tags(source: &mut Source, target: &mut Target, map: &Map, report: &mut Report) -> Result<HashMap<i64, i64>> {
    let mut ids = HashMap::new();
    let Some(table) = source.table(map, "tags", &TAG_COLUMNS, report).await? else {
        return Ok(ids);
    };
    target.reserve("tags", table.last);
    let (mut before, mut known) = (0, HashMap::new());
    let mut rows = pin!(source.rows(&table));
    while let Some(row) = rows.try_next().await? {
        let mut old = Checked::new("tags", &table, &row, report);
        let Ok(id) = old.id(&mut before) else { continue };
        ids.insert(id, id);
        let (Ok(name), Ok(created)) =
            (old.sanitise("name", TagName::parse, TagName::as_str), old.instant("created_at"))
        else {
            continue;
        };
        let folded = name.folded();
        if let Some(first) = known.get(&folded) {
            ids.insert(id, *first);
            // Clients have stored it for the merged tag.
            target.reserve("tags", id);
            old.mend("name", &format!("merged into tag {first}, which differs in upper and lower case at most"));
            continue;
        }
        known.insert(folded.clone(), id);
        if created.is_none() && table.has("created_at") {
            old.mend("created_at", "is empty: the moment of the adoption");
        }
        let created = created.map_or_else(|| target.now.clone(), |at| at.into_string());
        let tag = Tag { id, name: name.into_string(), folded, created };
        target.tag(tag).await?;
    }
    target.flush().await?;
    say(&format!("tags: {}", known.len()));
    Ok(ids)
}
