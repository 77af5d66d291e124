//! The Lua scripts and the words that go to them. Besides `GET` and `PING`, this crate sends nothing else to Redis.
//!
//! Nothing here does I/O, so the tests run the scripts against a Redis of their own through the same words.

use std::sync::LazyLock;

use sha1::{Digest, Sha1};

/// A script and the digest under which Redis remembers it.
#[derive(Debug)]
pub struct Script {
    /// For the log.
    pub name: &'static str,
    /// Lua.
    pub source: &'static str,
    /// SHA-1 of the source in hexadecimal, for `EVALSHA`.
    pub digest: String,
}

impl Script {
    fn new(name: &'static str, source: &'static str) -> Self {
        let digest = Sha1::digest(source.as_bytes());
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { name, source, digest }
    }
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $constant:ident = $name:literal: $($part:literal),+;)*) => {
        $(
            $(#[$doc])*
            pub static $constant: LazyLock<Script> =
                LazyLock::new(|| Script::new($name, concat!($(include_str!(concat!("scripts/", $part, ".lua"))),+)));
        )*
    };
}

scripts! {
    /// The first command of a connection.
    HANDSHAKE = "handshake": "handshake";
    /// A request at the gate.
    ENTER = "enter": "common", "lookup", "rate", "enter";
    /// The store has authenticated the caller.
    AUTHENTICATED = "authenticated": "common", "lookup", "rate", "authenticated";
    /// Has another caller's response arrived?
    PEEK = "peek": "common", "lookup", "peek";
    /// Keep a response.
    STORE = "store": "common", "store";
    /// A write is about to be sent.
    INTENT = "intent": "common", "intent";
    /// A write has ended.
    PUBLISH = "publish": "common", "publish";
    /// A credential was wrong.
    CHARGE = "charge": "common", "charge";
    /// Add to the shared counters.
    COUNT = "count": "common", "count";
    /// An export begins, goes on or ends.
    HOLD = "hold": "common", "hold";
}

/// One element of a reply; nested ones come flattened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A number.
    Int(i64),
    /// A string or a status.
    Bytes(Vec<u8>),
}

/// The arguments of a script, in order.
#[derive(Debug, Clone, Default)]
pub struct Args(pub Vec<Vec<u8>>);

impl Args {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.0.push(value.into());
        self
    }

    /// One more, written in decimal.
    #[must_use]
    pub fn number(self, value: impl std::fmt::Display) -> Self {
        self.with(value.to_string())
    }

    /// One more, `1` or `0`.
    #[must_use]
    pub fn flag(self, value: bool) -> Self {
        self.with(if value { "1" } else { "0" })
    }
}

/// Takes a reply apart, element by element.
#[derive(Debug)]
pub struct ReplyReader(std::vec::IntoIter<Reply>);

impl ReplyReader {
    /// The elements after the leading `ok`; `None` for another beginning (the server has another epoch, or answers
    /// nonsense).
    pub fn new(reply: Vec<Reply>) -> Option<Self> {
        let mut elements = reply.into_iter();
        match elements.next() {
            Some(Reply::Bytes(first)) if first == b"ok" => Some(Self(elements)),
            _ => None,
        }
    }

    /// The next element as bytes; the outer `None` if it is missing or a number.
    pub fn bytes(&mut self) -> Option<Option<Vec<u8>>> {
        match self.0.next()? {
            Reply::Nil => Some(None),
            Reply::Bytes(bytes) => Some(Some(bytes)),
            Reply::Int(_) => None,
        }
    }

    /// The next element as a number, which may come in decimal.
    pub fn number(&mut self) -> Option<i64> {
        match self.0.next()? {
            Reply::Int(number) => Some(number),
            Reply::Bytes(bytes) => std::str::from_utf8(&bytes).ok()?.parse().ok(),
            Reply::Nil => None,
        }
    }

    /// The next element as text.
    pub fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()??).ok()
    }
}
