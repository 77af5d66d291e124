//! The cache, the rate limit and the shared counters, all in Redis.
//!
//! # What is promised
//!
//! After a write has been answered, no request that begins then is served the state before it, by any instance, with or
//! without the cache. A write whose instance died after the commit is seen by everybody once the life of its fence is
//! over, or twice that if Redis lost the fence. Redis may at any moment be slow, cut off (from all instances or from
//! some), restarted with its data, with older data or with none, or evict what it likes; each costs time, never truth.
//! `tests/cache_model/` explores the interleavings of all that, and leaves out each rule below in turn to see what it
//! is there for; `tests/tokens_model/` does so for what is remembered of tokens.
//!
//! # Keys
//!
//! All begin with `todo:` and the id of the installation, which the database keeps ([`Learning`]): two databases on one
//! Redis have no key in common. A copy of a database is another installation once its id is renewed (`cargo xtask
//! installation renew`); for a minute after that there is none, so that every instance has learnt of it before the
//! first answer is stored. Nothing is ever searched; an entry dies when its generation is not the current one any more,
//! and gives its place to the next of its request, or is swept by its ttl.
//!
//! | key | what |
//! |---|---|
//! | `epoch` | which life of the server this is; until when the last check is good; when a token was last revoked |
//! | `w:<epoch>:<workspace>` | generations and the fences of writes in flight, in one hash, so that they can only be lost together |
//! | `e:<workspace>:<epoch>:<request>` | a response, and its generation ([`entry`]) |
//! | `f:<workspace>:<epoch>:<generation>:<request>` | somebody is fetching it |
//! | `a:<epoch>:<token hash>` | what is remembered of a token: since when, until when, its principal |
//! | `n`, `n:<token hash>` | somebody checks, for all or this token |
//! | `k:<token hash>` | the token has been valid |
//! | `u` | the tokens whose use the next check is to note |
//! | `r:<class>:<owner>` | a bucket of the rate limit |
//! | `x:<owner>` | the exports that run, each until its lease ends |
//! | `counters` | what all instances have counted |
//!
//! and, without the id of the installation, `todo:installation:<digest of the database's address>`: that id.
//!
//! Within an installation a workspace is named by its number. Numbers come from a sequence and workspaces are never
//! deleted, so one is given twice only where the database has gone back in time: a backup, or a standby that lacks the
//! last commits of its primary. Then the workspaces of that database have the state of that time, too, while Redis has
//! answers of the time after it. The UUID of a workspace in its keys would part two that were given one number, and
//! leave all others with answers of a lost world; a new id of the installation parts everything. Invalidations, fences
//! and the memory of tokens would each carry 16 bytes more for that.
//!
//! # The rules
//!
//! 1. **Generations.** An entry is stored under the generation that was read *before* its SQL. A write raises the
//!    generations of what it can change ([`InvalidationScope`], [`Dependency`]) when it *publishes*: after its commit
//!    and before its answer. Everything older is unreachable from then on, for all who ask then; only who had asked
//!    before, and waits for another caller's fetch, takes the answer of the generation in which it asked, or of a later
//!    one. An entry never gives its place to one of an earlier generation. A response that is the same as in an earlier
//!    generation (its entity tag says so) keeps its entry, into which the new generation is written. All generations of
//!    a workspace come from one counter; a lost one begins again at Redis' clock in microseconds, which no earlier one
//!    has reached.
//! 2. **Fences.** While a write is under way its old state is served and stored: nobody has been told of the write. Its
//!    *intent* leaves a fence, which its publish removes. A fence that expires, after longer than its statement can
//!    possibly run, is the publish of a writer that died. Fences may be lost with the hash that holds them, so a new
//!    hash begins with one. *A background write* ([`InvalidationScope::TodosInBackground`]) is one that nobody waits
//!    for. For half a second after its publish, what it has made stale is served until somebody has fetched anew; the
//!    first who is served it does that, beside its response. Not so once another kind of write has come.
//! 3. **Epochs.** All connections break when Redis restarts or fails over, and the first call on every new connection
//!    asks which run it talks to before it does anything else (`handshake.lua`). Another run than the last one begins a
//!    new epoch: no key of an old one is read again, whatever state the data came back in.
//! 4. **Checks.** A cached response is served, and a remembered token accepted, only under a check: the store has said
//!    that no invalidation is pending in the whole installation, in one statement, and the check ends one second after
//!    that statement was sent: Redis' time of the gate's call, and what has passed in the instance since its reply. So
//!    what a statement waits for its connection shortens no check. What is remembered of a token lasts for ten minutes,
//!    or until it expires, and is worthless if it is older than the last revocation of any token: a revocation is a
//!    write like any other ([`InvalidationScope::Access`]).
//! 5. **Writers that cannot reach Redis**, for their intent or their publish, record a pending invalidation, with their
//!    own statement or in one before the answer. From its commit on no check is good for their workspace; those from
//!    before run out within a second. The writer answers after that second, unless an older row has stood for long
//!    enough that none can be left; that row is locked, so that it cannot be settled before the write commits, and does
//!    for this write, too, so that an outage leaves few rows however long it lasts. A writer that does not know its
//!    outcome, or whose request is given up before it does, records a row that is not settled while any transaction
//!    runs that was running then: a commit may wait for a standby beyond the life of the fence. A *replay* of an
//!    idempotent write does all that a write does before its answer, since the first attempt may have died before it
//!    did: it publishes, or it records, in a statement of its own.
//! 6. **Settling.** Whoever finds pending rows and reaches Redis raises every generation of their workspaces, forgets
//!    the tokens if one was revoked, and *then* deletes exactly the rows that the snapshot of the check saw. Not those
//!    up to an id: a row with a smaller id may commit later. For the second of that check nothing is served to these
//!    workspaces.
//!
//! # What is assumed
//!
//! * A statement commits within `fence_ttl` of its intent, or its writer lives and knows; and within nine seconds of
//!   recording its row of rule 5, which counts as old after ten (hence the bound of `database_timeout_ms`).
//! * Redis' clock does not jump back by more than the margin of [`Cache::INVALIDATION_WAIT`] within a second, and an
//!   instance's clock does not gain so much on it.
//! * There is one Redis at a time. While a failed-over server still serves some instances and its successor others,
//!   those on the old one may read the past: have it fenced, or refuse writes (`min-replicas-to-write`). A proxy that
//!   moves open connections to another server hides the restart. Cluster is not supported.
//! * A database that was copied or restored from a backup gets a new id before it is used beside its original, or after
//!   it was put in its place. So does one whose failover has lost commits.
//! * All instances keep responses, or none does (`cache`): a write of an instance that keeps none is announced to
//!   nobody.
//! * Tokens are revoked by the service or by `cargo xtask token revoke`, which records the revocation as pending.
//! * All instances are configured with the same Redis, and nobody deletes single keys by hand.
//! * Redis is 6.2 or newer (or Valkey), and `INFO` is permitted. Persistence is not needed; `allkeys-lru` is the policy
//!   of choice. With `noeviction` a full Redis refuses scripts, and the service goes on without it.
//!
//! # What it costs
//!
//! A hit is one round trip of one script that also counts the request and finds its principal. Of what the instance has
//! read a moment ago only the name is compared ([`copies`]). A miss adds the store, beside its response. A write of a
//! remembered caller is announced by the script that finds the caller, so it adds its publish alone. A failure or an
//! overrun costs its budget once and opens the breaker, a read's only for reads; while it is open nothing is sent. An
//! answer that comes after all closes it again, once. An instance that gets too little of the processors refuses
//! requests rather than go on without Redis, which would give the processors more to do. Checks are renewed before they
//! end, the sooner the longer the last one took, by one caller whose statement goes before those of its instance: about
//! 1.4 statements a second for the whole installation, also for ten seconds after the last request, and one in ten
//! minutes for each token.
//!
//! An entry takes about 250 bytes of Redis beyond its bytes (the test `an_entry_costs_little_more_than_its_bytes`
//! prints it). When Redis evicts an entry, it is fetched again; what it remembers of a token, the token is checked
//! again; a bucket, its owner begins a new minute; the counters, they begin at zero, as Prometheus expects; the hash of
//! a workspace, all its entries are unreachable; the epoch, the same for all workspaces.
//!
//! # What was not done
//!
//! Deleting entries (a search, and a race with late stores), versions of objects in keys (a list depends on many),
//! publishing over pub/sub to caches in the instances (at most once, and instances live for seconds), waiting for a
//! lease of Redis on every write (correct, and a second slow each time), keeping readers from the cache while a write
//! is in flight (built and measured: where people write there is nearly always one), asking for all requests of an
//! instance that come in together in one call (built and measured: under load they wait for a processor, not for each
//! other, so there is hardly ever more than one to ask for).

mod condition;
pub mod copies;
mod counters;
pub mod entry;
mod exports;
mod health;
mod installation;
mod instance;
mod lookup;
mod rate;
pub mod reads;
mod redis;
mod scope;
pub mod script;
mod types;
pub mod writes;

pub use condition::{AffectedLists, Changed, Condition};
pub use exports::ExportId;
pub use health::{DownReason, RedisHealth};
pub use installation::Learning;
pub use instance::Cache;
pub use lookup::{Bypass, Fresh, Hit, Lookup, Ticket};
pub use scope::{AffectedTodos, Dependency, InvalidationScope};
pub use types::{
    After, Authenticated, AuthenticatedReply, CacheSettings, Credential, GateReply, GateRequest, Intent, Pending,
    Published, RateClass, RateLimits, RateVerdict, Reach, RequestStamp, Starved,
};
