//! What a route asks of its caller.

use todo_core::domain::access::Scope;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing; a token is checked if there is one.
    Public,
    /// Any valid token.
    Token,
    /// A token that may read.
    Read,
    /// A token that may write.
    Write,
    /// A token that may administer workspaces and tokens.
    Admin,
    /// The handler decides, by what is asked for or by a setting.
    ByHandler,
}

impl Access {
    /// The scope that a token must have.
    pub const fn scope(self) -> Option<Scope> {
        match self {
            Self::Read => Some(Scope::TodosRead),
            Self::Write => Some(Scope::TodosWrite),
            Self::Admin => Some(Scope::Admin),
            Self::Public | Self::Token | Self::ByHandler => None,
        }
    }
}
