//! What tools answer.

use serde::Serialize;
use todo_core::domain::overview;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::types::scalar;
use crate::types::stats::Stats;
use crate::types::v2::people::EmployeeRef;
use crate::types::v2::todo::Todo;

/// Whole todos.
#[derive(Debug, Serialize, ToSchema)]
pub struct Todos {
    /// In the order of the arguments, a new todo before its subtasks.
    #[schema(max_items = 50)]
    pub todos: Vec<Todo>,
}

/// Whole todos that were asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundTodos {
    /// In the order of their ids in the arguments.
    #[schema(max_items = 20)]
    pub todos: Vec<Todo>,
    /// Their other subtasks, in their order, without what is below them: 100 in all, shared among the todos.
    #[schema(max_items = 100)]
    pub subtasks: Vec<Todo>,
    /// The ids of which there is no todo; it may be in the bin.
    #[schema(max_items = 20)]
    pub not_found: Vec<Uuid>,
}

/// What was put into the bin.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedTodos {
    /// The ids, in the order of the arguments.
    #[schema(max_items = 50)]
    pub deleted: Vec<Uuid>,
}

/// What a workspace holds, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// The time zone of `today`, as the call gave it; UTC if it gave none.
    #[schema(min_length = 1, max_length = 64)]
    time_zone: String,
    /// The current day in that time zone.
    #[schema(value_type = String, format = "date", min_length = 10, max_length = 10)]
    today: String,
    /// The current instant.
    #[schema(value_type = scalar::Instant)]
    now: String,
    /// The employee whom the token names, whom `me` means; or null.
    me: Option<EmployeeRef>,
    /// Counts of todos.
    counts: Stats,
    /// The lists that are not archived, in their order: the first hundred.
    #[schema(max_items = 100)]
    lists: Vec<NamedList>,
    /// The tags that are used most, of the first thousand.
    #[schema(max_items = 100)]
    tags: Vec<UsedTag>,
    /// The employees to whom todos can be assigned: the first hundred.
    #[schema(max_items = 100)]
    people: Vec<Person>,
}

/// A list and how many open todos are in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NamedList {
    /// The id, as `list_id` takes it.
    id: Uuid,
    /// Its name.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// How many open todos are in it.
    count: i64,
}

/// A tag and how much it is used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsedTag {
    /// Its name.
    #[schema(value_type = scalar::TagName)]
    name: String,
    /// How many todos have it.
    count: i64,
}

/// An employee to whom todos can be assigned.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Person {
    /// The id, as `assignee_id` takes it.
    id: Uuid,
    /// The name.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// The name of the department, or null.
    #[schema(value_type = Option<scalar::Name>)]
    department: Option<String>,
}

impl From<overview::Overview> for Overview {
    fn from(overview: overview::Overview) -> Self {
        let overview::Overview { time_zone, today, now, me, counts, lists, tags, people } = overview;
        let list = |overview::NamedList { id, name, count }| NamedList { id, name, count };
        let tag = |overview::UsedTag { name, count }| UsedTag { name, count };
        let person = |overview::Person { id, name, department }| Person { id, name, department };
        Self {
            time_zone,
            today,
            now: now.as_str().to_owned(),
            me: me.map(EmployeeRef::from),
            counts: counts.into(),
            lists: lists.into_iter().map(list).collect(),
            tags: tags.into_iter().map(tag).collect(),
            people: people.into_iter().map(person).collect(),
        }
    }
}
