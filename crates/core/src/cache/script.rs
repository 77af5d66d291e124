//! The Lua scripts and the words that go to them. Besides `HGETALL` and `PING`, this crate sends nothing else to Redis.
//!
//! Nothing here does I/O, so the tests run the scripts against a Redis of their own through the same words.

/// A script and the digest under which Redis remembers it.
#[derive(Debug)]
pub struct Script {
    /// For the log.
    pub name: &'static str,
    /// Lua.
    pub source: &'static str,
    digest: [u8; 40],
}

impl Script {
    /// Computed by the compiler: in an instance it would be a part of its first requests.
    #[expect(clippy::indexing_slicing, reason = "the compiler runs it, and refuses an index that is out of bounds")]
    const fn new(name: &'static str, source: &'static str) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = const_sha1::sha1(source.as_bytes()).as_bytes();
        let (mut digest, mut index) = ([0; 40], 0);
        while index < bytes.len() {
            digest[2 * index] = DIGITS[(bytes[index] >> 4) as usize];
            digest[2 * index + 1] = DIGITS[(bytes[index] & 15) as usize];
            index += 1;
        }
        Self { name, source, digest }
    }

    /// SHA-1 of the source in hexadecimal, for `EVALSHA`.
    pub fn digest(&self) -> &str {
        std::str::from_utf8(&self.digest).unwrap_or_default()
    }
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $constant:ident = $name:literal: $($part:literal),+;)*) => {
        $(
            $(#[$doc])*
            pub static $constant: Script =
                Script::new($name, concat!($(include_str!(concat!("scripts/", $part, ".lua"))),+));
        )*
    };
}

scripts! {
    /// A handshake alone.
    HANDSHAKE = "handshake": "handshake", "handshake_alone";
    /// A request at the gate.
    ENTER = "enter": "handshake", "common", "lookup", "rate", "enter";
    /// The store has authenticated the caller.
    AUTHENTICATED = "authenticated": "handshake", "common", "lookup", "rate", "authenticated";
    /// Has another caller's response arrived?
    PEEK = "peek": "handshake", "common", "lookup", "peek";
    /// Keep a response.
    STORE = "store": "handshake", "common", "store";
    /// A write is about to be sent.
    INTENT = "intent": "handshake", "common", "intent";
    /// A write has ended.
    PUBLISH = "publish": "handshake", "common", "publish";
    /// A credential was wrong.
    CHARGE = "charge": "handshake", "common", "charge";
    /// Add to the shared counters.
    COUNT = "count": "handshake", "common", "count";
    /// An export begins, goes on or ends.
    HOLD = "hold": "handshake", "common", "hold";
    /// How often a workspace has changed.
    WATCH = "watch": "handshake", "common", "watch";
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

/// What a handshake tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Which life of the server it is.
    pub epoch: String,
    /// The id of the installation, where it was looked up; else empty.
    pub installation: String,
}

/// Takes a reply apart, element by element.
#[derive(Debug)]
pub struct ReplyReader {
    handshake: Option<Handshake>,
    elements: std::vec::IntoIter<Reply>,
}

impl ReplyReader {
    /// The elements after the leading `ok`; `None` for another beginning (the server has another epoch, or answers
    /// nonsense).
    pub fn new(reply: Vec<Reply>) -> Option<Self> {
        let mut elements = reply.into_iter();
        let Some(Reply::Bytes(first)) = elements.next() else { return None };
        let mut words = std::str::from_utf8(&first).ok()?.split(' ');
        let (Some("ok"), epoch, installation) = (words.next(), words.next(), words.next()) else { return None };
        let handshake = epoch
            .zip(installation)
            .map(|(epoch, installation)| Handshake { epoch: epoch.to_owned(), installation: installation.to_owned() });
        Some(Self { handshake, elements })
    }

    /// What the handshake told, if the call came with one.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// The next element as bytes; the outer `None` if it is missing or a number.
    pub fn bytes(&mut self) -> Option<Option<Vec<u8>>> {
        match self.elements.next()? {
            Reply::Nil => Some(None),
            Reply::Bytes(bytes) => Some(Some(bytes)),
            Reply::Int(_) => None,
        }
    }

    /// The next element as a number, which may come in decimal.
    pub fn number(&mut self) -> Option<i64> {
        match self.elements.next()? {
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
