//! The bodies that version 1 reads, as its OpenAPI document describes them; `todo.rs` decodes them.

use utoipa::ToSchema;

use crate::types::scalar;

/// A todo as it is to be.
#[derive(Debug, ToSchema)]
pub struct TodoDraft {
    /// Plain text; markup is stripped.
    #[schema(value_type = scalar::TitleInput)]
    pub title: String,
    /// Rich text; what is not allowed in it is taken out.
    #[schema(value_type = Option<scalar::DescriptionInput>)]
    pub description: Option<String>,
    /// Where it stands.
    #[schema(value_type = Option<scalar::Status>, nullable = false)]
    pub status: Option<String>,
    /// True: `completed`; false: `pending`, if it was `completed`. Must agree with `status`.
    #[schema(nullable = false)]
    pub completed: Option<bool>,
    /// How much it matters.
    #[schema(value_type = Option<scalar::Priority>, nullable = false)]
    pub priority: Option<String>,
    /// When it is due.
    #[schema(value_type = Option<scalar::InstantInput>)]
    pub due_date: Option<String>,
    /// All tags, by name.
    #[schema(value_type = Option<Vec<scalar::TagNameInput>>, max_items = 20, nullable = false)]
    pub tags: Option<Vec<String>>,
    /// The id of the employee it is assigned to.
    #[schema(minimum = 1)]
    pub assignee_id: Option<i64>,
}

/// The fields to change (RFC 7396); null clears what can be empty.
#[derive(Debug, ToSchema)]
pub struct TodoPatch {
    /// Plain text; markup is stripped.
    #[schema(value_type = Option<scalar::TitleInput>, nullable = false)]
    pub title: Option<String>,
    /// Rich text; what is not allowed in it is taken out.
    #[schema(value_type = Option<scalar::DescriptionInput>)]
    pub description: Option<String>,
    /// Where it stands.
    #[schema(value_type = Option<scalar::Status>, nullable = false)]
    pub status: Option<String>,
    /// True: `completed`; false: `pending`, if it was `completed`. Must agree with `status`.
    #[schema(nullable = false)]
    pub completed: Option<bool>,
    /// How much it matters.
    #[schema(value_type = Option<scalar::Priority>, nullable = false)]
    pub priority: Option<String>,
    /// When it is due.
    #[schema(value_type = Option<scalar::InstantInput>)]
    pub due_date: Option<String>,
    /// All tags from now on, by name; null removes them.
    #[schema(value_type = Option<Vec<scalar::TagNameInput>>, max_items = 20)]
    pub tags: Option<Vec<String>>,
    /// The id of the employee it is assigned to.
    #[schema(minimum = 1)]
    pub assignee_id: Option<i64>,
}
