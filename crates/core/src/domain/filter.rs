//! Filters and orders of todos. The same filter serves lists, exports and bulk changes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::Id;
use super::instant::Instant;
use super::list::Holder;
use super::text::TagName;
use super::todo::{Priority, Status};

/// Conditions on todos; all given ones must hold.
///
/// Its JSON form is stored with jobs and read by whatever release runs them: names and meanings here never change,
/// conditions that are not given are left out, and a condition that a release does not know is refused, since to ignore
/// it would be to match more todos than were meant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Any of these; empty: every status.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<Status>,
    /// Any of these; empty: every priority.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority: Vec<Priority>,
    /// Completed or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<bool>,
    /// All of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagName>,
    /// Assigned to this employee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Id>,
    /// Assigned to an employee of this department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<Id>,
    /// Due later than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_after: Option<Instant>,
    /// Due earlier than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_before: Option<Instant>,
    /// `Some(true)`: due in the past and neither completed nor cancelled; `Some(false)`: all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<bool>,
    /// Created later than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_after: Option<Instant>,
    /// Created earlier than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Instant>,
    /// Changed at this instant or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_since: Option<Instant>,
    /// Full-text search, `websearch` syntax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// The bin instead of the live todos.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// In any of these lists; empty: in whichever.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<Holder>,
    /// Right below this todo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Holder>,
    /// This todo, and all below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Id>,
    /// Also those in archived lists.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

impl Filter {
    /// Whether there is no condition at all, so that every live todo matches. `archived` is none: it leaves nothing
    /// out.
    pub fn is_empty(&self) -> bool {
        Self { archived: false, ..self.clone() } == Self::default()
    }

    /// The statuses that it leaves.
    pub fn statuses(&self) -> Vec<Status> {
        let Self { status, completed, .. } = self;
        let wanted = Status::ALL.into_iter().filter(|one| status.is_empty() || status.contains(one));
        wanted.filter(|one| completed.is_none_or(|completed| completed == one.is_completed())).collect()
    }

    /// A text that two filters with orders share exactly when they ask for the same list. A cursor is bound to it, and
    /// a cache entry may be named by it.
    pub fn scope(&self, sort: Sort) -> String {
        let mut canonical = self.clone();
        canonical.status.sort_unstable();
        canonical.status.dedup();
        canonical.priority.sort_unstable();
        canonical.priority.dedup();
        canonical.tags = TagName::distinct(canonical.tags);
        canonical.tags.sort_by_cached_key(TagName::folded);
        let tags: Vec<String> = std::mem::take(&mut canonical.tags).iter().map(TagName::folded).collect();
        // Only maps with keys other than strings fail to serialise, and there are none here.
        serde_json::to_string(&(sort.to_string(), tags, canonical)).unwrap_or_default()
    }
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// When it was created.
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
    /// When it is due; those without a date come last either way.
    DueDate,
    /// Low to urgent.
    Priority,
    /// Without regard to case, by code point.
    Title,
    /// The order that people give them, among siblings.
    Position,
}

impl SortKey {
    /// Every key, in the order of the contract.
    pub const ALL: [Self; 6] =
        [Self::CreatedAt, Self::UpdatedAt, Self::DueDate, Self::Priority, Self::Title, Self::Position];

    /// The key of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == text)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::DueDate => "due_date",
            Self::Priority => "priority",
            Self::Title => "title",
            Self::Position => "position",
        }
    }
}

/// An order; ties are broken by id in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// Largest first.
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { key: SortKey::CreatedAt, descending: true }
    }
}

impl Sort {
    /// The name of a key, with a leading `-` for the largest first.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, descending) = match text.strip_prefix('-') {
            Some(key) => (key, true),
            None => (text, false),
        };
        SortKey::parse(key).map(|key| Self { key, descending })
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.descending { "-" } else { "" };
        write!(f, "{sign}{}", self.key.as_str())
    }
}

/// How many items a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub(crate) u8);

impl Default for Limit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limit {
    /// The most items of one page.
    pub const MAX: u8 = 100;
    /// The page size where none is given.
    pub const DEFAULT: Self = Self(50);

    /// A page size from 1 to [`Limit::MAX`].
    pub fn new(items: u64) -> Option<Self> {
        u8::try_from(items).ok().filter(|n| (1..=Self::MAX).contains(n)).map(Self)
    }

    /// A page size in decimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits).and_then(Self::new)
    }

    /// The number of items.
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }
}

#[cfg(test)]
mod tests;
