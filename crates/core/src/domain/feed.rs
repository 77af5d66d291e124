//! The feed of changes: what it tells of, and how far a client has read.

use chrono::TimeDelta;

use super::instant::Instant;
use super::list::{Color, Rank};
use super::people::{Department, Employee, Name};
use super::todo::Todo;
use serde::Deserialize;
use uuid::Uuid;

use super::cursor::Position;

/// What the feed tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectKind {
    /// Departments.
    Department,
    /// Employees.
    Employee,
    /// Tags, without how often each is used.
    Tag,
    /// Lists, without how many todos are in each.
    List,
    /// Todos.
    Todo,
}

impl SubjectKind {
    /// In the order of the first pass: what others refer to comes first.
    ///
    /// Cursors are bound to the words of their kinds, and who names none has all of them. So the release that adds a
    /// kind has to know the words of before, and to answer 410 to their cursors where all are asked for: such a client
    /// has never read the new one.
    pub const ALL: [Self; 5] = [Self::Department, Self::Employee, Self::Tag, Self::List, Self::Todo];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::Employee => "employee",
            Self::Tag => "tag",
            Self::List => "list",
            Self::Todo => "todo",
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How far a client has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPosition {
    /// Of which epoch the numbers are.
    pub epoch: Uuid,
    /// A kind whose state is being read, or `changes`.
    pub phase: String,
    /// The last subject of that kind.
    pub after: i64,
    /// The last line of the log: its transaction and its id.
    pub line: (u64, i64),
    /// Nothing that was committed before this instant is missing.
    pub complete_at: String,
}

impl FeedPosition {
    /// As the position of a page token.
    pub fn to_position(&self) -> Position {
        let Self { epoch, phase, after, line: (transaction, id), complete_at } = self;
        Position { value: Some(format!("{epoch} {phase} {after} {transaction} {complete_at}")), id: *id }
    }

    /// Whether who has read this far has read as far as `other`, which is of about the same time: neither is too old if
    /// the other is not.
    pub fn is_at(&self, other: &Self) -> bool {
        let Self { epoch, phase, after, line, complete_at } = self;
        let instants = [complete_at, &other.complete_at].map(|text| Instant::parse(text).map(|at| at.to_utc()));
        let [Ok(own), Ok(others)] = instants else { return false };
        (epoch, phase, after, line) == (&other.epoch, &other.phase, &other.after, &other.line)
            && (own - others).abs() < TimeDelta::days(1)
    }

    /// The same back; `None` of a text that [`Self::to_position`] does not write.
    pub fn of(position: &Position) -> Option<Self> {
        let mut words = position.value.as_deref()?.split(' ');
        let mut word = || words.next();
        Some(Self {
            epoch: word()?.parse().ok()?,
            phase: word()?.to_owned(),
            after: word()?.parse().ok()?,
            line: (word()?.parse().ok()?, position.id),
            complete_at: word()?.to_owned(),
        })
    }
}

/// One subject as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedItem {
    /// What it is.
    pub kind: SubjectKind,
    /// Its public id.
    pub uid: Uuid,
    /// Its version.
    pub version: i64,
    /// The subject; none if it is gone, or in the bin.
    pub subject: Option<Subject>,
    /// The tag that todos have instead of this one, which was merged into it.
    pub replaced_by: Option<Uuid>,
}

/// What the feed tells of.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A department.
    Department(Department),
    /// An employee.
    Employee(Employee),
    /// A tag.
    Tag(FeedTag),
    /// A list.
    List(FeedList),
    /// A live todo.
    Todo(Box<Todo>),
}

/// A tag, without how often it is used: that changes with the todos.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FeedTag {
    /// The public id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// A list, without how many todos are in it: that changes with them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FeedList {
    /// The public id.
    pub id: Uuid,
    /// Its name.
    pub name: Name,
    /// How clients show it.
    pub color: Option<Color>,
    /// Where it stands among the lists.
    pub position: Rank,
    /// Since when it is archived, while it is.
    pub archived_at: Option<Instant>,
    /// When it was created.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// 1 at first, one more with each change.
    pub version: i64,
}

/// A part of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedPage {
    /// In the order of their last change.
    pub items: Vec<FeedItem>,
    /// Where the next part begins.
    pub next: FeedPosition,
    /// Whether there is more already.
    pub more: bool,
    /// Whether something is committed that cannot be told yet, because an older transaction runs.
    pub pending: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> FeedPosition {
        FeedPosition {
            epoch: Uuid::max(),
            phase: "changes".to_owned(),
            after: 7,
            line: (u64::MAX, i64::MAX),
            complete_at: "2026-11-28T19:32:56.886986Z".to_owned(),
        }
    }

    #[test]
    fn who_has_read_as_far_at_about_the_same_time_is_at_the_same_position() {
        let at = |complete_at: &str| FeedPosition { complete_at: complete_at.to_owned(), ..position() };
        assert!(position().is_at(&at("2026-11-28T20:00:00Z")) && position().is_at(&at("2026-11-28T01:00:00Z")));
        assert!(!position().is_at(&at("2026-11-30T00:00:00Z")) && !position().is_at(&at("2026-10-28T20:00:00Z")));
        assert!(!position().is_at(&FeedPosition { line: (7, 7), ..position() }));
        assert!(!position().is_at(&FeedPosition { epoch: Uuid::nil(), ..position() }));
    }

    #[test]
    fn a_position_comes_back() {
        let position = position();
        assert_eq!(FeedPosition::of(&position.to_position()), Some(position));
        assert_eq!(FeedPosition::of(&Position { value: Some("x".to_owned()), id: 1 }), None);
    }
}
