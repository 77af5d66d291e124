//! Employees and departments, so that work can be assigned and filtered by team.

use uuid::Uuid;

use crate::cache::InvalidationScope;
use crate::domain::cursor::Position;
use crate::domain::filter::Limit;
use crate::domain::id::Id;
use crate::domain::idempotency::{IdempotencyKey, Written};
use crate::domain::page::Page;
use crate::domain::people::{Department, Employee, EmployeeDraft, EmployeePatch, Name};
use crate::domain::todo::Precondition;
use crate::store::departments;
use crate::store::employees;
use crate::{Caller, Result};

use super::Service;

impl Service {
    /// A page of employees.
    pub async fn list_employees(
        &self,
        caller: &Caller,
        from: Option<&Position>,
        limit: Limit,
    ) -> Result<Page<Employee>> {
        employees::page(&self.pg, caller, from, limit).await
    }

    /// Employees without the first `skip`.
    pub async fn skip_employees(&self, caller: &Caller, skip: i64, limit: Limit) -> Result<Vec<Employee>> {
        employees::skip(&self.pg, caller, skip, limit).await
    }

    /// One employee.
    pub async fn get_employee(&self, caller: &Caller, id: Id) -> Result<Employee> {
        employees::find(&self.pg, caller, id).await
    }

    /// A new employee.
    pub async fn create_employee(
        &self,
        caller: &Caller,
        draft: &EmployeeDraft,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Employee>> {
        let writing = self.write(caller, key, InvalidationScope::People).await?;
        let outcome = employees::insert(&self.pg, &writing.write(), Uuid::now_v7(), draft).await;
        writing.complete(outcome).await
    }

    /// An employee changes where the patch says so.
    pub async fn patch_employee(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        patch: &EmployeePatch,
    ) -> Result<Written<Employee>> {
        let writing = self.write(caller, None, InvalidationScope::Everything).await?;
        let outcome = employees::patch(&self.pg, &writing.write(), id, precondition, patch).await;
        writing.complete(outcome).await
    }

    /// Deletes an employee to whom no todo is assigned.
    pub async fn delete_employee(&self, caller: &Caller, id: Id, precondition: &Precondition) -> Result<Written<()>> {
        let writing = self.write(caller, None, InvalidationScope::Everything).await?;
        let outcome = employees::delete(&self.pg, &writing.write(), id, precondition).await;
        writing.complete(outcome).await
    }

    /// A page of departments.
    pub async fn list_departments(
        &self,
        caller: &Caller,
        from: Option<&Position>,
        limit: Limit,
    ) -> Result<Page<Department>> {
        departments::page(&self.pg, caller, from, limit).await
    }

    /// Departments without the first `skip`.
    pub async fn skip_departments(&self, caller: &Caller, skip: i64, limit: Limit) -> Result<Vec<Department>> {
        departments::skip(&self.pg, caller, skip, limit).await
    }

    /// One department.
    pub async fn get_department(&self, caller: &Caller, id: Id) -> Result<Department> {
        departments::find(&self.pg, caller, id).await
    }

    /// A new department.
    pub async fn create_department(
        &self,
        caller: &Caller,
        name: &Name,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Department>> {
        let writing = self.write(caller, key, InvalidationScope::People).await?;
        let outcome = departments::insert(&self.pg, &writing.write(), Uuid::now_v7(), name).await;
        writing.complete(outcome).await
    }

    /// A department gets another name, if one is given.
    pub async fn patch_department(
        &self,
        caller: &Caller,
        id: Id,
        precondition: &Precondition,
        name: Option<&Name>,
    ) -> Result<Written<Department>> {
        let writing = self.write(caller, None, InvalidationScope::Everything).await?;
        let outcome = departments::patch(&self.pg, &writing.write(), id, precondition, name).await;
        writing.complete(outcome).await
    }

    /// A department without employees goes.
    pub async fn delete_department(&self, caller: &Caller, id: Id, precondition: &Precondition) -> Result<Written<()>> {
        let writing = self.write(caller, None, InvalidationScope::Everything).await?;
        let outcome = departments::delete(&self.pg, &writing.write(), id, precondition).await;
        writing.complete(outcome).await
    }
}
