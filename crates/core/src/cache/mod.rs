//! The cache, the rate limit and the shared counters, all in Redis.
//!
//! # What is promised
//!
//! After a write has been answered, no request that begins then is served the state before it, by any instance, with or
//! without the cache. A write whose instance died after the commit is seen by everybody once the life of its mark is
//! over. Redis may at any moment be slow, cut off (from all instances or from some), restarted with its data, with
//! older data or with none, or evict what it likes; each costs time, never truth. `tests/cache_model.rs` explores the
//! interleavings of all that, and leaves out each rule below in turn to see what it is there for.
//!
//! # Keys
//!
//! All begin with `todo:` and the id of the installation, which the database keeps ([`Learning`]): two databases on one
//! Redis have no key in common. A copy of a database is another installation once its id is renewed (`cargo xtask
//! installation renew`); for a minute after that there is none, so that every instance has learnt of it before the first
//! answer is stored. Nothing is ever searched; entries die by becoming unreachable and are then swept by their ttl.
//!
//! | key | what |
//! |---|---|
//! | `epoch` | which life of the server this is: its run id, the epoch, and until when nothing may be stored |
//! | `w:<workspace>` | generations and the marks of writes in flight, in one hash, so that they can only be lost together |
//! | `e:<workspace>:<epoch>:<generation>:<request>` | a response ([`entry`]) |
//! | `f:…` (as `e:`) | somebody is fetching it |
//! | `a:<epoch>:<token hash>` | an admission: the principal, for at most a second |
//! | `n:`, `k:<token hash>` | somebody renews the admission; the token has been valid |
//! | `r:<class>:<owner>` | a bucket of the rate limit |
//! | `x:<owner>` | the exports that run, each until its lease ends |
//! | `counters` | what all instances have counted |
//!
//! # The rules
//!
//! 1. **Generations.** An entry is stored under the generation that was read *before* its SQL, and only if that is
//!    still current. A write raises the generation at its *intent*, before its statement: what was cached is gone from
//!    then on. It raises it again when it *publishes*, before its answer. A lost generation begins again at Redis'
//!    clock in microseconds, which no earlier one has reached. A response that shows one todo and nothing else has a
//!    generation of its own, raised by writes to that todo and by those that may touch anything ([`Touched`]); all
//!    others live in the workspace's.
//! 2. **Marks.** From intent to publish a mark says that a write is in flight. While one stands nothing is stored or
//!    served. It expires after longer than its statement can possibly run, so a dead writer costs seconds and nothing
//!    else. If the marks may have been evicted, the new hash begins with a mark of that life.
//!    *A background write* ([`Touched::EverythingInBackground`]) is one that nobody waits for. It raises the generation
//!    at its publish only, or when its mark expires, and hinders nobody before. For half a second after, what it has
//!    outdated is served until somebody has fetched anew; the first who is served it does that, after its response. Not so
//!    once another kind of write has come.
//! 3. **Epochs.** All connections break when Redis restarts or fails over, and every new connection first asks which
//!    run it talks to (`greet.lua`). Another run than the last one begins a new epoch: no key of an old one is read
//!    again, whatever state the data came back in. Then nothing is stored until every statement that was announced to
//!    the old run has ended. A server that nobody has greeted and that has neither flushed nor evicted counts from its
//!    own start.
//! 4. **Admissions.** A cached response is served only under an admission: the store has said who the token is *and*
//!    that no invalidation is pending, in one statement, and the admission ends one second after Redis' time from
//!    before that statement. So it is the token cache too, and a revoked token is refused within a second.
//! 5. **Writers that cannot reach Redis** record a pending invalidation in their own statement. From its commit on no
//!    admission is given; those that were given run out within a second. The writer answers after that second, unless
//!    an older row has stood for long enough that none can be left; that row is locked, so that it cannot be settled
//!    before the write commits, and does for this write, too, so that an outage leaves few rows however long it lasts. A
//!    writer that does not know its outcome records a row that is not settled while any transaction runs that was running
//!    then: a commit may wait for a standby beyond the life of the mark.
//! 6. **Settling.** Whoever finds pending rows and reaches Redis raises every generation and *then* deletes exactly the
//!    rows that the snapshot of the check saw. Not those up to an id: a row with a smaller id may commit later. No
//!    admission is given by the check that found them.
//! 7. **A failed publish** needs nothing: the intent has killed the old entries and the mark outlives the statement;
//!    should Redis have lost both, rules 2 and 3 hold. Only if the writer took longer than the life of its mark, or works
//!    in the background, it falls back to rule 5.
//!
//! # What is assumed
//!
//! * A statement that is answered commits within `mark_ttl` of its intent; and within nine seconds of recording its row of
//!   rule 5, which counts as old after ten (hence the bound of `database_timeout_ms`). One whose request was given up
//!   before its outcome was known commits within `mark_ttl` of its intent, or never.
//! * Redis' clock does not jump back by more than the margin of [`Cache::DISTRUST_WAIT`] within a second.
//! * There is one Redis at a time. While a failed-over server still serves some instances and its successor others,
//!   those on the old one may read the past: have it fenced, or refuse writes (`min-replicas-to-write`). A proxy that
//!   moves open connections to another server hides the restart. Cluster is not supported.
//! * A database that was copied or restored from a backup gets a new id before it is used beside its original, or after it was
//!   put in its place.
//! * All instances keep responses, or none does (`cache`): a write of an instance that keeps none is announced to nobody.
//! * All instances are configured with the same Redis, and nobody deletes single keys by hand.
//! * Redis is 6.2 or newer (or Valkey), and `INFO` is permitted. Persistence is not needed; `allkeys-lru` is the policy
//!   of choice. With `noeviction` a full Redis refuses scripts, and the service goes on without it.
//!
//! # What it costs
//!
//! A hit is one round trip of one script that also counts the request and finds its principal. Of what the instance has read
//! a moment ago only the name is compared ([`copies`]). A miss adds the store. A write has two more calls. A failure or
//! an overrun costs its budget once and opens the breaker, a read's only for reads; while it is open nothing is sent. An
//! answer that comes after all closes it again, once.
//! A busy token's admission is renewed before it ends, by one caller: about 1.4 statements a second and token.
//!
//! An entry takes about 250 bytes of Redis beyond its bytes (the test `an_entry_costs_little_more_than_its_bytes` prints
//! it). When Redis evicts an entry, it is fetched again; an admission, it is checked again; a bucket, its owner begins a
//! new minute; the counters, they begin at zero, as Prometheus expects; the hash of a workspace, all its entries are
//! unreachable and nothing is stored for the life of a mark; the epoch, the same for all workspaces.
//!
//! # What was not done
//!
//! Deleting entries (a search, and a race with late stores), versions of objects in keys (a list depends on many),
//! publishing over pub/sub to caches in the instances (at most once, and instances live for seconds), waiting for a
//! lease of Redis on every write (correct, and a second slow each time), asking for all requests of an instance that
//! come in together in one call (built and measured: under load they wait for a processor, not for each other, so there
//! is hardly ever more than one to ask for).

mod breaker;
pub mod copies;
mod counters;
pub mod entry;
mod exports;
mod health;
mod installation;
mod instance;
mod rate;
pub mod reads;
mod redis;
mod redis_failure;
pub mod script;
mod types;
pub mod writes;

pub use exports::ExportId;
pub use health::{DownReason, Health};
pub use installation::Learning;
pub use instance::Cache;
pub use types::{
    Admission, Admitted, CacheSettings, Entrance, Entry, Fresh, Hit, Intent, Lookup, Pass, Published, RateClass,
    RateLimits, RateVerdict, Reach, Ticket, Touched, Who,
};
