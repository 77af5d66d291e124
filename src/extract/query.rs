//! Query strings: every parameter is known, well-formed and given as often as it may be, or the request is refused.

mod spelling;

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use todo_core::domain::filter::{Filter, Limit, Sort};
use todo_core::domain::id::Id;
use todo_core::domain::instant::Instant;
use todo_core::domain::list::Holder;
use todo_core::domain::text::{SanitisingBudget, SearchText, TagName, TextError};
use todo_core::domain::todo::{Priority, Status};
use todo_core::error::Fault;

use super::person::CallerPerson;
use crate::error::Problem;
use spelling::decoded;
pub use spelling::{decoded_segment, has, rewritten, says};

/// A set of query parameters that belong to one route.
pub trait FromQuery: Sized {
    /// Takes what it needs out of `query`, which collects the faults.
    fn from_query(query: &mut Parameters) -> Self;
}

/// The parameters of a route.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Sync, T: FromQuery> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut parameters = Parameters::parse(parts.uri.query().unwrap_or_default());
        parameters.me = CallerPerson::of_request(&parts.extensions);
        let value = T::from_query(&mut parameters);
        parameters.finish().map(|()| Self(value))
    }
}

/// A route without parameters: any that is sent is refused.
#[derive(Debug)]
pub struct NoParameters;

impl FromQuery for NoParameters {
    fn from_query(_: &mut Parameters) -> Self {
        Self
    }
}

/// Name-value pairs that are taken one by one; whatever is left at the end is unknown.
#[derive(Debug, Default)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
    faults: Vec<Fault>,
    me: CallerPerson,
}

impl Parameters {
    /// Decodes a query string as forms write it. What cannot be decoded is a fault: a client must hear of it rather
    /// than search for something else.
    pub fn parse(query: &str) -> Self {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decoded(name), decoded(value)) {
                (Some(name), Some(value)) => parameters.pairs.push((name, value)),
                (known, _) => {
                    let name = known.as_deref().unwrap_or(name);
                    parameters.fault(name, "invalid_value", "must be percent-encoded UTF-8 without NUL");
                }
            }
        }
        parameters
    }

    /// Every value of a repeatable parameter.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        let (taken, rest) = std::mem::take(&mut self.pairs).into_iter().partition(|(known, _)| known == name);
        self.pairs = rest;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// A parameter that may be given once, parsed.
    pub fn one<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, (&'static str, String)>) -> Option<T> {
        let mut values = self.all(name).into_iter();
        let value = values.next()?;
        if values.next().is_some() {
            self.fault(name, "duplicate", "may be given only once");
            return None;
        }
        parse(&value).map_err(|(code, detail)| self.fault(name, code, &detail)).ok()
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        self.one(name, |text| text.parse().map_err(|_| ("invalid_value", "must be true or false".to_owned())))
    }

    /// Any text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.one(name, |text| Ok(text.to_owned()))
    }

    /// A whole number of a range.
    pub fn whole<T: FromStr + PartialOrd + Display>(&mut self, name: &str, range: RangeInclusive<T>) -> Option<T> {
        self.one(name, |text| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| {
                ("out_of_range", format!("must be a whole number from {} to {}", range.start(), range.end()))
            })
        })
    }

    /// An RFC 3339 instant.
    pub fn instant(&mut self, name: &str) -> Option<Instant> {
        // A `+` of an offset that was not escaped arrives as a space.
        self.one(name, |text| Instant::parse(&text.replace(' ', "+")).map_err(coded))
    }

    /// The page size.
    pub fn limit(&mut self) -> Limit {
        self.one("limit", |text| {
            Limit::parse(text)
                .ok_or_else(|| ("out_of_range", format!("must be a whole number from 1 to {}", Limit::MAX)))
        })
        .unwrap_or_default()
    }

    /// Repeated or comma-separated words of an enumeration.
    pub fn words<T: PartialEq>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, known: &str) -> Vec<T> {
        let mut sound = Vec::new();
        for value in self.all(name) {
            for word in value.split(',') {
                match parse(word) {
                    Some(word) => sound.push(word),
                    None => self.fault(name, "invalid_value", &format!("must be one of {known}")),
                }
            }
        }
        // Not more than there are words.
        distinct(sound)
    }

    /// The id of an employee, or `me`.
    pub fn employee(&mut self, name: &str) -> Option<Id> {
        let me = self.me;
        self.one(name, |text| me.employee(text))
    }

    /// `status`, repeatable.
    pub fn statuses(&mut self) -> Vec<Status> {
        self.words("status", Status::parse, STATUSES)
    }

    /// `priority`, repeatable.
    pub fn priorities(&mut self) -> Vec<Priority> {
        self.words("priority", Priority::parse, PRIORITIES)
    }

    /// Repetitions have the same bound as the arrays of a filter in a body.
    fn few(&mut self, name: &str, values: usize) {
        if values > MOST {
            self.fault(name, "too_many", &format!("must have at most {} values", MOST));
        }
    }

    /// `tag`, repeatable.
    pub fn tags(&mut self) -> Vec<TagName> {
        let budget = SanitisingBudget::default();
        let mut tags = Vec::new();
        for tag in self.all("tag") {
            match TagName::parse_within(&tag, &budget) {
                Ok(tag) => tags.push(tag),
                Err(error) => self.fault("tag", error.code, &error.detail),
            }
        }
        let tags = TagName::distinct(tags);
        self.few("tag", tags.len());
        tags
    }

    /// `list`, repeatable.
    pub fn lists(&mut self) -> Vec<Holder> {
        let mut lists = Vec::new();
        for list in self.all("list") {
            match holder(&list) {
                Ok(list) => lists.push(list),
                Err((code, detail)) => self.fault("list", code, &detail),
            }
        }
        let lists = distinct(lists);
        self.few("list", lists.len());
        lists
    }

    /// Notes a fault.
    pub fn fault(&mut self, name: &str, code: &'static str, detail: &str) {
        self.faults.push(Fault::parameter(name.chars().take(100).collect::<String>(), code, detail));
    }

    /// Fails if anything was wrong or is left over.
    pub fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.fault(&name, "unknown_parameter", "there is no such parameter");
        }
        match self.faults.as_slice() {
            [] => Ok(()),
            [fault] if fault.code == CallerPerson::NOBODY => {
                let mut problem = Problem::new(StatusCode::BAD_REQUEST, CallerPerson::NOBODY, fault.detail.clone());
                problem.faults = self.faults;
                Err(problem)
            }
            _ => Err(Problem::parameters(self.faults)),
        }
    }
}

/// The code and text of a parse error.
pub fn coded(error: TextError) -> (&'static str, String) {
    (error.code, error.detail)
}

/// The UUID of something.
pub fn uuid(text: &str) -> Result<Id, (&'static str, String)> {
    Id::parse_uuid(text).ok_or_else(|| ("invalid_format", "must be a UUID of version 4 or 7".to_owned()))
}

/// The UUID of something, or `none`.
fn holder(text: &str) -> Result<Holder, (&'static str, String)> {
    if text == "none" { Ok(Holder::None) } else { uuid(text).map(Holder::Id) }
}

impl FromQuery for Filter {
    fn from_query(query: &mut Parameters) -> Self {
        Self {
            status: query.statuses(),
            priority: query.priorities(),
            completed: query.boolean("completed"),
            tags: query.tags(),
            assignee: query.employee("assignee"),
            department: query.one("department", uuid),
            due_after: query.instant("due_after"),
            due_before: query.instant("due_before"),
            overdue: query.boolean("overdue"),
            created_after: query.instant("created_after"),
            created_before: query.instant("created_before"),
            updated_since: query.instant("updated_since"),
            q: query.one("q", |text| SearchText::parse(text).map(SearchText::into_string).map_err(coded)),
            deleted: query.boolean("deleted").unwrap_or(false),
            lists: query.lists(),
            parent: query.one("parent", holder),
            root: query.one("root", uuid),
            archived: query.boolean("archived").unwrap_or(false),
        }
    }
}

impl FromQuery for Sort {
    fn from_query(query: &mut Parameters) -> Self {
        query
            .one("sort", |text| Sort::parse(text).ok_or_else(|| ("invalid_value", format!("must be one of {SORTS}"))))
            .unwrap_or_default()
    }
}

/// More words or tags than this in one filter mean nothing.
pub const MOST: usize = 20;

/// Keeps the first of equal items.
pub fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// The statuses, for messages.
pub const STATUSES: &str = "pending, in_progress, completed, cancelled";
/// The orders, for messages.
pub const SORTS: &str = "created_at, updated_at, due_date, priority, title, position, with a leading - for descending";
/// The priorities, for messages.
pub const PRIORITIES: &str = "low, medium, high, urgent";
