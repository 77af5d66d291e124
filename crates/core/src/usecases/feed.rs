//! What changed: the feed, waiting for it, and the log line by line.
//!
//! Nobody is woken: no waker may cross requests, and Postgres cannot call. So who waits looks at the counter that every
//! write raises in Redis, twice a second, and asks Postgres when it has moved; while something is held back also
//! without that, ever more rarely, because all who wait would ask. What one of them has seen in Redis serves the others
//! of its instance.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::caller::{Actor, WorkspaceId};
use crate::domain::cursor::Position;
use crate::domain::event::{EventContext, EventFilter, EventPage};
use crate::domain::feed::{FeedPage, FeedPosition, SubjectKind};
use crate::domain::filter::Limit;
use crate::store::authentication;
use crate::store::events;
use crate::store::feed;
use crate::{Caller, Result, lock};

use super::Service;

/// How long a waiter sleeps between two looks.
pub const LOOK: Duration = Duration::from_millis(500);
/// How long what Redis has told one waiter serves the others.
const SHARED: Duration = Duration::from_millis(250);
/// How often it asks Postgres where Redis keeps no answers, or has told nothing for as long as this.
const ASK: Duration = Duration::from_secs(2);
/// The longest time between two questions to Postgres while something is held back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a waiter has seen.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// The counter, as Redis has told it last.
    seen: Option<i64>,
    /// Since when Redis has not told it.
    silent: Option<Instant>,
    /// When Postgres was asked.
    asked: Instant,
    /// After how long it is asked again for what is held back.
    pause: Duration,
}

impl Watch {
    fn new(now: Instant, seen: Option<i64>) -> Self {
        Self { seen, silent: seen.is_none().then_some(now), asked: now, pause: LOOK }
    }

    /// Takes what Redis tells now; whether Postgres is to be asked.
    fn look(&mut self, now: Instant, told: Option<i64>, pending: bool) -> bool {
        let is_away = self.silent.is_some_and(|since| now - since >= ASK);
        let moved = told.is_some() && (told != self.seen || is_away);
        let pause = match told {
            None if is_away => ASK,
            _ if pending => self.pause,
            _ => Duration::MAX,
        };
        if told.is_some() {
            (self.seen, self.silent) = (told, None);
        } else {
            self.silent.get_or_insert(now);
        }
        let due = moved || now - self.asked >= pause;
        if due {
            self.asked = now;
            self.pause = if moved { LOOK } else { LONGEST_PAUSE.min(2 * self.pause) };
        }
        due
    }
}

/// What Redis has told the waiters of this instance of late.
#[derive(Debug, Default)]
pub struct Looks(Mutex<Vec<Look>>);

#[derive(Debug)]
struct Look {
    workspace: WorkspaceId,
    at: Instant,
    told: Option<i64>,
}

impl Looks {
    /// What was told last. `None` where that is too old: then the caller looks, and the others go by the old one
    /// meanwhile.
    fn recent(&self, workspace: WorkspaceId, now: Instant) -> Option<Option<i64>> {
        let mut looks = lock(&self.0);
        looks.retain(|look| now.saturating_duration_since(look.at) < 2 * LOOK);
        let last = looks.iter_mut().find(|look| look.workspace == workspace)?;
        if now.saturating_duration_since(last.at) < SHARED {
            return Some(last.told);
        }
        last.at = now;
        None
    }

    fn keep(&self, look: Look) {
        let mut looks = lock(&self.0);
        looks.retain(|other| other.workspace != look.workspace);
        looks.push(look);
    }
}

/// How long a page with nothing on it serves others.
const IDLE: Duration = Duration::from_secs(10);
/// Of how many such pages an instance knows.
const IDLE_PAGES: usize = 32;

/// Where this instance has found nothing of late: whoever would wait from there on need not ask Postgres first.
#[derive(Debug, Default)]
pub struct IdlePages(Mutex<Vec<IdlePage>>);

#[derive(Debug)]
struct IdlePage {
    workspace: WorkspaceId,
    kinds: Vec<SubjectKind>,
    /// The counter, before Postgres was asked.
    seen: i64,
    at: Instant,
    next: FeedPosition,
}

impl IdlePages {
    /// The page that Postgres would give, if nothing has moved since.
    fn find(&self, workspace: WorkspaceId, query: &FeedQuery, seen: i64, now: Instant) -> Option<FeedPage> {
        let from = query.from.as_ref()?;
        let mut pages = lock(&self.0);
        pages.retain(|page| now.saturating_duration_since(page.at) < IDLE);
        let is_it = |page: &&IdlePage| {
            (page.workspace, page.seen) == (workspace, seen) && page.kinds == query.kinds && from.is_at(&page.next)
        };
        let next = pages.iter().find(is_it)?.next.clone();
        Some(FeedPage { items: Vec::new(), next, more: false, pending: false })
    }

    fn keep(&self, page: IdlePage) {
        let mut pages = lock(&self.0);
        pages.retain(|other| other.workspace != page.workspace || other.kinds != page.kinds);
        if pages.len() == IDLE_PAGES {
            pages.remove(0);
        }
        pages.push(page);
    }
}

/// What a client asks of the feed.
#[derive(Debug, Clone)]
pub struct FeedQuery {
    /// Where to go on; the beginning if there is none.
    pub from: Option<FeedPosition>,
    /// Of what it tells.
    pub kinds: Vec<SubjectKind>,
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

    /// The same for a client that waits if there is nothing, with what it then watches.
    ///
    /// # Errors
    /// As of [`Self::changes`].
    pub async fn changes_to_wait_for(&self, caller: &Caller, query: &FeedQuery) -> Result<(FeedPage, Watch)> {
        // Before Postgres is asked, so that no write falls between the two, and by nobody else's look: what the client
        // has written before is told.
        let seen = self.look(caller).await;
        let (workspace, at) = (caller.workspace, Instant::now());
        let watch = Watch::new(at, seen);
        if let Some(page) = seen.and_then(|seen| self.idle_pages.find(workspace, query, seen, at)) {
            return Ok((page, watch));
        }
        let page = self.changes(caller, query).await?;
        if let Some(seen) = seen.filter(|_| page.items.is_empty() && !page.more && !page.pending) {
            let (kinds, next) = (query.kinds.clone(), page.next.clone());
            self.idle_pages.keep(IdlePage { workspace, kinds, seen, at, next });
        }
        Ok((page, watch))
    }

    /// Asks Redis how often the caller's workspace has changed.
    async fn look(&self, caller: &Caller) -> Option<i64> {
        let at = Instant::now();
        let told = self.cache.changes_of(caller).await;
        self.looks.keep(Look { workspace: caller.workspace, at, told });
        told
    }

    /// Whether the feed is worth being asked again; `pending` says that it held something back. It costs no statement.
    pub async fn is_worth_asking(&self, caller: &Caller, watch: &mut Watch, pending: bool) -> bool {
        let told = match self.looks.recent(caller.workspace, Instant::now()) {
            Some(told) => told,
            None => self.look(caller).await,
        };
        watch.look(Instant::now(), told, pending)
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

#[cfg(test)]
mod tests;
