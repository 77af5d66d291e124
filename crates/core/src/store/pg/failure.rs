//! What can go wrong with a statement, sorted by what to do about it.

use spin_sdk::pg::{DbError, Error as SdkError, PgError, QueryError};

use crate::error::Error;

/// Why a statement gave nothing.
#[derive(Debug)]
pub enum PgFailure {
    /// Postgres understood it and refused.
    Refused(Refusal),
    /// Anything else.
    Other(Error),
}

/// What Postgres said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The SQLSTATE.
    pub code: String,
    /// The constraint that was violated, if one was.
    pub constraint: Option<String>,
    /// The message.
    pub message: String,
    /// More, from functions of ours a JSON text.
    pub detail: Option<String>,
}

impl From<PgFailure> for Error {
    fn from(failure: PgFailure) -> Self {
        match failure {
            PgFailure::Refused(refusal) => {
                // Without the detail: it repeats values, which are nobody's business but their owner's.
                let Refusal { code, constraint, message, detail: _ } = refusal;
                Self::Internal(format!("Postgres refused a statement: {message} ({code}, constraint {constraint:?})"))
            }
            PgFailure::Other(error) => error,
        }
    }
}

/// What became of an attempt that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Postgres answered with a refusal.
    Refused(Refusal),
    /// The transaction was rolled back for the sake of others and may be repeated.
    Rollback(String),
    /// Postgres ended the statement at its deadline; nothing of it remains.
    Cancelled(String),
    /// Postgres accepts no writes and has refused the statement for that; nothing of it remains.
    ReadOnly(String),
    /// The connection is of no more use.
    Broken(String),
    /// Nothing came before the deadline; the connection is of no more use either.
    Silent(String),
    /// A defect.
    Defect(String),
}

/// Sorts the errors of the bindings.
pub(super) fn classify(error: SdkError) -> Attempt {
    match error {
        SdkError::Decode(reason) => Attempt::Defect(reason),
        SdkError::PgError(error) => match error {
            PgError::ConnectionFailed(reason) | PgError::Other(reason) => Attempt::Broken(reason),
            PgError::BadParameter(reason) | PgError::ValueConversionFailed(reason) => Attempt::Defect(reason),
            PgError::QueryFailed(QueryError::Text(reason)) if is_defect(&reason) => Attempt::Defect(reason),
            PgError::QueryFailed(QueryError::Text(reason)) => Attempt::Broken(reason),
            PgError::QueryFailed(QueryError::DbError(error)) => classify_state(error),
        },
    }
}

/// The driver's own errors have no structure: it could not encode a value or decode a row, or the connection is gone.
fn is_defect(reason: &str) -> bool {
    ["ToSql", "FromSql", "Parameters", "serializing", "exceeds limit"].iter().any(|word| reason.contains(word))
}

/// By SQLSTATE (PostgreSQL manual, appendix A).
fn classify_state(error: DbError) -> Attempt {
    let DbError { as_text: _, severity: _, code, message, detail, extras } = error;
    let (class, _) = code.split_at_checked(2).unwrap_or_default();
    match (class, code.as_str()) {
        // read_only_sql_transaction: a standby, or a primary that was made read-only.
        (_, "25006") => Attempt::ReadOnly(format!("{message} ({code})")),
        // serialization_failure, deadlock_detected
        (_, "40001" | "40P01") => Attempt::Rollback(message),
        // query_canceled (statement_timeout), lock_not_available
        (_, "57014" | "55P03") => Attempt::Cancelled(message),
        // Lost connections; a transaction in a state that our single statements never leave behind, or ended by a
        // timeout of the session's (25P03, 25P04); too few resources; shutdown. And statement_completion_unknown.
        ("08" | "25" | "53" | "57" | "58", _) | (_, "40003") => Attempt::Broken(format!("{message} ({code})")),
        _ => {
            let named = extras.into_iter().find(|(name, _)| is_constraint(name)).map(|(_, value)| value);
            let constraint = named.as_deref().or_else(|| constraint_in(class, &message)).map(of_table);
            Attempt::Refused(Refusal { code, constraint, message, detail })
        }
    }
}

fn is_constraint(field: &str) -> bool {
    field.eq_ignore_ascii_case("constraint") || field.eq_ignore_ascii_case("constraint_name")
}

/// The constraint that an error names in its message alone: the coordinator of Citus passes on what a worker has
/// refused without its fields. In English, as the worker's `lc_messages` must say.
fn constraint_in<'a>(class: &str, message: &'a str) -> Option<&'a str> {
    const INTEGRITY_CONSTRAINT_VIOLATION: &str = "23";
    if class != INTEGRITY_CONSTRAINT_VIOLATION {
        return None;
    }
    let (_, rest) = message.split_once(" constraint \"")?;
    rest.split_once('"').map(|(constraint, _)| constraint)
}

/// The name of a constraint in the migrations. On Citus those of a shard have its number at the end; none of ours ends
/// with a number.
fn of_table(constraint: &str) -> String {
    let name = match constraint.rsplit_once('_') {
        Some((name, number)) if number.parse::<u64>().is_ok() => name,
        _ => constraint,
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_with(code: &str) -> Attempt {
        classify_state(DbError {
            as_text: String::new(),
            severity: "ERROR".to_owned(),
            code: code.to_owned(),
            message: "no".to_owned(),
            detail: None,
            extras: vec![("constraint".to_owned(), "employees_email_key".to_owned())],
        })
    }

    #[test]
    fn a_violated_constraint_is_named() {
        let Attempt::Refused(refusal) = refused_with("23505") else { panic!("not refused") };
        assert_eq!(refusal.constraint.as_deref(), Some("employees_email_key"));
    }

    #[test]
    fn a_constraint_of_a_shard_has_the_name_of_the_tables() {
        for (name, of) in [
            ("employees_email_key_102008", "employees_email_key"),
            ("employees_email_key", "employees_email_key"),
            ("employees_email_key_v1", "employees_email_key_v1"),
            ("employees_email_key_", "employees_email_key_"),
            ("102008", "102008"),
        ] {
            assert_eq!(of_table(name), of, "{name}");
        }
    }

    #[test]
    fn a_constraint_is_found_in_the_message_of_a_violation() {
        for (message, constraint) in [
            (
                "duplicate key value violates unique constraint \"lists_folded_key_102008\"",
                Some("lists_folded_key_102008"),
            ),
            (
                "update or delete on table \"departments_102040\" violates foreign key constraint \
                 \"employees_department_fkey_102024\" on table \"employees_102024\"",
                Some("employees_department_fkey_102024"),
            ),
            ("null value in column \"name\" of relation \"lists_102008\" violates not-null constraint", None),
        ] {
            assert_eq!(constraint_in("23", message), constraint, "{message}");
        }
        assert_eq!(constraint_in("42", "constraint \"x\" does not exist, no constraint \"y\""), None);
    }

    #[test]
    fn states_are_sorted_by_what_to_do_about_them() {
        for code in ["57P01", "57P03", "57P05", "08006", "53300", "25P02", "25P03", "25P04", "25001", "40003"] {
            assert!(matches!(refused_with(code), Attempt::Broken(_)), "{code}");
        }
        assert!(matches!(refused_with("25006"), Attempt::ReadOnly(_)));
        for code in ["40P01", "40001"] {
            assert!(matches!(refused_with(code), Attempt::Rollback(_)), "{code}");
        }
        for code in ["57014", "55P03"] {
            assert!(matches!(refused_with(code), Attempt::Cancelled(_)), "{code}");
        }
        for code in ["23503", "42883", "TD001", ""] {
            assert!(matches!(refused_with(code), Attempt::Refused(_)), "{code}");
        }
    }

    #[test]
    fn the_drivers_own_errors_mean_a_defect_or_a_lost_connection() {
        let text = |text: &str| classify(SdkError::PgError(PgError::QueryFailed(QueryError::Text(text.to_owned()))));
        assert!(matches!(text("Error { kind: ToSql(1), cause: Some(WrongType) }"), Attempt::Defect(_)));
        assert!(matches!(text("Error { kind: Closed, cause: None }"), Attempt::Broken(_)));
    }
}
