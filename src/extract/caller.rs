//! The authenticated caller, if it has the scope that an operation needs.

use axum::extract::FromRequestParts;
use http::request::Parts;
use todo_core::Caller;
use todo_core::domain::access::Scope;

use crate::error::Problem;
use crate::identity::Identity;
use crate::identity::unauthenticated;

/// A caller that may read todos.
#[derive(Debug)]
pub struct Reader(pub Caller);

/// A caller that may change todos.
#[derive(Debug)]
pub struct Writer(pub Caller);

/// A caller that may administer workspaces and tokens.
#[derive(Debug)]
pub struct Admin(pub Caller);

macro_rules! scoped {
    ($extractor:ident, $scope:expr) => {
        impl<S: Sync> FromRequestParts<S> for $extractor {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
                require(parts, $scope).map(Self)
            }
        }
    };
}

scoped!(Reader, Scope::TodosRead);
scoped!(Writer, Scope::TodosWrite);
scoped!(Admin, Scope::Admin);

/// The caller of the request, if it has the scope.
fn require(parts: &Parts, scope: Scope) -> Result<Caller, Problem> {
    let Some(identity) = parts.extensions.get::<Identity>() else {
        return Err(unauthenticated("a bearer token is required", false));
    };
    identity.with_scope(scope).cloned()
}
