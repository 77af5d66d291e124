//! Whose request it is, and the answers 401 and 403: to a missing or wrong credential, and to a missing scope.

use std::sync::Arc;

use http::{StatusCode, header};
use todo_core::Caller;
use todo_core::domain::access::{Principal, Scope};

use crate::error::Problem;

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The caller's workspace, token and scopes.
    pub principal: Arc<Principal>,
    /// The same for the use cases.
    pub caller: Caller,
}

impl Identity {
    /// The caller, if it has the scope.
    ///
    /// # Errors
    /// 403 `insufficient_scope`.
    pub fn with_scope(&self, scope: Scope) -> Result<&Caller, Problem> {
        if self.has(scope) { Ok(&self.caller) } else { Err(insufficient_scope(scope)) }
    }

    /// Whether it has the scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.principal.scopes.contains(&scope)
    }

    /// Whether it may learn of a todo's existence.
    pub fn may_know(&self) -> bool {
        [Scope::TodosRead, Scope::TodosWrite].into_iter().any(|scope| self.has(scope))
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
