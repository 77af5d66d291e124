//! Tags, employees and departments in version 2.

use serde::Serialize;
use todo_core::domain::people::{Email, Name};
use todo_core::domain::text::TagName;
use todo_core::store::employees::{EmployeeDraft, EmployeePatch};
use todo_core::store::{departments, employees, tags};
use uuid::Uuid;

use super::todo::DepartmentRef;
use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};

/// A tag.
#[derive(Debug, Serialize)]
pub struct Tag {
    id: Uuid,
    name: String,
    count: i64,
    created_at: String,
    /// 1 at first, one more with each rename.
    pub version: i64,
}

impl From<tags::Tag> for Tag {
    fn from(tag: tags::Tag) -> Self {
        let tags::Tag { id: _, uid, name, count, created_at, version } = tag;
        Self { id: uid, name, count, created_at: created_at.into_string(), version }
    }
}

/// A tag's new name.
#[derive(Debug)]
pub struct TagPatch {
    /// The name.
    pub name: TagName,
}

impl FromJson for TagPatch {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(&["id", "count", "created_at", "version"]);
        Some(Self { name: fields.required("name", fields::text(TagName::parse))? })
    }
}

/// An employee.
#[derive(Debug, Serialize)]
pub struct Employee {
    /// The public id.
    pub id: Uuid,
    name: String,
    email: String,
    department: Option<DepartmentRef>,
    created_at: String,
    updated_at: String,
    /// 1 at first, one more with each change.
    pub version: i64,
}

impl From<employees::Employee> for Employee {
    fn from(employee: employees::Employee) -> Self {
        let employees::Employee { id: _, uid, name, email, department, created_at, updated_at, version } = employee;
        Self {
            id: uid,
            name: name.into_string(),
            email: email.into_string(),
            department: department.map(DepartmentRef::from),
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            version,
        }
    }
}

const EMPLOYEE_READ_ONLY: &[&str] = &["id", "department", "created_at", "updated_at", "version"];

impl FromJson for EmployeeDraft {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(EMPLOYEE_READ_ONLY);
        let name = fields.required("name", fields::text(Name::parse));
        let email = fields.required("email", fields::text(Email::parse));
        let department = fields.nullable("department_id", fields::uuid);
        Some(Self { name: name?, email: email?, department: department?.flatten() })
    }
}

impl FromJson for EmployeePatch {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(EMPLOYEE_READ_ONLY);
        let name = fields.optional("name", fields::text(Name::parse));
        let email = fields.optional("email", fields::text(Email::parse));
        let department = fields.nullable("department_id", fields::uuid);
        Some(Self { name: name?, email: email?, department: department? })
    }
}

/// A department.
#[derive(Debug, Serialize)]
pub struct Department {
    /// The public id.
    pub id: Uuid,
    name: String,
    created_at: String,
    updated_at: String,
    /// 1 at first, one more with each change.
    pub version: i64,
}

impl From<departments::Department> for Department {
    fn from(department: departments::Department) -> Self {
        let departments::Department { id: _, uid, name, created_at, updated_at, version } = department;
        Self {
            id: uid,
            name: name.into_string(),
            created_at: created_at.into_string(),
            updated_at: updated_at.into_string(),
            version,
        }
    }
}

const DEPARTMENT_READ_ONLY: &[&str] = &["id", "created_at", "updated_at", "version"];

/// A new department.
#[derive(Debug)]
pub struct DepartmentDraft {
    /// Its name.
    pub name: Name,
}

impl FromJson for DepartmentDraft {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(DEPARTMENT_READ_ONLY);
        Some(Self { name: fields.required("name", fields::text(Name::parse))? })
    }
}

/// A change to a department.
#[derive(Debug)]
pub struct DepartmentPatch {
    /// Its new name.
    pub name: Option<Name>,
}

impl FromJson for DepartmentPatch {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(DEPARTMENT_READ_ONLY);
        Some(Self { name: fields.optional("name", fields::text(Name::parse))? })
    }
}
