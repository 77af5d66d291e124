//! The credential of a request, and the answers 401 and 403: to a missing or wrong credential, and to a missing scope.

use http::{HeaderMap, StatusCode, header};
use todo_core::WorkspaceId;
use todo_core::cache::Credential;
use todo_core::domain::access::Scope;
use todo_core::domain::token;

use crate::app::App;
use crate::error::Problem;

/// The workspace `default`: everybody's where authentication is off.
const DEFAULT_WORKSPACE: WorkspaceId = WorkspaceId(1);

/// What the `Authorization` header of a request holds.
pub enum Authorization {
    /// Nothing.
    None,
    /// A bearer token, as its SHA-256.
    Token([u8; 32]),
    /// Something other than one bearer token. It is handled as an unknown token, so that the rate limit counts it as one.
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

/// 401. `refused` tells a wrong credential from a missing one (RFC 6750, 3.1).
pub fn unauthenticated(detail: &str, refused: bool) -> Problem {
    let challenge = if refused { "Bearer realm=\"todo\", error=\"invalid_token\"" } else { "Bearer realm=\"todo\"" };
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail).with(header::WWW_AUTHENTICATE, challenge)
}

/// 403: the caller is known and may not.
pub fn insufficient_scope(scope: Scope) -> Problem {
    let scope = scope.as_str();
    let detail = format!("the token lacks the scope {scope}");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", detail).with(header::WWW_AUTHENTICATE, challenge)
}
