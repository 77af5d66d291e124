//! Tags, employees and departments in version 2.

use serde::Serialize;
use todo_core::domain::people::{self, Email, EmployeeDraft, EmployeePatch, Name};
use todo_core::domain::tag;
use todo_core::domain::text::TagName;
use utoipa::ToSchema;
use uuid::Uuid;

use super::todo::DepartmentRef;
use crate::extract::body::FromJson;
use crate::extract::fields::{self, Fields};
use crate::types::scalar;

/// A tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tag {
    /// The public id.
    id: Uuid,
    /// The name, in the spelling that was used first.
    #[schema(value_type = scalar::TagName)]
    name: String,
    #[doc = " The number of live todos that have it. After a merge of tags that many todos have, one that had both \
             counts twice until the"]
    /// job `tags.merge` has ended.
    count: i64,
    /// When it was first used.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// Begins at 1 and rises by one with each rename.
    #[schema(minimum = 1)]
    pub version: i64,
}

impl From<tag::Tag> for Tag {
    fn from(tag: tag::Tag) -> Self {
        let tag::Tag { id: _, uid, name, count, created_at, version } = tag;
        Self { id: uid, name, count, created_at: created_at.into_string(), version }
    }
}

/// A tag's new name.
#[derive(Debug, ToSchema)]
pub struct TagPatch {
    /// The name. If another tag has it, the two are merged.
    #[schema(value_type = scalar::TagNameInput)]
    pub name: TagName,
}

impl FromJson for TagPatch {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(&["id", "count", "created_at", "version"]);
        Some(Self { name: fields.required("name", fields.sanitised(TagName::parse_within))? })
    }
}

/// An employee.
#[derive(Debug, Serialize, ToSchema)]
pub struct Employee {
    /// The public id.
    pub id: Uuid,
    /// The employee's name.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// The e-mail address, unique without regard to case.
    #[schema(value_type = scalar::Email)]
    email: String,
    /// The employee's department, or null.
    department: Option<DepartmentRef>,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    updated_at: String,
    /// Begins at 1 and rises by one with each change.
    #[schema(minimum = 1)]
    pub version: i64,
}

impl From<people::Employee> for Employee {
    fn from(employee: people::Employee) -> Self {
        let people::Employee { id: _, uid, name, email, department, created_at, updated_at, version } = employee;
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

// What the decoder of the core's draft reads.
/// A new employee.
#[derive(Debug, ToSchema)]
#[schema(as = EmployeeDraft)]
pub struct EmployeeDraftBody {
    /// The employee's name.
    #[schema(value_type = scalar::NameInput)]
    pub name: String,
    /// The e-mail address.
    #[schema(value_type = scalar::EmailInput)]
    pub email: String,
    /// The id of the employee's department.
    pub department_id: Option<Uuid>,
}

// What the decoder of the core's patch reads.
/// A change to an employee.
#[derive(Debug, ToSchema)]
#[schema(as = EmployeePatch)]
pub struct EmployeePatchBody {
    /// The employee's name.
    #[schema(value_type = Option<scalar::NameInput>, nullable = false)]
    pub name: Option<String>,
    /// The e-mail address.
    #[schema(value_type = Option<scalar::EmailInput>, nullable = false)]
    pub email: Option<String>,
    /// The id of the employee's department; null: none.
    pub department_id: Option<Uuid>,
}

const EMPLOYEE_READ_ONLY: &[&str] = &["id", "department", "created_at", "updated_at", "version"];

impl FromJson for EmployeeDraft {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(EMPLOYEE_READ_ONLY);
        let name = fields.required("name", fields.sanitised(Name::parse_within));
        let email = fields.required("email", fields::text(Email::parse));
        let department = fields.nullable("department_id", fields::uuid);
        Some(Self { name: name?, email: email?, department: department?.flatten() })
    }
}

impl FromJson for EmployeePatch {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(EMPLOYEE_READ_ONLY);
        let name = fields.optional("name", fields.sanitised(Name::parse_within));
        let email = fields.optional("email", fields::text(Email::parse));
        let department = fields.nullable("department_id", fields::uuid);
        Some(Self { name: name?, email: email?, department: department? })
    }
}

/// An employee, named from elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmployeeRef {
    /// The employee's id.
    pub id: Uuid,
    /// The employee's name.
    #[schema(value_type = scalar::Name)]
    pub name: String,
}

impl From<people::EmployeeRef> for EmployeeRef {
    fn from(employee: people::EmployeeRef) -> Self {
        let people::EmployeeRef { uid, name } = employee;
        Self { id: uid, name: name.into_string() }
    }
}

/// A department.
#[derive(Debug, Serialize, ToSchema)]
pub struct Department {
    /// The public id.
    pub id: Uuid,
    /// The name, unique.
    #[schema(value_type = scalar::Name)]
    name: String,
    /// When it was created.
    #[schema(value_type = scalar::Instant)]
    created_at: String,
    /// When it last changed.
    #[schema(value_type = scalar::Instant)]
    updated_at: String,
    /// Begins at 1 and rises by one with each change.
    #[schema(minimum = 1)]
    pub version: i64,
}

impl From<people::Department> for Department {
    fn from(department: people::Department) -> Self {
        let people::Department { id: _, uid, name, created_at, updated_at, version } = department;
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
#[derive(Debug, ToSchema)]
pub struct DepartmentDraft {
    /// Its name.
    #[schema(value_type = scalar::NameInput)]
    pub name: Name,
}

impl FromJson for DepartmentDraft {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(DEPARTMENT_READ_ONLY);
        Some(Self { name: fields.required("name", fields.sanitised(Name::parse_within))? })
    }
}

/// A change to a department.
#[derive(Debug, ToSchema)]
pub struct DepartmentPatch {
    /// Its new name.
    #[schema(value_type = Option<scalar::NameInput>, nullable = false)]
    pub name: Option<Name>,
}

impl FromJson for DepartmentPatch {
    fn from_json(fields: &mut Fields) -> Option<Self> {
        fields.read_only(DEPARTMENT_READ_ONLY);
        Some(Self { name: fields.optional("name", fields.sanitised(Name::parse_within))? })
    }
}
