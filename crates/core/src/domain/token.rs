//! Access tokens.

use super::access::Scope;
use super::id::Id;
use super::instant::Instant;
use super::people::{EmployeeRef, Name};
use serde::Deserialize;
use std::fmt;
use uuid::Uuid;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The text of a token: `tdo_` and 256 random bits. It is shown once and never stored or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// What every token begins with, so that scanners of leaked secrets find it.
    pub const PREFIX: &'static str = "tdo_";

    /// A new one, from the system's source of randomness.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none.
    pub fn generate() -> Result<Self> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
        Ok(Self(format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bits))))
    }

    /// What is stored of it: the SHA-256 of its text.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The SHA-256 of a token's text, under which it is looked up.
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Token {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// The public id of the workspace that it opens.
    pub workspace_uid: Uuid,
    /// A name that tells its purpose.
    pub name: Name,
    /// The employee whom it names.
    pub employee: Option<EmployeeRef>,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// When it expires.
    pub expires_at: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Instant>,
}

/// A token as the caller wants it to be.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenDraft {
    /// The public id of the workspace that it opens.
    pub workspace_uid: Uuid,
    /// A name that tells its purpose.
    pub name: Name,
    /// The employee whom it names, of that workspace.
    pub employee: Option<Id>,
    /// Its scopes; not empty.
    pub scopes: Vec<Scope>,
    /// When it expires.
    pub expires_at: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_256_bits_and_does_not_show_itself() {
        let secret = Secret::generate().unwrap();
        assert_eq!(secret.as_str().len(), Secret::PREFIX.len() + 43);
        assert_ne!(secret, Secret::generate().unwrap());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
