//! Errors of the domain, without HTTP. The API component turns each into a response (`src/error.rs`).
//!
//! `Display` is what a caller may read; sources are for the log and are written once, at the edge.

use std::time::Duration;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can stop an operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is well-formed but wrong; at least one fault, at most [`Fault::LIMIT`].
    #[error("the input is invalid")]
    Invalid(Vec<Fault>),
    /// No such thing in this workspace.
    #[error("{0} not found")]
    NotFound(Kind),
    /// The state of the data forbids it.
    #[error("{}", .0.detail())]
    Conflict(Conflict),
    /// The version that the caller expected is not the current one.
    #[error("the {0} was changed by someone else")]
    VersionMismatch(Kind),
    /// The caller demanded that the thing does not exist yet, and it does.
    #[error("the {0} exists already")]
    Exists(Kind),
    /// An idempotency key came back with another body.
    #[error("the idempotency key was used with another body")]
    IdempotencyMismatch,
    /// The first request with this idempotency key has not finished.
    #[error("the first request with this idempotency key is still running")]
    IdempotencyRunning,
    /// One operation of a batch failed; nothing was applied.
    #[error("operation {index} failed: {source}")]
    Operation {
        /// Position in the batch, from 0.
        index: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// What the caller has read of the feed is too old to go on from.
    #[error("the cursor is older than the feed")]
    ResyncRequired,
    /// A dependency is away. The operation may or may not have happened if `outcome_unknown`.
    #[error("the service is temporarily unavailable")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// True when a write was sent and its answer never came.
        outcome_unknown: bool,
        /// For the log.
        reason: String,
    },
    /// A deadline passed.
    #[error("the operation took too long")]
    Timeout {
        /// For the log.
        reason: String,
    },
    /// A defect of ours. The text is for the log alone.
    #[error("internal error")]
    Internal(String),
}

/// A kind of thing that can be missing or stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A todo.
    Todo,
    /// A tag.
    Tag,
    /// An employee.
    Employee,
    /// A department.
    Department,
    /// A list of todos.
    List,
    /// A background job.
    Job,
    /// A workspace.
    Workspace,
    /// An access token.
    Token,
}

impl Kind {
    /// The singular English noun, as used in texts and error codes.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::Tag => "tag",
            Self::Employee => "employee",
            Self::Department => "department",
            Self::List => "list",
            Self::Job => "job",
            Self::Workspace => "workspace",
            Self::Token => "token",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.noun())
    }
}

/// Why the state of the data forbids an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The chosen id is that of a todo that was deleted.
    TodoDeleted,
    /// An employee with this e-mail address exists.
    EmailTaken,
    /// A department with this name exists.
    DepartmentNameTaken,
    /// A workspace with this name exists.
    WorkspaceNameTaken,
    /// Todos or tokens refer to the employee.
    EmployeeReferenced,
    /// Employees refer to the department.
    DepartmentReferenced,
    /// A list with this name exists already.
    ListNameTaken,
    /// Todos are in the list.
    ListNotEmpty,
    /// The chosen id is that of a list that was deleted.
    ListDeleted,
    /// Nothing is written in an archived list.
    ListArchived,
    /// The workspace has as many lists as it may have.
    TooManyLists,
    /// The job has ended and can no longer be cancelled.
    JobFinished,
    /// The job is the rest of a change that has been answered.
    JobRequired,
    /// The workspace has as many open jobs as it may have.
    TooManyJobs,
}

impl Conflict {
    /// The stable code of the public contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::TodoDeleted => "todo_deleted",
            Self::EmailTaken => "email_taken",
            Self::DepartmentNameTaken => "department_name_taken",
            Self::WorkspaceNameTaken => "workspace_name_taken",
            Self::EmployeeReferenced => "employee_referenced",
            Self::DepartmentReferenced => "department_referenced",
            Self::ListNameTaken => "list_name_taken",
            Self::ListNotEmpty => "list_not_empty",
            Self::ListDeleted => "list_deleted",
            Self::ListArchived => "list_archived",
            Self::TooManyLists => "too_many_lists",
            Self::JobFinished => "job_finished",
            Self::JobRequired => "job_required",
            Self::TooManyJobs => "too_many_jobs",
        }
    }

    /// One sentence for the caller.
    pub fn detail(self) -> &'static str {
        match self {
            Self::TodoDeleted => "a todo with this id was deleted; restore it or choose another id",
            Self::EmailTaken => "an employee with this e-mail address exists already",
            Self::DepartmentNameTaken => "a department with this name exists already",
            Self::WorkspaceNameTaken => "a workspace with this name exists already",
            Self::EmployeeReferenced => "todos are assigned to this employee, or tokens name it",
            Self::DepartmentReferenced => "employees belong to this department",
            Self::ListNameTaken => "a list with this name exists already",
            Self::ListNotEmpty => "todos are in this list; move or delete them first",
            Self::ListDeleted => "a list with this id was deleted; choose another id",
            Self::ListArchived => "the list is archived",
            Self::TooManyLists => "the workspace has 1000 lists; delete one first",
            Self::JobFinished => "the job has ended",
            Self::JobRequired => "the tag is merged or deleted already; this job is the rest of it",
            Self::TooManyJobs => "the workspace has 100 jobs that have not ended; wait for one or cancel one",
        }
    }
}

/// One thing wrong with the input, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// Stable snake_case code, for example `too_long`.
    pub code: &'static str,
    /// One sentence for the caller. Never repeats long input.
    pub detail: String,
}

/// Where a fault stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A JSON Pointer (RFC 6901) into the body, for example `/tags/1`.
    Pointer(String),
    /// The name of a path, query or header parameter.
    Parameter(String),
}

impl Fault {
    /// At most this many faults are reported at once.
    pub const LIMIT: usize = 20;

    /// Every code that a fault may have. The OpenAPI document lists them, and the black-box suite fails on a code that
    /// is answered and not here, or here and never answered.
    pub const CODES: [&str; 23] = [
        "control_character",
        "cycle",
        "duplicate",
        "invalid_format",
        "invalid_value",
        "list_archived",
        "no_person",
        "not_found",
        "out_of_range",
        "read_only",
        "required",
        "stale_version",
        "too_deep",
        "too_few",
        "too_long",
        "too_many",
        "too_many_attributes",
        "too_much_markup",
        "too_short",
        "type",
        "unclosed_markup",
        "unknown_field",
        "unknown_parameter",
    ];

    /// A fault at a JSON Pointer of the body.
    pub fn at(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { place: Place::Pointer(pointer.into()), code, detail: detail.into() }
    }

    /// A fault in a path, query or header parameter.
    pub fn parameter(name: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { place: Place::Parameter(name.into()), code, detail: detail.into() }
    }

    /// The same fault with `prefix` in front of its pointer (a parameter stays as it is).
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        if let Place::Pointer(pointer) = &mut self.place {
            pointer.insert_str(0, prefix);
        }
        self
    }
}
