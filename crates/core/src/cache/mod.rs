//! The cache, the rate limit and the shared counters, all in Redis.

mod breaker;
mod counters;
pub mod entry;
mod instance;
mod rate;
pub mod reads;
mod redis;
pub mod script;
mod types;
pub mod writes;

pub use instance::Cache;
pub use types::{
    Admission, Admitted, CacheSettings, Entrance, Entry, Fresh, Health, Hit, Intent, Lookup, Pass, Published,
    RateClass, RateLimits, RateVerdict, Reach, Ticket, Touched, Who,
};
