//! A condition of a list of todos, without which no todo is shown in it: so a write of a todo that does not fulfil it,
//! before or after, leaves the list alone.

use uuid::Uuid;

use crate::domain::filter::Filter;
use crate::domain::id::Id;
use crate::domain::list::Holder;
use crate::domain::todo::Todo;

/// What all todos of a list have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// They are in the bin.
    InBin,
    /// They are to be done.
    Open,
    /// They are completed or cancelled.
    Closed,
    /// They are in this named list.
    InList(Uuid),
    /// They are assigned to this employee.
    AssignedTo(Uuid),
}

impl Condition {
    /// Of the conditions of a filter, the one that the fewest todos fulfil as a rule; `None` if it has none of these.
    pub fn of(filter: &Filter) -> Option<Self> {
        if filter.deleted {
            return Some(Self::InBin);
        }
        if let [Holder::Id(Id::Uuid(list))] = filter.lists.as_slice() {
            return Some(Self::InList(*list));
        }
        if let Some(Id::Uuid(employee)) = filter.assignee {
            return Some(Self::AssignedTo(employee));
        }
        let statuses = filter.statuses();
        let all = |open| statuses.iter().all(|status| status.is_open() == open);
        if filter.overdue == Some(true) || all(true) {
            Some(Self::Open)
        } else if all(false) {
            Some(Self::Closed)
        } else {
            None
        }
    }

    /// Its field in the hash of a workspace (`scripts/common.lua`).
    pub(super) fn field(self) -> String {
        match self {
            Self::InBin => "lb".to_owned(),
            Self::Open => "lo".to_owned(),
            Self::Closed => "lc".to_owned(),
            Self::InList(list) => format!("ln{}", list.simple()),
            Self::AssignedTo(employee) => format!("la{}", employee.simple()),
        }
    }
}

/// Which lists of todos a write changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AffectedLists {
    /// Any.
    All,
    /// Those that show a todo like this, before the write or after it.
    Showing {
        /// Whether it is to be done; `None` if that may have changed.
        open: Option<bool>,
        /// The named list that it is in.
        list: Option<Uuid>,
        /// To whom it is assigned.
        assignee: Option<Uuid>,
    },
}

impl AffectedLists {
    /// Those that show this live todo, whose list and assignee are what they were, and unless it may have `turned` its
    /// status, too. Lists that show its parent show how many subtasks that has, and whose it is nobody knows here.
    pub fn showing(todo: &Todo, turned: bool) -> Self {
        if todo.parent.is_some() {
            return Self::All;
        }
        let open = (!turned).then(|| todo.status.is_open());
        Self::Showing { open, list: todo.list, assignee: todo.assignee.as_ref().map(|assignee| assignee.uid) }
    }

    /// The fields that the write raises. A list without a condition depends on all of them.
    pub(super) fn fields(self) -> Vec<String> {
        let Self::Showing { open, list, assignee } = self else {
            return vec!["L".to_owned()];
        };
        let is_or_was = |wanted: bool| open.is_none_or(|open| open == wanted);
        let conditions = [
            is_or_was(true).then_some(Condition::Open),
            is_or_was(false).then_some(Condition::Closed),
            list.map(Condition::InList),
            assignee.map(Condition::AssignedTo),
        ];
        std::iter::once("l".to_owned()).chain(conditions.into_iter().flatten().map(Condition::field)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::todo::Status;

    #[test]
    fn a_list_depends_on_what_all_its_todos_have_in_common() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let of = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            Condition::of(&filter)
        };
        assert_eq!(of(|_| {}), None);
        assert_eq!(of(|filter| filter.status = vec![Status::Pending, Status::InProgress]), Some(Condition::Open));
        assert_eq!(of(|filter| filter.status = vec![Status::Cancelled]), Some(Condition::Closed));
        assert_eq!(of(|filter| filter.status = vec![Status::Pending, Status::Completed]), None);
        assert_eq!(of(|filter| filter.completed = Some(true)), Some(Condition::Closed));
        assert_eq!(of(|filter| filter.completed = Some(false)), None, "also what was cancelled");
        assert_eq!(of(|filter| filter.overdue = Some(true)), Some(Condition::Open));
        assert_eq!(of(|filter| filter.overdue = Some(false)), None);
        let mut filter = Filter { assignee: Some(Id::Uuid(one)), status: vec![Status::Pending], ..Filter::default() };
        assert_eq!(Condition::of(&filter), Some(Condition::AssignedTo(one)));
        filter.lists = vec![Holder::Id(Id::Uuid(other))];
        assert_eq!(Condition::of(&filter), Some(Condition::InList(other)));
        filter.lists.push(Holder::None);
        assert_eq!(Condition::of(&filter), Some(Condition::AssignedTo(one)), "in either");
        filter.deleted = true;
        assert_eq!(Condition::of(&filter), Some(Condition::InBin));
        assert_eq!(of(|filter| filter.assignee = Some(Id::Serial(1))), None);
    }

    #[test]
    fn a_write_raises_the_lists_that_show_its_todo() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(AffectedLists::All.fields(), ["L"]);
        let plain = |open| AffectedLists::Showing { open, list: None, assignee: None };
        assert_eq!(plain(Some(true)).fields(), ["l", "lo"]);
        assert_eq!(plain(Some(false)).fields(), ["l", "lc"]);
        assert_eq!(plain(None).fields(), ["l", "lo", "lc"]);
        let placed = AffectedLists::Showing { open: Some(true), list: Some(one), assignee: Some(other) };
        let expected = [Condition::Open, Condition::InList(one), Condition::AssignedTo(other)].map(Condition::field);
        assert_eq!(placed.fields()[1..], expected);
    }
}
