//! What changed: the feed, waiting for it, and the log line by line.
//!
//! Nobody is woken: no waker may cross requests, and Postgres cannot call. So who waits looks at the counter that every write raises
//! in Redis, twice a second, and asks Postgres only when it has moved.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::domain::cursor::Position;
use crate::domain::feed::{FeedPosition, Kind};
use crate::domain::filter::Limit;
use crate::store::events::{self, EventFilter, EventPage};
use crate::store::feed::{self, FeedPage};
use crate::{Caller, Result};

use super::Service;

/// How long a waiter sleeps between two looks at Redis.
const LOOK: Duration = Duration::from_millis(500);
/// The same between two questions to Postgres, where Redis is away or keeps no answers.
const ASK: Duration = Duration::from_secs(2);

/// What a client asks of the feed.
#[derive(Debug, Clone)]
pub struct FeedQuery {
    /// Where to go on; the beginning if there is none.
    pub from: Option<FeedPosition>,
    /// Of what it tells.
    pub kinds: Vec<Kind>,
    /// How many items at most.
    pub limit: i64,
}

impl Service {
    /// The next part of the feed. With nothing to tell it is held back until there is something, or until `wait` is over.
    ///
    /// # Errors
    /// [`Error::ResyncRequired`](crate::Error::ResyncRequired) where the position is too old.
    pub async fn changes(&self, caller: &Caller, mut query: FeedQuery, wait: Duration) -> Result<FeedPage> {
        let begun = Instant::now();
        let left = || wait.saturating_sub(begun.elapsed());
        // Looked at before Postgres is asked, so that no write falls between the two.
        let mut seen = if wait.is_zero() { None } else { self.cache.changes_of(caller).await };
        loop {
            let page = feed::page(&self.pg, caller, query.from.as_ref(), &query.kinds, query.limit).await?;
            if !page.items.is_empty() || page.more || left().is_zero() {
                return Ok(page);
            }
            loop {
                spin_sdk::time::sleep(left().min(if seen.is_some() { LOOK } else { ASK })).await;
                if left().is_zero() {
                    return Ok(page);
                }
                let now = self.cache.changes_of(caller).await;
                let moved = now.is_none() || now != seen;
                seen = now;
                if moved || page.pending {
                    break;
                }
            }
            query.from = Some(page.next);
        }
    }

    /// A page of what happened in the workspace, the newest first.
    pub async fn list_events(
        &self,
        caller: &Caller,
        filter: &EventFilter,
        from: Option<&Position>,
        limit: Limit,
    ) -> Result<EventPage> {
        events::page(&self.pg, caller, filter, from, limit).await
    }

    /// A page of what happened to a todo, the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound).
    pub async fn todo_history(
        &self,
        caller: &Caller,
        todo: Uuid,
        from: Option<&Position>,
        limit: Limit,
    ) -> Result<EventPage> {
        events::history(&self.pg, caller, todo, from, limit).await
    }
}
