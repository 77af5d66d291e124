//! An answer that is held back until there is something to tell.
//!
//! Its head goes out at once and its body comes when there is something, with spaces before it, which are no part of
//! JSON's meaning: by writing them the service learns that the client has hung up, and nothing in between takes the
//! connection for dead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use todo_core::domain::feed::FeedPage;
use todo_core::usecases::feed::{FeedQuery, LOOK, Watch};
use todo_core::{Actor, Caller, Meter, lock};

use super::Feed;
use crate::app::App;
use crate::instance;

/// Looks for each space: one in two seconds.
const LOOKS_A_SPACE: u32 = 4;
/// The most places of an instance that one token may have, so that others find some.
const PLACES_OF_ONE: usize = 3;

/// A place among the requests of this instance that wait.
pub struct WaitSlot {
    app: Arc<App>,
    holder: Option<Actor>,
    begun: Instant,
}

impl WaitSlot {
    /// None if as many wait as may, or as many with this token: an instance serves sixteen requests at once, and those
    /// that only wait leave room for the others.
    pub fn take(app: &Arc<App>, caller: &Caller) -> Option<Self> {
        let holder = caller.actor;
        let mut waiting = lock(&app.waiting);
        let own = waiting.iter().filter(|other| holder.is_some() && **other == holder).count();
        let free = waiting.len() < app.settings.http.max_waiting && own < PLACES_OF_ONE;
        app.metrics_buffer.add_wait(free);
        free.then(|| {
            waiting.push(holder);
            Self { app: Arc::clone(app), holder, begun: Instant::now() }
        })
    }
}

impl Drop for WaitSlot {
    fn drop(&mut self) {
        let mut waiting = lock(&self.app.waiting);
        if let Some(at) = waiting.iter().position(|holder| *holder == self.holder) {
            waiting.swap_remove(at);
        }
        drop(waiting);
        self.app.metrics_buffer.add_waited(self.begun.elapsed());
    }
}

/// A request that waits.
pub struct WaitingRequest {
    /// Which feed.
    pub feed: Feed,
    /// Where it goes on.
    pub query: FeedQuery,
    /// The answer if nothing comes.
    pub page: FeedPage,
    /// What was seen before that answer.
    pub watch: Watch,
    /// For whom.
    pub caller: Caller,
    /// Its place.
    pub place: WaitSlot,
    /// For how long.
    pub wait: Duration,
}

impl WaitingRequest {
    /// The body of the answer. It ends with the place when the client is gone, since nobody asks for its next part
    /// then.
    pub fn body(mut self) -> Body {
        instance::rest();
        // The request is over for the log and the metrics; what waiting costs is counted beside it.
        self.caller.meter = Arc::default();
        let parts = stream::unfold(Some(self), |waiting| async {
            let mut waiting = waiting?;
            for _ in 0..LOOKS_A_SPACE {
                if waiting.is_over().await {
                    let Self { feed, page, .. } = &waiting;
                    let last = serde_json::to_vec(&feed.changes(page)).map(Bytes::from);
                    return Some((last, None));
                }
            }
            Some((Ok(Bytes::from_static(b" ")), Some(waiting)))
        });
        Body::from_stream(parts)
    }

    /// Looks once, after a while; whether there is something, or the time is up.
    async fn is_over(&mut self) -> bool {
        let left = || self.wait.saturating_sub(self.place.begun.elapsed());
        spin_sdk::time::sleep(left().min(LOOK)).await;
        if left().is_zero() {
            return true;
        }
        let WaitSlot { app, .. } = &self.place;
        if !app.service.is_worth_asking(&self.caller, &mut self.watch, self.page.pending).await {
            return false;
        }
        self.query.from = Some(self.page.next.clone());
        match app.service.changes(&self.caller, &self.query).await {
            Ok(page) if page.items.is_empty() && !page.more => {
                self.page = page;
                false
            }
            // A token that was revoked meanwhile is told nothing here; its next request is refused.
            Ok(page) => {
                if app.service.may_still_read(&self.caller).await {
                    self.page = page;
                }
                true
            }
            // The status is sent already. The client asks again from where it is, and is told then what is wrong.
            Err(_) => true,
        }
    }
}

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        let meter: &Meter = &self.caller.meter;
        self.place.app.metrics_buffer.add_statements(meter);
    }
}
