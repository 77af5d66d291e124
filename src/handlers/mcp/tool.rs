//! The tools: what an assistant may do, and with which scope. Their texts and schemas are in
//! `crates/openapi/src/mcp.rs`.
//!
//! A tool is a piece of work, not a route: a model that has to put ten routes together makes ten mistakes.

use todo_core::domain::access::Scope;

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// What there is, in short.
    Overview,
    /// Summaries of what matches.
    FindTodos,
    /// Whole todos.
    GetTodos,
    /// New todos.
    AddTodos,
    /// Changes of several todos.
    UpdateTodos,
    /// Todos are done.
    CompleteTodos,
    /// Todos go elsewhere.
    MoveTodos,
    /// Todos go into the bin.
    DeleteTodos,
    /// Todos come out of the bin.
    RestoreTodos,
    /// What happened, and who did it.
    WhatChanged,
}

impl Tool {
    /// Every tool, in the order in which they are listed.
    pub const ALL: [Self; 10] = [
        Self::Overview,
        Self::FindTodos,
        Self::GetTodos,
        Self::AddTodos,
        Self::UpdateTodos,
        Self::CompleteTodos,
        Self::MoveTodos,
        Self::DeleteTodos,
        Self::RestoreTodos,
        Self::WhatChanged,
    ];

    /// The tool of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::FindTodos => "find_todos",
            Self::GetTodos => "get_todos",
            Self::AddTodos => "add_todos",
            Self::UpdateTodos => "update_todos",
            Self::CompleteTodos => "complete_todos",
            Self::MoveTodos => "move_todos",
            Self::DeleteTodos => "delete_todos",
            Self::RestoreTodos => "restore_todos",
            Self::WhatChanged => "what_changed",
        }
    }

    /// What a token needs for it.
    pub fn scope(self) -> Scope {
        match self {
            Self::Overview | Self::FindTodos | Self::GetTodos | Self::WhatChanged => Scope::TodosRead,
            Self::AddTodos
            | Self::UpdateTodos
            | Self::CompleteTodos
            | Self::MoveTodos
            | Self::DeleteTodos
            | Self::RestoreTodos => Scope::TodosWrite,
        }
    }
}
