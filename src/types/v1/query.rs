//! The query parameters of version 1: offset pages and four filters.

use todo_core::domain::filter::{Filter, Limit};

use crate::extract::query::{FromQuery, Parameters};

/// Which part of a list.
#[derive(Debug)]
pub struct SkipQuery {
    /// How many items to leave out.
    pub skip: i64,
    /// How many items to show.
    pub limit: Limit,
}

impl FromQuery for SkipQuery {
    fn from_query(query: &mut Parameters) -> Self {
        let skip = query.one("skip", |text| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| digits);
            number.ok_or_else(|| ("out_of_range", "must be a whole number from 0".to_owned()))
        });
        Self { skip: skip.unwrap_or_default(), limit: query.limit() }
    }
}

/// The parameters of the list of todos.
#[derive(Debug)]
pub struct TodosQuery {
    /// Which todos.
    pub filter: Filter,
    /// Which part of them.
    pub page: SkipQuery,
}

impl FromQuery for TodosQuery {
    fn from_query(query: &mut Parameters) -> Self {
        let filter = Filter {
            status: query.statuses(),
            priority: query.priorities(),
            completed: query.boolean("completed"),
            tags: query.tags(),
            archived: true,
            ..Filter::default()
        };
        Self { filter, page: SkipQuery::from_query(query) }
    }
}
