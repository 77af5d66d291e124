//! The requests and replies of the cache.

mod rates;
mod stamp;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lookup::Lookup;
use super::scope::{Dependency, InvalidationScope};
use crate::WorkspaceId;
use rates::refusal;
pub use rates::{RateClass, RateLimits, RateVerdict};
pub use stamp::RequestStamp;

/// How the cache is set up. With an empty `url` there is no cache and no call costs anything.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// `redis_url`: where Redis is, for example `redis://user:password@host:6379/0`. Empty (the default): no Redis.
    pub url: String,
    /// What every key begins with, before the id of the installation. Default `todo:`.
    pub prefix: String,
    /// A digest of the database's address, under which Redis remembers the id of the installation; empty: it does not.
    pub database: String,
    /// Connections that one instance holds at most. Default 4.
    pub connections: usize,
    /// `redis_timeout_ms`: milliseconds that a read may spend on one Redis call. To open a connection for it may take
    /// 75 ms more, over TLS 250. Default 25.
    pub budget: Duration,
    /// The same for announcing and publishing a write; more, since giving up costs a write
    /// [`Cache::INVALIDATION_WAIT`](super::Cache::INVALIDATION_WAIT). Default 100 ms.
    pub write_budget: Duration,
    /// `redis_retry_ms`: milliseconds that Redis is left alone after a failure. Default 1000.
    pub breaker: Duration,
    /// After what time a write that nobody has published counts as one whose writer is dead. Must exceed the time
    /// between the announcement and the latest commit of its statement: connection deadline + statement timeout +
    /// margin. Default 15 s.
    pub fence_ttl: Duration,
    /// `cache`: whether responses are kept at all. Without, no write is announced or recorded. The same in all
    /// instances. Default true.
    pub answers: bool,
    /// Larger responses are not stored. Default 262144 bytes.
    pub max_bytes: usize,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            prefix: "todo:".to_owned(),
            database: String::new(),
            connections: 4,
            budget: Duration::from_millis(25),
            write_budget: Duration::from_millis(100),
            breaker: Duration::from_secs(1),
            fence_ttl: Duration::from_secs(15),
            answers: true,
            max_bytes: 256 * 1024,
        }
    }
}

/// The credential of a request, as the cache and the rate limit know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// A bearer token, by its SHA-256. Nothing says yet that it is valid.
    Token(&'a [u8; 32]),
    /// Authentication is off: everybody is this workspace.
    Workspace(WorkspaceId),
    /// No credential. There is nothing to look up.
    Nobody,
}

/// The request of the gate call: authentication, rate limit and response cache.
#[derive(Debug, Clone, Copy)]
pub struct GateRequest<'a> {
    /// The credential.
    pub credential: Credential<'a>,
    /// The client's address; the key of its rate limit.
    pub address: &'a str,
    /// What to count. [`RateLimits::OFF`] for requests that are not counted.
    pub limits: RateLimits,
    /// Whether the class `writes` is charged too.
    pub write: bool,
    /// For a read that may be cached: a digest of everything but the workspace that decides the response
    /// (version, route, canonical query, scopes if they matter).
    pub request: Option<&'a [u8; 32]>,
    /// What the response depends on.
    pub dependency: Dependency,
    /// The id under which a write is announced, if the caller is known.
    pub announce: Option<&'a str>,
    /// Which form of the body the client prefers. The other one comes if the preferred one is not stored.
    pub gzip: bool,
}

impl<'a> GateRequest<'a> {
    /// A request that is only authenticated: not counted, no write, and not answered from the cache.
    pub fn authentication(credential: Credential<'a>) -> Self {
        Self {
            credential,
            address: "",
            limits: RateLimits::OFF,
            write: false,
            request: None,
            dependency: Dependency::Lists,
            announce: None,
            gzip: false,
        }
    }
}

/// What Redis tells a caller beside the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct After {
    /// The check or the memory of the token runs out soon, and this caller alone is to renew both, beside the response:
    /// `store::authentication`, then `Cache::renew`.
    pub renew: bool,
    /// The last check is out of date, and another caller is checking: enter again in a moment.
    pub wait: bool,
    /// The write was announced.
    pub announced: bool,
}

/// The answer to a [`GateRequest`].
#[derive(Debug)]
pub struct GateReply {
    /// One verdict for each class that applies and is not off.
    pub rates: Vec<RateVerdict>,
    /// What `Cache::authenticated` remembered for this token. Its presence is the proof that the token is valid: no
    /// older than a second, or not revoked since, which is known as long as there is a check no older than
    /// [`Cache::LEASE`](super::Cache::LEASE).
    pub principal: Option<Vec<u8>>,
    /// What else the caller is told.
    pub after: After,
    /// The cached response, or the right to store one.
    pub lookup: Lookup,
    /// What `Cache::authenticated` needs.
    pub stamp: RequestStamp,
    /// Whether Redis answered.
    pub redis: Reach,
}

impl GateReply {
    /// The verdict that refuses the request, if any; the one with the longest wait.
    pub fn refusal(&self) -> Option<&RateVerdict> {
        refusal(&self.rates)
    }
}

/// What `Cache::authenticated` answers.
#[derive(Debug)]
pub struct AuthenticatedReply {
    /// Verdicts in place of those of the [`GateReply`]: from now on the token is charged, not the address.
    pub rates: Vec<RateVerdict>,
    /// The cached response, or the right to store one.
    pub lookup: Lookup,
    /// Whether Redis took note. Only then may the pending invalidations that it was told of be forgotten.
    pub redis: Reach,
    /// The hashes of the tokens whose use this caller is to note: that was a minute ago.
    pub used: Vec<[u8; 32]>,
}

impl AuthenticatedReply {
    /// The verdict that refuses the request, if any; the one with the longest wait.
    pub fn refusal(&self) -> Option<&RateVerdict> {
        refusal(&self.rates)
    }
}

/// Whether Redis took part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// None is configured.
    Off,
    /// It answered in time.
    Reached,
    /// It failed, was too slow, or is being left alone after a failure.
    Away,
    /// The instance is too busy to ask it: the request had better be refused than be answered without.
    Starved,
}

/// What [`Reach::Starved`] says, where nothing else came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starved;

/// A token that the store has just authenticated, and the invalidations that it found pending.
#[derive(Debug, Clone, Copy)]
pub struct Authenticated<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What [`GateReply::principal`] shall bring back.
    pub principal: &'a [u8],
    /// How long the token is good for, at most [`Cache::MEMORY`](super::Cache::MEMORY).
    pub life: Duration,
    /// How long ago its use was noted.
    pub noted: Duration,
    /// How much later than the [`RequestStamp`] the store was asked, at least: what a statement waits for its
    /// connection takes nothing from the life of the check.
    pub waited: Duration,
    /// The invalidations that Redis was not told of, if there are any.
    pub pending: Option<&'a Pending>,
}

/// Invalidations that Redis was not told of, as the store saw them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The workspaces that they concern, some of them if they are many.
    pub workspaces: Vec<i64>,
    /// Whether there are more. Then the check is good for nothing.
    pub more: bool,
    /// Whether a token was revoked.
    pub access: bool,
    /// The snapshot of the statement that saw them. What it saw may be forgotten once Redis was told.
    pub snapshot: String,
}

/// An announced write. Publish it once its outcome is known; drop it if the outcome is unknown: when its fence expires,
/// what it may have changed is invalidated.
#[derive(Debug)]
#[must_use = "publish it when the outcome of the statement is known"]
pub struct Intent {
    pub(crate) workspace: WorkspaceId,
    pub(crate) scope: InvalidationScope,
    pub(crate) state: IntentState,
}

#[derive(Debug)]
pub(crate) enum IntentState {
    Off,
    Away,
    Starved,
    Announced { id: String },
}

impl Intent {
    /// The same of a write that turned out to have changed less than was announced.
    pub(crate) fn narrowed(mut self, scope: InvalidationScope) -> Self {
        if !self.is_off() {
            self.scope = scope;
        }
        self
    }

    /// There is no cache that a write could make old, or the write makes nothing old.
    pub fn is_off(&self) -> bool {
        matches!(self.state, IntentState::Off)
    }

    /// The instance was too busy to tell Redis: the write had better be refused.
    pub fn is_starved(&self) -> bool {
        matches!(self.state, IntentState::Starved)
    }

    /// Redis could not be told: the statement itself must record a pending invalidation (`record_invalidation`), and if
    /// it says so the answer must wait for [`Cache::INVALIDATION_WAIT`](super::Cache::INVALIDATION_WAIT) after the
    /// commit.
    pub fn must_record(&self) -> bool {
        matches!(self.state, IntentState::Away)
    }
}

/// How publishing went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a write whose invalidation must be recorded may not be answered yet"]
pub enum Published {
    /// Done, or there was nothing to do (no Redis, or the statement has recorded a pending invalidation).
    Done,
    /// Redis could not be told, and what the write changed is served as before: record a pending invalidation in a
    /// statement of its own and wait as after a write whose statement recorded one.
    MustRecord,
}
