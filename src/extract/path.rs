//! Ids in paths: a UUID in version 2, an integer in version 1.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use todo_core::domain::id::Id;
use todo_core::error::Fault;
use uuid::Uuid;

use crate::error::Problem;

/// A UUID in the path.
#[derive(Debug, Clone, Copy)]
pub struct UuidPath(pub Uuid);

impl UuidPath {
    /// As the name of a thing.
    pub fn id(self) -> Id {
        Id::Uuid(self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UuidPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let uuid = Id::parse_uuid(&segment(parts, state).await?).and_then(Id::uuid);
        uuid.map(Self).ok_or_else(|| wrong("must be a UUID of version 4 or 7"))
    }
}

/// An integer in the path.
#[derive(Debug, Clone, Copy)]
pub struct SerialPath(pub Id);

impl<S: Send + Sync> FromRequestParts<S> for SerialPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Id::parse_serial(&segment(parts, state).await?).map(Self).ok_or_else(|| wrong("must be a positive integer"))
    }
}

async fn segment<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, Problem> {
    Path::<String>::from_request_parts(parts, state).await.map(|Path(id)| id).map_err(|_| wrong("must be UTF-8"))
}

fn wrong(detail: &str) -> Problem {
    Problem::parameters(vec![Fault::parameter("id", "invalid_format", detail)])
}
