//! What a look-up of a response finds, and what is stored.

use bytes::Bytes;

use super::entry::Former;
use super::scope::Dependency;
use crate::WorkspaceId;

/// The state of a cacheable request.
#[derive(Debug)]
pub enum Lookup {
    /// The cache has no part in this request.
    Bypass(Bypass),
    /// The response, no older than the last answered write.
    Hit(Hit),
    /// As [`Self::Hit`], but a write in the background has made it stale: this caller shall fetch and store it anew,
    /// best after the response.
    Stale(Hit, Ticket),
    /// Not there, and this caller shall fetch and store it.
    Lead(Ticket),
    /// Not there, and another caller is fetching it: `Cache::wait_for`.
    Wait(Ticket),
}

/// Why the cache has no part in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bypass {
    /// There is none.
    Off,
    /// What is asked for is not kept: a write, a stream, or what concerns the caller alone.
    NotKept,
    /// The request is refused.
    Refused,
    /// Redis failed, was too slow, or is being left alone after a failure.
    RedisAway,
    /// There is no check that is younger than a second.
    Unchecked,
    /// A check has found invalidations that Redis had not been told of.
    Pending,
}

impl Bypass {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Off, Self::NotKept, Self::Refused, Self::RedisAway, Self::Unchecked, Self::Pending];

    /// The word in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::NotKept => "not_kept",
            Self::Refused => "refused",
            Self::RedisAway => "redis_away",
            Self::Unchecked => "unchecked",
            Self::Pending => "pending",
        }
    }
}

/// A response out of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// HTTP-like status, as stored.
    pub status: u16,
    /// The entity tag without any suffix for its encoding, as stored.
    pub etag: String,
    /// Further fields, as stored.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Whether `body` is gzip.
    pub gzipped: bool,
    /// Epoch and generation under which it was found.
    pub name: String,
}

/// A response for the cache.
#[derive(Debug, Clone, Copy)]
pub struct Fresh<'a> {
    /// HTTP-like status.
    pub status: u16,
    /// The entity tag without any suffix for its encoding; at most 255 bytes.
    pub etag: &'a str,
    /// Further fields; together at most 64 KiB.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// The body, compressed.
    pub gzip: Option<&'a [u8]>,
}

/// The right to store one response: the generation that was current before the fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub(crate) workspace: WorkspaceId,
    pub(crate) epoch: String,
    pub(crate) generation: i64,
    pub(crate) request: [u8; 32],
    pub(crate) dependency: Dependency,
    pub(crate) gzip: bool,
    /// What is there of an earlier generation.
    pub(crate) former: Option<Former>,
}

impl Ticket {
    /// Whether this response is there already, of an earlier generation and in the form that is wanted.
    pub fn holds(&self, etag: &str, headers: &[(&str, &str)], gzip: bool) -> bool {
        self.former.as_ref().is_some_and(|former| former.holds(etag, headers, gzip))
    }

    /// The life of the server in which it is good.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The generation under which the response is fetched.
    pub fn generation(&self) -> i64 {
        self.generation
    }
}
