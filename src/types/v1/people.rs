//! Employees and departments in version 1.

use serde::Serialize;
use todo_core::domain::people;
use utoipa::ToSchema;

use super::todo::DepartmentRef;
use crate::types::scalar;

/// An employee.
#[derive(Debug, Serialize, ToSchema)]
pub struct Employee {
    /// The id.
    #[schema(minimum = 1)]
    id: i64,
    /// The name.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// The e-mail address.
    #[schema(value_type = scalar::Email)]
    email: String,
    /// Where the employee works, or null.
    department: Option<DepartmentRef>,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    updated_at: String,
    /// 1 at first, one more with each change.
    #[schema(minimum = 1)]
    version: i64,
}

impl From<people::Employee> for Employee {
    fn from(employee: people::Employee) -> Self {
        let people::Employee { id, uid: _, name, email, department, created_at, updated_at, version } = employee;
        Self {
            id,
            name: name.into_string(),
            email: email.into_string(),
            department: department.map(DepartmentRef::from),
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            version,
        }
    }
}

/// A department.
#[derive(Debug, Serialize, ToSchema)]
pub struct Department {
    /// The id.
    #[schema(minimum = 1)]
    id: i64,
    /// The name.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    updated_at: String,
    /// 1 at first, one more with each change.
    #[schema(minimum = 1)]
    version: i64,
}

impl From<people::Department> for Department {
    fn from(department: people::Department) -> Self {
        let people::Department { id, uid: _, name, created_at, updated_at, version } = department;
        Self {
            id,
            name: name.into_string(),
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            version,
        }
    }
}
