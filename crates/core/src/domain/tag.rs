//! Tags.

use serde::Deserialize;
use uuid::Uuid;

use super::instant::Instant;

/// A tag and how much it is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tag {
    /// The integer id.
    pub id: i64,
    /// The public id.
    pub uid: Uuid,
    /// Its name.
    pub name: String,
    /// How many live todos have it. After a merge, one that had both tags counts twice until a job has found it.
    pub count: i64,
    /// When it was first used.
    pub created_at: Instant,
    /// 1 at first, one more with each rename.
    pub version: i64,
}
