//! What a batch does to todos.

use uuid::Uuid;

use super::{Draft, Patch, Todo};
use crate::domain::id::Id;
use crate::domain::list::Move;
use crate::domain::text::TagName;

/// One step of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Make a new todo.
    Create {
        /// Its public id, by which other operations name it.
        uid: Uuid,
        /// What it is to be.
        draft: Draft,
    },
    /// Change one.
    Update {
        /// Which.
        id: Id,
        /// Only in this version.
        if_version: Option<i64>,
        /// How.
        patch: Patch,
    },
    /// Move one.
    Move {
        /// Which.
        id: Id,
        /// Only in this version.
        if_version: Option<i64>,
        /// Where to.
        to: Move,
    },
    /// Complete one.
    Complete {
        /// Which.
        id: Id,
        /// The open ones below it, too.
        subtasks: bool,
    },
    /// Put one into the bin.
    Delete {
        /// Which.
        id: Id,
        /// Only in this version.
        if_version: Option<i64>,
    },
}

impl Operation {
    /// The tags that it gives its todo.
    pub fn tags_mut(&mut self) -> &mut [TagName] {
        match self {
            Self::Create { draft, .. } => &mut draft.tags,
            Self::Update { patch, .. } => patch.tags.as_deref_mut().unwrap_or_default(),
            Self::Move { .. } | Self::Complete { .. } | Self::Delete { .. } => &mut [],
        }
    }
}

/// How one step of a batch ended.
#[derive(Debug, Clone, PartialEq)]
pub enum OperationResult {
    /// Created.
    Created(Todo),
    /// Changed (or found to be as wanted already).
    Updated(Todo),
    /// In the bin.
    Deleted(Uuid),
}
