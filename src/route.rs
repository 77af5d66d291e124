//! An entry of the route table, and where layers and extractors find that of a request.
//!
//! The table itself names the handlers, so it comes after all that reads its entries (`routes.rs`).

mod access;
mod matched;

use std::sync::Arc;

use axum::routing::MethodRouter;
use http::Method;
use todo_core::cache::Dependency;

use crate::app::App;
pub use access::Access;
pub use matched::Matched;

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Frozen.
    V1,
    /// Current.
    V2,
}

impl Version {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// `v1` or `v2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// Routes with the same layers and the same shape of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Version 1. Behind the gate, deprecated, with errors in an envelope.
    V1,
    /// Version 2. Behind the gate.
    V2,
    /// Todo-Backend. Behind the gate, and only where no credentials are needed.
    Todobackend,
    /// Assistants. Behind the gate.
    Mcp,
    /// Whoever runs the service. Not counted, and open where the settings say so; ended when they take too long.
    Operations,
    /// Answers that wait for nothing. Neither counted nor ended.
    Immediate,
    /// Paths outside the versions at which there is nothing. Behind the gate.
    Unknown,
}

impl Group {
    /// The version whose document has these routes.
    pub const fn version(self) -> Option<Version> {
        match self {
            Self::V1 => Some(Version::V1),
            Self::V2 => Some(Version::V2),
            Self::Todobackend | Self::Mcp | Self::Operations | Self::Immediate | Self::Unknown => None,
        }
    }
}

/// How long an answer is kept in the response cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As the settings say of answers.
    Answers,
    /// As the settings say of statistics.
    Stats,
}

/// How the answers of a route are kept in the response cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CachePolicy {
    /// For how long at most.
    pub lifetime: Lifetime,
    /// Which writes invalidate them.
    pub dependency: Dependency,
    /// Whether only writes of the todo whose UUID ends the path do.
    pub of_one_todo: bool,
    /// Whether, with some filters, only writes of todos that these let pass do.
    pub by_filter: bool,
    /// The parameters with which an answer changes by itself: it is kept until the minute is over.
    pub by_minute: &'static [&'static str],
    /// The parameters whose value `me` means another person for each token.
    pub by_person: &'static [&'static str],
}

impl CachePolicy {
    /// Pages of todos.
    pub const TODOS: Self =
        Self { by_filter: true, by_minute: &["overdue"], by_person: &["assignee"], ..Self::until(Dependency::Lists) };
    /// The same in version 1, whose filter has neither; and its single todos, which by their integers are not told from
    /// others.
    pub const TODOS_V1: Self = Self::until(Dependency::Lists);
    /// A single todo.
    pub const TODO: Self = Self { of_one_todo: true, ..Self::until(Dependency::Lists) };
    /// Counts of todos.
    pub const STATS: Self = Self { lifetime: Lifetime::Stats, ..Self::until(Dependency::Stats) };
    /// Tags, with their counts.
    pub const TAGS: Self = Self::until(Dependency::Tags);
    /// Lists, with their counts.
    pub const LISTS: Self = Self::until(Dependency::NamedLists);
    /// Employees and departments.
    pub const PEOPLE: Self = Self::until(Dependency::People);

    const fn until(dependency: Dependency) -> Self {
        Self {
            lifetime: Lifetime::Answers,
            dependency,
            of_one_todo: false,
            by_filter: false,
            by_minute: &[],
            by_person: &[],
        }
    }
}

/// What a route answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// JSON. A client that accepts only other types gets 406.
    Json,
    /// The same, but for a GET, which asks for a stream of events: that there is no such method is an answer to any
    /// `Accept`.
    JsonWithoutStream,
    /// These types, among which the handler chooses.
    Chosen(&'static [&'static str]),
}

/// What follows a route of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Successor {
    /// This path.
    Path(&'static str),
    /// The todo under its UUID, where that is known. Its integer means nothing in version 2.
    Todo,
}

impl Successor {
    /// Of paths at which there is nothing, and of todos whose UUID is unknown.
    pub const DEFAULT: &'static str = "/api/v2/todos";
}

type Methods = MethodRouter<Arc<App>>;

/// One method of one path.
#[derive(Debug)]
pub struct Route {
    /// What surrounds it.
    pub group: Group,
    /// GET stands for HEAD, too.
    pub method: Method,
    /// With placeholders.
    pub path: &'static str,
    /// The name of its handler and of its operation.
    pub id: &'static str,
    /// What it asks of the caller.
    pub access: Access,
    /// How its answers are cached; `None` where they are not. Jobs change without a write of the caller's, exports are
    /// streams, and what concerns the caller alone is cheap.
    pub cache: Option<CachePolicy>,
    /// What it answers in.
    pub media: Media,
    /// What follows it.
    pub successor: Option<Successor>,
    add: fn(Methods) -> Methods,
}

impl Route {
    pub(crate) const fn new(
        group: Group,
        method: Method,
        path: &'static str,
        id: &'static str,
        add: fn(Methods) -> Methods,
    ) -> Self {
        let (access, media) = (Access::Public, Media::Json);
        Self { group, method, path, id, access, cache: None, media, successor: None, add }
    }

    /// With this access, which is that of the handler's extractors.
    pub(crate) const fn needs(mut self, access: Access, of_handler: Access) -> Self {
        assert!(access as u8 == of_handler as u8, "the handler's extractors ask something else of the caller");
        self.access = access;
        self
    }

    /// Under another name than its handler's.
    pub(crate) const fn named(mut self, id: &'static str) -> Self {
        self.id = id;
        self
    }

    pub(crate) const fn cached(mut self, policy: CachePolicy) -> Self {
        self.cache = Some(policy);
        self
    }

    pub(crate) const fn serves(mut self, media: Media) -> Self {
        self.media = media;
        self
    }

    pub(crate) const fn followed_by(mut self, successor: Successor) -> Self {
        self.successor = Some(successor);
        self
    }

    /// The methods of a path and this one.
    pub fn add(&self, methods: Methods) -> Methods {
        (self.add)(methods)
    }
}
