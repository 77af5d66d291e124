//! One change to all todos that match a filter.

use serde::{Deserialize, Serialize};

use super::id::Id;
use super::text::TagName;
use super::todo::Priority;

/// What is done to each todo.
///
/// Its JSON form is stored with the job and read by whatever release runs it: names and meanings here never change, and
/// what a release does not know it refuses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BulkChange {
    /// Sets the status to `completed`.
    Complete,
    /// Sets the status to `pending`.
    Reopen,
    /// Sets the priority.
    SetPriority(Priority),
    /// Adds the tag where it is missing.
    AddTag(TagName),
    /// Removes the tag where it is present.
    RemoveTag(TagName),
    /// Assigns to the employee, or to nobody.
    Assign(Option<Id>),
    /// Puts the todo into the bin.
    Delete,
    /// Puts the whole tree of the todo into the list, or into none.
    Move(Option<Id>),
    /// Replaces a tag that is gone, by its former integer id, with what the todo shows in its place. Nobody asks for
    /// it: it is the rest of a merge or a deletion.
    ReplaceTag(i64),
}

impl BulkChange {
    /// The name of the change, of all but the last in the public contract.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Reopen => "reopen",
            Self::SetPriority(_) => "set_priority",
            Self::AddTag(_) => "add_tag",
            Self::RemoveTag(_) => "remove_tag",
            Self::Assign(_) => "assign",
            Self::Delete => "delete",
            Self::Move(_) => "move",
            Self::ReplaceTag(_) => "replace_tag",
        }
    }

    /// Every [`BulkChange::action`], in the order of the contract.
    pub const ACTIONS: [&'static str; 8] =
        ["complete", "reopen", "set_priority", "add_tag", "remove_tag", "assign", "delete", "move"];
    /// How many of them there were at the first release, and are in version 1 of the API.
    pub const FIRST_ACTIONS: usize = 7;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_stored_form_is_stable() {
        let tag = TagName::parse("Home").unwrap();
        let forms = [
            (BulkChange::Complete, json!("complete")),
            (BulkChange::Reopen, json!("reopen")),
            (BulkChange::SetPriority(Priority::High), json!({"set_priority": "high"})),
            (BulkChange::AddTag(tag.clone()), json!({"add_tag": "Home"})),
            (BulkChange::RemoveTag(tag), json!({"remove_tag": "Home"})),
            (BulkChange::Assign(Some(Id::Serial(7))), json!({"assign": 7})),
            (BulkChange::Assign(None), json!({"assign": null})),
            (BulkChange::Delete, json!("delete")),
            (BulkChange::Move(None), json!({"move": null})),
            (BulkChange::ReplaceTag(7), json!({"replace_tag": 7})),
        ];
        for (change, stored) in forms {
            assert_eq!(serde_json::to_value(&change).unwrap(), stored);
            assert_eq!(serde_json::from_value::<BulkChange>(stored).unwrap(), change);
            assert_eq!(BulkChange::ACTIONS.contains(&change.action()), !matches!(change, BulkChange::ReplaceTag(_)));
        }
    }

    #[test]
    fn an_unknown_change_is_refused() {
        for stored in [json!("explode"), json!({"set_priority": "highest"}), json!({}), json!(null)] {
            assert!(serde_json::from_value::<BulkChange>(stored.clone()).is_err(), "{stored}");
        }
    }
}
