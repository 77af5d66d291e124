//! The feed of changes, read from the log that the writing functions keep.

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::departments::Department;
use super::employees::Employee;
use super::pg::{Param, Pg, Statement};
use super::pg::{Row, from_json};
use crate::caller::Caller;
use crate::domain::feed::{FeedPosition, Kind};
use crate::domain::instant::Instant;
use crate::domain::list::{Color, Rank};
use crate::domain::people::Name;
use crate::domain::todo::Todo;
use crate::error::{Error, Result};

/// One subject as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedItem {
    /// What it is.
    pub kind: Kind,
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

/// The next part of the feed, at most `limit` items. Index: `events_pkey`, then the subjects' keys.
///
/// # Errors
/// [`Error::ResyncRequired`] where the position is too old; [`Error::Unavailable`] after a restore, until the migrations have begun a
/// new epoch.
pub async fn page(
    pg: &Pg,
    caller: &Caller,
    from: Option<&FeedPosition>,
    kinds: &[Kind],
    limit: i64,
) -> Result<FeedPage> {
    const SQL: &str = "SELECT outcome, items, epoch, phase, after, xid, id, complete_at, more, pending \
        FROM feed_page_v1($1, $2::text::uuid, $3, $4, $5, $6, $7::text::timestamptz, $8, $9)";
    let mut params = vec![Param::Int(caller.workspace.0)];
    params.extend(match from {
        None => [Param::Null, Param::Null, Param::Null, Param::Null, Param::Null, Param::Null],
        Some(FeedPosition { epoch, phase, after, line: (transaction, id), complete_at }) => [
            Param::Text(epoch.to_string()),
            Param::Text(phase.clone()),
            Param::Int(*after),
            Param::Text(transaction.to_string()),
            Param::Int(*id),
            Param::Text(complete_at.clone()),
        ],
    });
    params.push(Param::Texts(kinds.iter().map(|kind| kind.as_str().to_owned()).collect()));
    params.push(Param::Int(limit));
    let mut row = pg.read(&caller.meter, Statement::new(SQL, params)).await?.one()?;
    match row.text()?.as_str() {
        "done" => read(row),
        "resync" => Err(Error::ResyncRequired),
        "ahead" => Err(Error::Unavailable {
            retry_after: pg.retry_after(),
            outcome_unknown: false,
            reason: "the log of changes is ahead of the cluster: run the migrations".to_owned(),
        }),
        other => Err(Error::Internal(format!("unknown outcome of the feed: {other}"))),
    }
}

/// The columns after the outcome.
fn read(mut row: Row) -> Result<FeedPage> {
    let malformed = |what: &str| Error::Internal(format!("the feed's {what} is malformed"));
    let items = row.text()?;
    let items = from_json::<Vec<Line>>(&items)?.into_iter().map(item).collect::<Result<_>>()?;
    let epoch = row.text()?.parse().map_err(|_| malformed("epoch"))?;
    let (phase, after, transaction) = (row.text()?, row.int()?, row.text()?);
    let line = (transaction.parse().map_err(|_| malformed("transaction"))?, row.int()?);
    let next = FeedPosition { epoch, phase, after, line, complete_at: row.text()? };
    Ok(FeedPage { items, next, more: row.bool()?, pending: row.bool()? })
}

/// What `feed_item_v1` writes.
#[derive(Deserialize)]
struct Line<'a> {
    r#type: &'a str,
    uid: Uuid,
    version: i64,
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    replaced_by: Option<Uuid>,
}

fn item(Line { r#type, uid, version, document, replaced_by }: Line<'_>) -> Result<FeedItem> {
    let kind = Kind::parse(r#type)
        .ok_or_else(|| Error::Internal(format!("unknown kind in the feed: {type}", type = r#type)))?;
    let subject = document.map(|document| subject(kind, document.get())).transpose()?;
    Ok(FeedItem { kind, uid, version, subject, replaced_by })
}

fn subject(kind: Kind, document: &str) -> Result<Subject> {
    Ok(match kind {
        Kind::Department => Subject::Department(from_json(document)?),
        Kind::Employee => Subject::Employee(from_json(document)?),
        Kind::Tag => Subject::Tag(from_json(document)?),
        Kind::List => Subject::List(from_json(document)?),
        Kind::Todo => Subject::Todo(from_json(document)?),
    })
}
