//! A condition of a list of todos, without which no todo is shown in it: so a write of a todo that does not fulfil it,
//! before or after, leaves the list alone.

use uuid::Uuid;

use crate::domain::filter::Filter;
use crate::domain::id::Id;
use crate::domain::list::Holder;
use crate::domain::todo::{Priority, Todo};

/// What all todos of a list have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// They are in the bin.
    InBin,
    /// They are to be done.
    Open,
    /// They are to be done, and have this priority.
    OpenOf(Priority),
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
            Some(match filter.priority.as_slice() {
                [priority] => Self::OpenOf(*priority),
                _ => Self::Open,
            })
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
            Self::OpenOf(priority) => format!("lp{}", priority.as_str()),
            Self::Closed => "lc".to_owned(),
            Self::InList(list) => format!("ln{}", list.simple()),
            Self::AssignedTo(employee) => format!("la{}", employee.simple()),
        }
    }
}

/// What a write may have changed of a todo, of what conditions ask for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changed {
    /// Its status.
    pub status: bool,
    /// Its priority.
    pub priority: bool,
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
        /// Its priority; `None` if that may have changed.
        priority: Option<Priority>,
        /// The named list that it is in.
        list: Option<Uuid>,
        /// To whom it is assigned.
        assignee: Option<Uuid>,
    },
}

impl AffectedLists {
    /// Those that show this live todo, whose list and assignee are what they were, and so are, unless they may have
    /// changed, its status and priority. Lists that show its parent show how many subtasks that has, and whose it is
    /// nobody knows here.
    pub fn showing(todo: &Todo, changed: Changed) -> Self {
        if todo.parent.is_some() {
            return Self::All;
        }
        Self::Showing {
            open: (!changed.status).then(|| todo.status.is_open()),
            priority: (!changed.priority).then_some(todo.priority),
            list: todo.list,
            assignee: todo.assignee.as_ref().map(|assignee| assignee.uid),
        }
    }

    /// The fields that the write raises. A list without a condition depends on all of them.
    pub(super) fn fields(self) -> Vec<String> {
        let Self::Showing { open, priority, list, assignee } = self else {
            return vec!["L".to_owned()];
        };
        let is_or_was = |wanted: bool| open.is_none_or(|open| open == wanted);
        let conditions = [
            is_or_was(true).then_some(Condition::Open),
            is_or_was(false).then_some(Condition::Closed),
            list.map(Condition::InList),
            assignee.map(Condition::AssignedTo),
        ];
        let priorities = Priority::ALL.into_iter().filter(|one| priority.is_none_or(|priority| priority == *one));
        let priorities = priorities.filter(|_| is_or_was(true)).map(Condition::OpenOf);
        let conditions = conditions.into_iter().flatten().chain(priorities);
        std::iter::once("l".to_owned()).chain(conditions.map(Condition::field)).collect()
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
        assert_eq!(of(|filter| filter.priority = vec![Priority::High]), None, "also what is done");
        let of_open = |priority: &[Priority]| {
            let (status, priority) = (vec![Status::Pending], priority.to_vec());
            Condition::of(&Filter { status, priority, ..Filter::default() })
        };
        assert_eq!(of_open(&[Priority::High]), Some(Condition::OpenOf(Priority::High)));
        assert_eq!(of_open(&[Priority::High, Priority::Low]), Some(Condition::Open));
        let mut filter = Filter { assignee: Some(Id::Uuid(one)), status: vec![Status::Pending], ..Filter::default() };
        assert_eq!(Condition::of(&filter), Some(Condition::AssignedTo(one)));
        filter.priority = vec![Priority::High];
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
        let plain =
            |open| AffectedLists::Showing { open, priority: Some(Priority::Low), list: None, assignee: None }.fields();
        assert_eq!(plain(Some(true)), ["l", "lo", "lplow"]);
        assert_eq!(plain(Some(false)), ["l", "lc"]);
        assert_eq!(plain(None), ["l", "lo", "lc", "lplow"]);
        let placed =
            AffectedLists::Showing { open: Some(true), priority: None, list: Some(one), assignee: Some(other) };
        let expected = [Condition::Open, Condition::InList(one), Condition::AssignedTo(other)];
        let expected: Vec<String> =
            expected.into_iter().chain(Priority::ALL.map(Condition::OpenOf)).map(Condition::field).collect();
        assert_eq!(placed.fields()[1..], expected);
    }
}
