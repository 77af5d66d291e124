//! What every write has in common: idempotency, and the pending invalidation that it records when Redis cannot be told.
//!
//! The functions of the migrations do the work inside the statement that writes. They all answer with the same columns,
//! which are turned into a result here.

use crate::domain::idempotency::{IdempotencyKey, Written};
use serde::de::DeserializeOwned;

use super::pg::{Param, Pg, PgFailure, Refusal, Rows, Statement, from_json};
use crate::caller::Caller;
use crate::domain::id::Id;
use crate::domain::todo::{Draft, Precondition};
use crate::error::{Conflict, Error, Fault, Kind, Result};

/// For whom and under which guarantees a write happens.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// On whose behalf.
    pub caller: &'a Caller,
    /// The key under which the outcome is recorded and replayed, if the client sent one.
    pub idempotency: Option<&'a IdempotencyKey>,
    /// Record in the same statement that the cache of the workspace must not be trusted, because Redis could not be
    /// told.
    pub record_invalidation: bool,
}

/// A writing function of the migrations, and its arguments after those that all have, from `$8` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function(pub &'static str, pub &'static str);

impl Function {
    /// For whom it writes is told by the way to its first argument, so that no function has to pass it on to the log.
    fn sql(self) -> String {
        let Self(name, rest) = self;
        format!("SELECT outcome, body, cache_wait FROM {name}(as_actor_v1($1, $2, $3), $4, $5, $6, $7, {rest})")
    }
}

impl Write<'_> {
    /// The first parameters of every writing function: workspace, actor, request; route, key, digest of the body;
    /// whether to record the invalidation.
    fn params(&self) -> Vec<Param> {
        let Caller { workspace, actor, request, .. } = self.caller;
        let workspace = Param::Int(workspace.0);
        let [actor, request] =
            [actor.map(|actor| actor.to_string()), request.as_deref().map(str::to_owned)].map(Param::text);
        let record_invalidation = Param::Bool(self.record_invalidation);
        match self.idempotency {
            None => vec![workspace, actor, request, Param::Null, Param::Null, Param::Null, record_invalidation],
            Some(IdempotencyKey { route, key, body_digest }) => vec![
                workspace,
                actor,
                request,
                Param::Text(route.clone()),
                Param::Text(key.clone()),
                Param::Bytes(body_digest.to_vec()),
                record_invalidation,
            ],
        }
    }

    /// Calls a writing function, whose parameters after the common ones are `rest`, and reads its answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        pg: &Pg,
        function: Function,
        rest: impl IntoIterator<Item = Param>,
        kind: Kind,
    ) -> Result<Written<T>> {
        self.call_or(pg, function, rest, kind, |refusal| refused(refusal, kind)).await
    }

    /// The same for a function that raises errors of its own, which `refused` reads.
    pub(super) async fn call_or<T: DeserializeOwned>(
        &self,
        pg: &Pg,
        function: Function,
        rest: impl IntoIterator<Item = Param>,
        kind: Kind,
        refused: impl FnOnce(&Refusal) -> Error,
    ) -> Result<Written<T>> {
        let mut params = self.params();
        params.extend(rest);
        match pg.write(&self.caller.meter, Statement::new(function.sql(), params)).await {
            Ok(rows) => finish(rows, kind),
            Err(PgFailure::Refused(refusal)) => Err(refused(&refusal)),
            Err(PgFailure::Other(error)) => Err(error),
        }
    }
}

/// The columns `outcome`, `body`, `cache_wait`.
fn finish<T: DeserializeOwned>(rows: Rows, kind: Kind) -> Result<Written<T>> {
    let mut row = rows.one()?;
    let outcome = row.text()?;
    let body = row.optional_text()?;
    let cache_wait = row.bool()?;
    let replayed = outcome == "replay";
    if !replayed && outcome != "done" {
        return Err(failed(&outcome, kind));
    }
    let body = body.ok_or_else(|| Error::Internal("a write has no body".to_owned()))?;
    Ok(Written { value: from_json(&body)?, replayed, cache_wait })
}

/// The error that an outcome stands for.
pub(super) fn failed(outcome: &str, kind: Kind) -> Error {
    match outcome {
        "mismatch" => Error::IdempotencyMismatch,
        "running" => Error::IdempotencyRunning,
        "not_found" => Error::NotFound(kind),
        "version_mismatch" => Error::VersionMismatch(kind),
        "exists" => Error::Exists(kind),
        "list_archived" => Error::Conflict(Conflict::ListArchived),
        "list_not_empty" => Error::Conflict(Conflict::ListNotEmpty),
        "too_many_lists" => Error::Conflict(Conflict::TooManyLists),
        "deleted" if kind == Kind::List => Error::Conflict(Conflict::ListDeleted),
        "deleted" => Error::Conflict(Conflict::TodoDeleted),
        "referenced" => Error::Conflict(Conflict::EmployeeReferenced),
        "too_many_jobs" => Error::Conflict(Conflict::TooManyJobs),
        "job_finished" => Error::Conflict(Conflict::JobFinished),
        "job_required" => Error::Conflict(Conflict::JobRequired),
        "no_assignee" => missing("/assignee_id", Kind::Employee),
        "no_employee" => missing("/employee_id", Kind::Employee),
        "no_department" => missing("/department_id", Kind::Department),
        "no_list" => missing("/list_id", Kind::List),
        "no_parent" => missing("/parent_id", Kind::Todo),
        "no_after" => not_a_sibling("/after"),
        "no_before" => not_a_sibling("/before"),
        "cycle" => invalid("/parent_id", "cycle", "a todo cannot be below itself"),
        "too_deep" => Error::Invalid(vec![Draft::too_deep("/parent_id")]),
        "other_list" => invalid("/list_id", "invalid_value", "a subtask is in the list of its parent"),
        "no_workspace" => missing("/workspace_id", Kind::Workspace),
        other => Error::Internal(format!("unknown outcome of a write: {other}")),
    }
}

/// A reference in the body to something that does not exist.
fn missing(pointer: &str, kind: Kind) -> Error {
    Error::Invalid(vec![Fault::at(pointer, "not_found", format!("there is no such {kind}"))])
}

fn not_a_sibling(pointer: &str) -> Error {
    invalid(pointer, "not_found", "there is no such todo with the same parent in the same list")
}

fn invalid(pointer: &str, code: &'static str, detail: &str) -> Error {
    Error::Invalid(vec![Fault::at(pointer, code, detail)])
}

/// The error that a violated constraint stands for, where two writers raced or the database is the one who decides. A
/// foreign key is violated from either end: `kind` is what was being written.
pub(super) fn refused(refusal: &Refusal, kind: Kind) -> Error {
    match (refusal.constraint.as_deref(), kind) {
        (Some("employees_email_key"), _) => Error::Conflict(Conflict::EmailTaken),
        (Some("departments_name_key"), _) => Error::Conflict(Conflict::DepartmentNameTaken),
        (Some("lists_folded_key"), _) => Error::Conflict(Conflict::ListNameTaken),
        (Some("workspaces_name_key"), _) => Error::Conflict(Conflict::WorkspaceNameTaken),
        (Some("employees_department_fkey"), Kind::Department) => Error::Conflict(Conflict::DepartmentReferenced),
        (Some("employees_department_fkey"), _) => missing("/department_id", Kind::Department),
        (Some("todos_assignee_fkey" | "tokens_employee_fkey"), Kind::Employee) => {
            Error::Conflict(Conflict::EmployeeReferenced)
        }
        (Some("todos_assignee_fkey"), _) => missing("/assignee_id", Kind::Employee),
        (Some("tokens_employee_fkey"), _) => missing("/employee_id", Kind::Employee),
        _ => PgFailure::Refused(refusal.clone()).into(),
    }
}

/// The versions that a caller accepts, for the parameter `p_versions`.
pub(super) fn versions(precondition: &Precondition) -> Param {
    match precondition {
        Precondition::Any | Precondition::Exists => Param::Null,
        Precondition::Versions(versions) => Param::Ints(versions.clone()),
    }
}

/// An id as the two parameters `p_id` and `p_uid`, one of which is null.
pub(super) fn id(id: Id) -> [Param; 2] {
    match id {
        Id::Serial(serial) => [Param::Int(serial), Param::Null],
        Id::Uuid(uuid) => [Param::Null, Param::Text(uuid.to_string())],
    }
}
