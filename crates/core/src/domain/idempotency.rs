//! Repetitions of a write, and what a write gave.

/// Names one attempt of a client, so that a repetition finds the first outcome. Valid for 24 hours per workspace and
/// route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// What was called, for example `POST /api/v2/todos`. Opaque here.
    pub route: String,
    /// What the client sent, 1–255 visible characters.
    pub key: String,
    /// SHA-256 of the body.
    pub body_digest: [u8; 32],
}

/// What a write gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<T> {
    /// The outcome: of this call, or of the first with the same idempotency key.
    pub value: T,
    /// Whether the outcome is that of an earlier call and nothing was written now.
    pub replayed: bool,
    /// Where an invalidation was recorded: whether the answer must wait until every instance has looked for the record
    /// again, since there was no older one that they know already.
    pub cache_wait: bool,
}

impl<T> Written<T> {
    /// The same write with another view of its value.
    pub fn map<U>(self, view: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: view(self.value), replayed: self.replayed, cache_wait: self.cache_wait }
    }
}
