//! What responses depend on, and what writes change.
//!
//! | write | changes |
//! |---|---|
//! | a new todo | lists that show it, statistics, tags if it has any, named lists if it is in one, its parent, which shows counts |
//! | a todo replaced or into the bin | the todo and its parent, all lists, statistics, tags, named lists |
//! | a todo patched | the todo, lists that show it; statistics if the status, priority or due date is named; tags if they are; if the status is, its parent and named lists |
//! | a todo patched whose assignee is named | the same, and all lists |
//! | a todo completed alone | the todo and its parent, lists that show or showed it, statistics, tags, named lists |
//! | a todo whose list or parent is named, a move, a tree into the bin, todos out of it | every todo, all lists, statistics, tags, named lists |
//! | a batch, a bulk change | the same |
//! | a todo named by its integer | as by its UUID, but every todo |
//! | a list | named lists; all lists of todos if it is archived, or deleted |
//! | a tag renamed or removed | every todo, all lists, statistics, tags, named lists |
//! | a new employee or department | people |
//! | an employee or department that changes or goes, since todos show its name | everything |
//! | a revoked token | what is remembered of tokens |
//! | a new token or workspace, an accepted job | nothing that is cached |
//!
//! A list shows when its todos were last changed, so no change of a todo leaves alone the lists that show it. Which may
//! do so is told by one [`Condition`] of each list: that its todos are to be done, with one priority or any, or done;
//! are in one named list, assigned to one employee, or in the bin. A list without such a condition shows any live todo.
//! A todo that has a parent changes all lists, since one that shows the parent counts it.

use uuid::Uuid;

use super::condition::{AffectedLists, Condition};

/// What a response depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dependency {
    /// Todos, whichever they are; the names of their tags and assignees.
    Lists,
    /// Todos that fulfil a condition, whichever of them.
    ListsWhere(Condition),
    /// Counts of todos.
    Stats,
    /// Tags and how often each is used.
    Tags,
    /// Employees and departments.
    People,
    /// Lists that have names, and how many open todos are in each.
    NamedLists,
    /// One todo.
    Todo(Uuid),
}

impl Dependency {
    /// Its field in the hash of a workspace (`scripts/common.lua`).
    pub fn field(self) -> String {
        match self {
            Self::Lists => "l".to_owned(),
            Self::ListsWhere(condition) => condition.field(),
            Self::Stats => "s".to_owned(),
            Self::Tags => "t".to_owned(),
            Self::People => "p".to_owned(),
            Self::NamedLists => "n".to_owned(),
            Self::Todo(todo) => todo_field(todo),
        }
    }
}

/// What a write may change in the eyes of readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidationScope {
    /// Nothing that is cached.
    Nothing,
    /// Todos, and hence lists of them.
    Todos {
        /// Which.
        todos: AffectedTodos,
        /// Which lists change.
        lists: AffectedLists,
        /// Whether counts change.
        stats: bool,
        /// Whether tags, or how often they are used, change.
        tags: bool,
        /// Whether the counts of named lists change.
        named_lists: bool,
    },
    /// All todos, by a statement that nobody waits for. What it changes is served as before until its publish, and for
    /// up to half a second more until somebody has fetched anew; after a write of another kind it is not. So announce
    /// one before telling that the work is done.
    TodosInBackground,
    /// Lists that have names.
    NamedLists {
        /// And which todos are shown in lists.
        todos: bool,
    },
    /// Employees and departments that no todo shows.
    People,
    /// Anything in the workspace.
    Everything,
    /// Which tokens are valid, in the whole installation.
    Access,
}

/// Which todos a write changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AffectedTodos {
    /// None that existed before.
    New,
    /// This one.
    One(Uuid),
    /// These two: one and its parent.
    Two(Uuid, Uuid),
    /// Any.
    All,
}

impl InvalidationScope {
    /// Todos, and all that is counted of them.
    pub const fn todos(todos: AffectedTodos) -> Self {
        Self::todos_in(todos, AffectedLists::All)
    }

    /// The same where not all lists of todos change.
    pub const fn todos_in(todos: AffectedTodos, lists: AffectedLists) -> Self {
        Self::Todos { todos, lists, stats: true, tags: true, named_lists: true }
    }

    /// The fields that the write raises, separated by commas.
    pub fn fields(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Todos { todos, lists, stats, tags, named_lists } => {
                let todos = match todos {
                    AffectedTodos::New => None,
                    AffectedTodos::One(todo) => Some(todo_field(todo)),
                    AffectedTodos::Two(one, other) => Some(format!("{},{}", todo_field(one), todo_field(other))),
                    AffectedTodos::All => Some("O".to_owned()),
                };
                let counted =
                    [(stats, "s"), (tags, "t"), (named_lists, "n")].into_iter().filter(|(changes, _)| *changes);
                let fields = lists.fields().into_iter().chain(counted.map(|(_, field)| field.to_owned()));
                fields.chain(todos).collect::<Vec<_>>().join(",")
            }
            Self::TodosInBackground => Self::todos(AffectedTodos::All).fields(),
            Self::NamedLists { todos: false } => "n".to_owned(),
            Self::NamedLists { todos: true } => "n,L".to_owned(),
            Self::People => "p".to_owned(),
            Self::Everything => "a".to_owned(),
            Self::Access => "access".to_owned(),
        }
    }
}

fn todo_field(todo: Uuid) -> String {
    format!("o{}", todo.simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::todo::Priority;

    #[test]
    fn a_write_raises_what_it_changes() {
        let todo = Uuid::nil();
        let own = Dependency::Todo(todo).field();
        assert_eq!(InvalidationScope::todos(AffectedTodos::One(todo)).fields(), format!("L,s,t,n,{own}"));
        let other = Uuid::max();
        let both = InvalidationScope::todos(AffectedTodos::Two(todo, other)).fields();
        assert_eq!(both, format!("L,s,t,n,{own},{}", Dependency::Todo(other).field()));
        assert_eq!(InvalidationScope::NamedLists { todos: true }.fields(), "n,L");
        let lists =
            AffectedLists::Showing { open: Some(true), priority: Some(Priority::High), list: None, assignee: None };
        assert_eq!(
            InvalidationScope::Todos { todos: AffectedTodos::New, lists, stats: true, tags: false, named_lists: false }
                .fields(),
            "l,lo,lphigh,s"
        );
        assert_eq!(InvalidationScope::TodosInBackground.fields(), "L,s,t,n,O");
        assert_eq!(InvalidationScope::People.fields(), Dependency::People.field());
        assert_eq!(InvalidationScope::Nothing.fields(), "");
    }
}
