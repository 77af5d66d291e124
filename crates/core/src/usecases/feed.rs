//! What changed: the feed, waiting for it, and the log line by line.
//!
//! Nobody is woken: no waker may cross requests, and Postgres cannot call. So who waits looks at the counter that every write raises
//! in Redis, twice a second, and asks Postgres only when it has moved.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::caller::Actor;
use crate::domain::cursor::Position;
use crate::domain::event::{EventContext, EventFilter, EventPage};
use crate::domain::feed::{FeedPage, FeedPosition, Kind};
use crate::domain::filter::Limit;
use crate::store::authentication;
use crate::store::events;
use crate::store::feed;
use crate::{Caller, Result};

use super::Service;

/// How long a waiter sleeps between two looks.
pub const LOOK: Duration = Duration::from_millis(500);
/// How often it asks Postgres where Redis is away or keeps no answers.
const ASK: Duration = Duration::from_secs(2);

/// What a waiter has seen.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    seen: Option<i64>,
    asked: Instant,
}

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
    /// The next part of the feed.
    ///
    /// # Errors
    /// [`Error::ResyncRequired`](crate::Error::ResyncRequired) where the position is too old.
    pub async fn changes(&self, caller: &Caller, query: &FeedQuery) -> Result<FeedPage> {
        feed::page(&self.pg, caller, query.from.as_ref(), &query.kinds, query.limit).await
    }

    /// Begins to watch for changes; before the feed is asked, so that no write falls between the two.
    pub async fn watch(&self, caller: &Caller) -> Watch {
        Watch { seen: self.cache.changes_of(caller).await, asked: Instant::now() }
    }

    /// Whether the feed is worth being asked again. It costs no statement.
    pub async fn has_moved(&self, caller: &Caller, watch: &mut Watch) -> bool {
        let now = self.cache.changes_of(caller).await;
        let moved = match now {
            Some(_) => now != watch.seen,
            None => watch.asked.elapsed() >= ASK,
        };
        watch.seen = now;
        if moved {
            watch.asked = Instant::now();
        }
        moved
    }

    /// Whether the caller may still be told, for a request that has waited since it was authenticated.
    pub async fn may_still_read(&self, caller: &Caller) -> bool {
        match caller.actor {
            Some(Actor::Token(token)) => {
                authentication::is_live(&self.pg, &caller.meter, token).await.unwrap_or_default()
            }
            Some(Actor::Job(_)) | None => true,
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

    /// The same with its context.
    pub async fn list_events_in_context(
        &self,
        caller: &Caller,
        filter: &EventFilter,
        from: Option<&Position>,
        limit: Limit,
    ) -> Result<(EventPage, EventContext)> {
        events::page_in_context(&self.pg, caller, filter, from, limit).await
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
