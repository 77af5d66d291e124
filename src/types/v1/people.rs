//! Employees and departments in version 1.

use serde::Serialize;
use todo_core::store::{departments, employees};

use super::todo::DepartmentRef;

/// An employee.
#[derive(Debug, Serialize)]
pub struct Employee {
    id: i64,
    name: String,
    email: String,
    department: Option<DepartmentRef>,
    created_at: String,
    updated_at: String,
    version: i64,
}

impl From<employees::Employee> for Employee {
    fn from(employee: employees::Employee) -> Self {
        let employees::Employee { id, uid: _, name, email, department, created_at, updated_at, version } = employee;
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
#[derive(Debug, Serialize)]
pub struct Department {
    id: i64,
    name: String,
    created_at: String,
    updated_at: String,
    version: i64,
}

impl From<departments::Department> for Department {
    fn from(department: departments::Department) -> Self {
        let departments::Department { id, uid: _, name, created_at, updated_at, version } = department;
        Self {
            id,
            name: name.into_string(),
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            version,
        }
    }
}
