//! The credential of a request, and the answer to a wrong one.

use http::{HeaderMap, header};
use todo_core::WorkspaceId;
use todo_core::cache::Credential;
use todo_core::domain::token;

use crate::app::App;
use crate::error::Problem;
use crate::identity::unauthenticated;

/// The workspace `default`: everybody's where authentication is off.
const DEFAULT_WORKSPACE: WorkspaceId = WorkspaceId(1);

/// What the `Authorization` header of a request holds.
pub enum Authorization {
    /// Nothing.
    None,
    /// A bearer token, as its SHA-256.
    Token([u8; 32]),
    /// Something other than one bearer token. It is handled as an unknown token, so that the rate limit counts it as
    /// one.
    Malformed([u8; 32]),
    /// Authentication is off: whatever was sent is ignored.
    Off,
}

impl Authorization {
    /// The same as the response cache and the rate limit take it.
    pub fn as_credential(&self) -> Credential<'_> {
        match self {
            Self::None => Credential::Nobody,
            Self::Token(hash) | Self::Malformed(hash) => Credential::Token(hash),
            Self::Off => Credential::Workspace(DEFAULT_WORKSPACE),
        }
    }

    /// The answer to a credential that is not valid. `None`: there was none.
    pub fn refusal(&self) -> Option<Problem> {
        match self {
            Self::None | Self::Off => None,
            Self::Token(_) => Some(unauthenticated("the token is unknown, expired or revoked", true)),
            Self::Malformed(_) => Some(unauthenticated("there must be one Authorization header: Bearer <token>", true)),
        }
    }
}

/// Reads the `Authorization` header. Only a hash of the token leaves this function.
pub fn credential(app: &App, headers: &HeaderMap) -> Authorization {
    if !app.settings.auth.required {
        return Authorization::Off;
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), another) = (values.next(), values.next()) else {
        return Authorization::None;
    };
    match value.to_str().unwrap_or_default().split_once(' ') {
        Some((scheme, token))
            if another.is_none() && scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() =>
        {
            Authorization::Token(token::hash(token.trim()))
        }
        // No token is empty.
        _ => Authorization::Malformed(token::hash("")),
    }
}
