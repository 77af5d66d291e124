//! `me`: the employee whom the caller's token names. It is resolved where input is decoded, so that use cases, cursors
//! and stored jobs know ids alone.

use http::Extensions;
use serde_json::Value;
use sha2::{Digest, Sha256};
use todo_core::Caller;
use todo_core::domain::id::Id;
use uuid::Uuid;

use super::query::uuid;
use crate::identity::Identity;

/// Whom `me` means, if anybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallerPerson(Option<Uuid>);

impl CallerPerson {
    /// How it is written.
    pub const WORD: &str = "me";
    /// The code of the fault that it means nobody.
    pub const NOBODY: &str = "no_person";

    /// Of the caller whom the gate let in.
    pub fn of_request(extensions: &Extensions) -> Self {
        extensions.get::<Identity>().map(|identity| Self::of(&identity.caller)).unwrap_or_default()
    }

    /// Of this caller.
    pub fn of(caller: &Caller) -> Self {
        Self(caller.person)
    }

    /// The employee who is named by an id or as `me`.
    ///
    /// # Errors
    /// Code and text of a fault.
    pub fn employee(self, text: &str) -> Result<Id, (&'static str, String)> {
        if text != Self::WORD {
            return uuid(text);
        }
        let nobody = || (Self::NOBODY, "the token names no person".to_owned());
        self.0.map(Id::Uuid).ok_or_else(nobody)
    }

    /// The digest of a body, by which a repetition under the same idempotency key is known: where it says `me`, that of
    /// another person is another body, though each byte is the same.
    pub fn digest(self, body: &Value, bytes: Sha256) -> [u8; 32] {
        match self.0.filter(|_| names_me(body)) {
            Some(person) => bytes.chain_update(person).finalize().into(),
            None => bytes.finalize().into(),
        }
    }
}

/// Whether a field that names an employee says `me`, wherever it stands.
fn names_me(body: &Value) -> bool {
    match body {
        Value::Object(fields) => fields.iter().any(|(name, value)| match value {
            Value::String(text) => text == CallerPerson::WORD && ["assignee", "assignee_id"].contains(&name.as_str()),
            other => names_me(other),
        }),
        Value::Array(items) => items.iter().any(names_me),
        _ => false,
    }
}
