//! The operations on everything but todos.

use serde_json::json;
use todo_api::route::Version::V2;

use super::super::operation::Operation;
use super::example;

/// In the order of the route table.
pub fn operations() -> Vec<Operation> {
    let mut all = jobs_and_tags();
    all.extend(lists());
    all.extend(employees());
    all.extend(departments());
    all.extend(administration());
    all.push(Operation::of(V2, "openapi", "Read this document").described().cached());
    all
}

fn jobs_and_tags() -> Vec<Operation> {
    vec![
        Operation::of(V2, "list_jobs", "List jobs")
            .about("A page of jobs, newest first.")
            .tag("jobs")
            .paged()
            .answers(200, "JobPage", "A page.", &["ETag", "Link"], example::page(example::job()))
            .cached(),
        Operation::of(V2, "get_job", "Read a job")
            .tag("jobs")
            .of_one("job_not_found")
            .answers(200, "Job", "The job.", &["ETag"], example::job())
            .cached(),
        Operation::of(V2, "cancel_job", "Cancel a job")
            .about(
                "Stops the job. Todos that it has changed stay changed. Jobs that are the rest of a merge or a \
                 deletion of a tag cannot be cancelled.",
            )
            .tag("jobs")
            .of_one("job_not_found")
            .fails(&["job_finished", "job_required"])
            .answers(200, "Job", "The job as it is now.", &["ETag"], example::job()),
        Operation::of(V2, "list_tags", "List tags")
            .about("A page of tags, each with the number of live todos that have it.")
            .tag("tags")
            .paged()
            .answers(200, "TagPage", "A page.", &["ETag", "Link"], example::page(example::tag()))
            .cached(),
        Operation::of(V2, "rename_tag", "Rename a tag")
            .about(
                "Renames the tag. If another tag has the new name, the two are merged, and the answer is the merged \
                 tag: from then on all todos show that one, and none is found by the former id. If more than 2,000 \
                 todos have the former tag, a job of the kind `tags.merge` does the rest in the background; until it \
                 has ended, a todo that had both tags counts twice in `count`.",
            )
            .tag("tags")
            .of_one("tag_not_found")
            .conditional()
            .body("TagPatch", json!({"name": "home"}))
            .answers(200, "Tag", "The tag.", &["ETag"], example::tag()),
        Operation::of(V2, "delete_tag", "Delete a tag")
            .about(
                "Removes the tag from all todos: from then on none shows it or is found by it. If more than 2,000 \
                 todos have it, a job of the kind `tags.delete` does the rest in the background, which nobody sees.",
            )
            .tag("tags")
            .of_one("tag_not_found")
            .conditional()
            .empty("The tag was deleted."),
    ]
}

#[expect(clippy::too_many_lines, reason = "one list: the operations")]
fn lists() -> Vec<Operation> {
    let of_one = |operation: Operation| operation.tag("lists").of_one("list_not_found");
    vec![
        Operation::of(V2, "list_lists", "List lists")
            .about(
                "A page of lists, the oldest first, archived ones included, each with how many open todos are in it. \
                 Clients show them in the order of `position`.",
            )
            .tag("lists")
            .paged()
            .answers(200, "ListPage", "A page.", &["ETag", "Link"], example::page(example::list()))
            .cached(),
        Operation::of(V2, "create_list", "Create a list")
            .about("A workspace has at most 1,000 lists.")
            .tag("lists")
            .body("ListDraft", example::list_draft())
            .idempotent()
            .fails(&["list_name_taken", "too_many_lists"])
            .answers(201, "List", "It was created.", &["ETag", "Location"], example::list()),
        of_one(Operation::of(V2, "get_list", "Read a list"))
            .answers(200, "List", "The list.", &["ETag"], example::list())
            .cached(),
        of_one(Operation::of(V2, "put_list", "Replace or create a list"))
            .about(
                "With `If-Match` it replaces a list; with `If-None-Match: *` it creates one under an id that the \
                    client chose.",
            )
            .with(&["put-If-Match", "put-If-None-Match"])
            .fails(&[
                "stale_version",
                "list_exists",
                "list_deleted",
                "list_name_taken",
                "too_many_lists",
                "precondition_required",
            ])
            .body("ListDraft", example::list_draft())
            .answers(200, "List", "The list as it is now.", &["ETag"], example::list())
            .answers(201, "List", "It was created.", &["ETag", "Location"], example::list()),
        of_one(Operation::of(V2, "patch_list", "Change a list"))
            .about(
                "Changes the fields that are given (RFC 7396). `archived` takes its todos out of lists of todos, or \
                    back.",
            )
            .conditional()
            .body("ListPatch", json!({"archived": true}))
            .fails(&["list_name_taken"])
            .answers(200, "List", "The list as it is now.", &["ETag"], example::list()),
        of_one(Operation::of(V2, "delete_list", "Delete a list"))
            .about("Refused while todos are in it. The bulk actions `move` and `delete` empty a list.")
            .conditional()
            .fails(&["list_not_empty"])
            .empty("It is gone."),
    ]
}

fn employees() -> Vec<Operation> {
    let of_one = |operation: Operation| operation.tag("employees").of_one("employee_not_found");
    vec![
        Operation::of(V2, "list_employees", "List employees")
            .tag("employees")
            .paged()
            .answers(200, "EmployeePage", "A page.", &["ETag", "Link"], example::page(example::employee()))
            .cached(),
        Operation::of(V2, "create_employee", "Create an employee")
            .tag("employees")
            .body("EmployeeDraft", json!({"name": "Ada Lovelace", "email": "ada@example.com"}))
            .idempotent()
            .fails(&["email_taken"])
            .answers(201, "Employee", "The employee was created.", &["ETag", "Location"], example::employee()),
        of_one(Operation::of(V2, "get_employee", "Read an employee"))
            .answers(200, "Employee", "The employee.", &["ETag"], example::employee())
            .cached(),
        of_one(Operation::of(V2, "patch_employee", "Change an employee"))
            .about("Changes the fields that are given (RFC 7396).")
            .conditional()
            .body("EmployeePatch", json!({"department_id": null}))
            .fails(&["email_taken"])
            .answers(200, "Employee", "The employee as it is now.", &["ETag"], example::employee()),
        of_one(Operation::of(V2, "delete_employee", "Delete an employee"))
            .about("Deletes the employee. It is refused while todos are assigned to the employee.")
            .conditional()
            .fails(&["employee_referenced"])
            .empty("The employee was deleted."),
    ]
}

fn departments() -> Vec<Operation> {
    let of_one = |operation: Operation| operation.tag("departments").of_one("department_not_found");
    vec![
        Operation::of(V2, "list_departments", "List departments")
            .tag("departments")
            .paged()
            .answers(200, "DepartmentPage", "A page.", &["ETag", "Link"], example::page(example::department()))
            .cached(),
        Operation::of(V2, "create_department", "Create a department")
            .tag("departments")
            .body("DepartmentDraft", json!({"name": "Research"}))
            .idempotent()
            .fails(&["department_name_taken"])
            .answers(201, "Department", "The department was created.", &["ETag", "Location"], example::department()),
        of_one(Operation::of(V2, "get_department", "Read a department"))
            .answers(200, "Department", "The department.", &["ETag"], example::department())
            .cached(),
        of_one(Operation::of(V2, "patch_department", "Change a department"))
            .about("Changes the fields that are given (RFC 7396).")
            .conditional()
            .body("DepartmentPatch", json!({"name": "Research"}))
            .fails(&["department_name_taken"])
            .answers(200, "Department", "The department as it is now.", &["ETag"], example::department()),
        of_one(Operation::of(V2, "delete_department", "Delete a department"))
            .about("Deletes the department. It is refused while employees belong to the department.")
            .conditional()
            .fails(&["department_referenced"])
            .empty("The department was deleted."),
    ]
}

fn administration() -> Vec<Operation> {
    let read = |id, summary| Operation::of(V2, id, summary).tag("admin").paged();
    let write = |id, summary| Operation::of(V2, id, summary).tag("admin");
    vec![
        Operation::of(V2, "get_me", "Read the caller")
            .about("The caller's workspace, token, person, scopes and limits. Any token may ask.")
            .tag("caller")
            .answers(200, "Me", "The caller.", &[], example::me()),
        read("list_workspaces", "List workspaces")
            .answers(200, "WorkspacePage", "A page.", &["ETag", "Link"], example::page(example::workspace()))
            .cached(),
        write("create_workspace", "Create a workspace")
            .body("WorkspaceDraft", json!({"name": "Analytical Engines"}))
            .idempotent()
            .fails(&["workspace_name_taken"])
            .answers(201, "Workspace", "The workspace was created.", &[], example::workspace()),
        read("list_tokens", "List tokens")
            .about("A page of tokens, without the tokens' texts, which are not stored.")
            .with(&["workspace"])
            .answers(200, "TokenPage", "A page.", &["ETag", "Link"], example::page(example::token()))
            .cached(),
        write("create_token", "Create a token")
            .about(
                "Creates a token. Its text is only in this answer: a replay with the same idempotency key does not \
                    contain it. A token may name an employee, for good: that is whom `me` means in requests with it.",
            )
            .body(
                "TokenDraft",
                json!({
                    "workspace_id": example::ID, "name": "phone", "employee_id": example::EMPLOYEE,
                    "scopes": ["todos:read", "todos:write"], "expires_at": null,
                }),
            )
            .idempotent()
            .answers(201, "Token", "The token was created.", &[], example::new_token()),
        write("revoke_token", "Revoke a token")
            .about("Revokes the token. Every instance refuses it within a second.")
            .of_one("token_not_found")
            .empty("The token was revoked."),
    ]
}
