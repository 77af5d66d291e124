//! The feed of changes, read from the log that the writing functions keep.

use crate::domain::feed::{FeedItem, FeedPage, FeedPosition, Subject, SubjectKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::pg::{Param, Pg, Row, Statement, from_json};
use crate::caller::Caller;
use crate::error::{Error, Result};

/// The next part of the feed, at most `limit` items. Index: `events_pkey`, then the subjects' keys.
///
/// # Errors
/// [`Error::ResyncRequired`] where the position is too old, or of a line that the cluster has lost;
/// [`Error::Unavailable`] after a restore, until the migrations have begun a new epoch, and on a standby that has not
/// got the position's line yet.
pub async fn page(
    pg: &Pg,
    caller: &Caller,
    from: Option<&FeedPosition>,
    kinds: &[SubjectKind],
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
    let unavailable = |reason: &str| Error::Unavailable {
        retry_after: pg.retry_after(),
        outcome_unknown: false,
        reason: reason.to_owned(),
    };
    match row.text()?.as_str() {
        "done" => read(row),
        "resync" => Err(Error::ResyncRequired),
        "behind" => Err(unavailable("the standby has not got yet what the client has read")),
        "ahead" => Err(unavailable("the log of changes is ahead of the cluster: run the migrations")),
        other => Err(Error::Internal(format!("unknown outcome of the feed: {other}"))),
    }
}

/// The columns after the outcome.
fn read(mut row: Row) -> Result<FeedPage> {
    let malformed = |what: &str| Error::Internal(format!("the feed's {what} is malformed"));
    let items = row.text()?;
    let items = from_json::<Vec<FeedRow>>(&items)?.into_iter().map(item).collect::<Result<_>>()?;
    let epoch = row.text()?.parse().map_err(|_| malformed("epoch"))?;
    let (phase, after, transaction) = (row.text()?, row.int()?, row.text()?);
    let line = (transaction.parse().map_err(|_| malformed("transaction"))?, row.int()?);
    let next = FeedPosition { epoch, phase, after, line, complete_at: row.text()? };
    Ok(FeedPage { items, next, more: row.bool()?, pending: row.bool()? })
}

/// What `feed_item_v1` writes.
#[derive(Deserialize)]
struct FeedRow<'a> {
    r#type: &'a str,
    uid: Uuid,
    version: i64,
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    replaced_by: Option<Uuid>,
}

fn item(FeedRow { r#type, uid, version, document, replaced_by }: FeedRow<'_>) -> Result<FeedItem> {
    let kind = SubjectKind::parse(r#type)
        .ok_or_else(|| Error::Internal(format!("unknown kind in the feed: {type}", type = r#type)))?;
    let subject = document.map(|document| subject(kind, document.get())).transpose()?;
    Ok(FeedItem { kind, uid, version, subject, replaced_by })
}

fn subject(kind: SubjectKind, document: &str) -> Result<Subject> {
    Ok(match kind {
        SubjectKind::Department => Subject::Department(from_json(document)?),
        SubjectKind::Employee => Subject::Employee(from_json(document)?),
        SubjectKind::Tag => Subject::Tag(from_json(document)?),
        SubjectKind::List => Subject::List(from_json(document)?),
        SubjectKind::Todo => Subject::Todo(from_json(document)?),
    })
}
