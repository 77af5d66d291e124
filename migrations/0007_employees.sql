-- Employees, whom todos can be assigned to.

CREATE TABLE employees (
    workspace_id  bigint NOT NULL CONSTRAINT employees_workspace_fkey REFERENCES workspaces (id),
    id            bigserial,
    uid           uuid NOT NULL,
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    email         text NOT NULL CHECK (char_length(email) BETWEEN 1 AND 254),
    department_id bigint,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    version       bigint NOT NULL DEFAULT 1,
    CONSTRAINT employees_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT employees_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT employees_department_fkey FOREIGN KEY (workspace_id, department_id)
        REFERENCES departments (workspace_id, id)
);
-- One employee an address. Addresses are ASCII; the collation keeps lower() from depending on the locale of the
-- database.
CREATE UNIQUE INDEX employees_email_key ON employees (workspace_id, lower(email COLLATE "C"));
-- Lists of todos by department (members_v1), and the foreign key when a department is deleted.
CREATE INDEX employees_department ON employees (workspace_id, department_id, id);

CREATE VIEW employee_documents_v1 AS
SELECT e.workspace_id, e.id, e.uid, json_build_object(
    'id', e.id, 'uid', e.uid, 'name', e.name, 'email', e.email, 'department', (
        SELECT row_to_json(department) FROM (
            SELECT d.id, d.uid, d.name FROM departments d
            WHERE d.workspace_id = e.workspace_id AND d.id = e.department_id
        ) department
    ), 'created_at', rfc3339_v1(e.created_at), 'updated_at', rfc3339_v1(e.updated_at), 'version', e.version
)::text AS document
FROM employees e;

-- Tokens name employees.
ALTER TABLE tokens ADD CONSTRAINT tokens_employee_fkey FOREIGN KEY (workspace_id, employee_id)
    REFERENCES employees (workspace_id, id);
-- The tokens of an employee who is deleted, and the foreign key.
CREATE INDEX tokens_employee ON tokens (workspace_id, employee_id) WHERE employee_id IS NOT NULL;

CREATE VIEW token_documents_v1 AS
SELECT t.workspace_id, t.id, w.uid AS workspace_uid, t.revoked_at, json_build_object(
    'id', t.id, 'uid', t.uid, 'workspace_uid', w.uid, 'name', t.name,
    'employee', CASE WHEN e.id IS NOT NULL THEN json_build_object('uid', e.uid, 'name', e.name) END,
    'scopes', t.scopes, 'expires_at', rfc3339_v1(t.expires_at), 'created_at', rfc3339_v1(t.created_at), 'last_used_at',
    rfc3339_v1(t.last_used_at)
)::text AS document
FROM tokens t JOIN workspaces w ON w.id = t.workspace_id
LEFT JOIN employees e ON e.workspace_id = t.workspace_id AND e.id = t.employee_id;

-- Conditions on lists call these two. Marked immutable, which they are for the moment of one statement: so the
-- planner evaluates them, once, and knows how much work the employee or the department has. Right only where the
-- arguments are parameters of a statement that is planned for each execution, as every statement of the components
-- is.
CREATE FUNCTION employee_id_v1(p_workspace bigint, p_uid uuid) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT id FROM employees WHERE workspace_id = p_workspace AND uid = p_uid);
END $$;

CREATE FUNCTION members_v1(p_workspace bigint, p_department bigint, p_department_uid uuid) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(
        SELECT e.id FROM employees e
        JOIN departments d ON d.workspace_id = e.workspace_id AND d.id = e.department_id
        WHERE d.workspace_id = p_workspace AND (d.id = p_department OR d.uid = p_department_uid)
    );
END $$;

-- The employee of a reference (a number or a UUID), kept from being deleted until the end of the transaction; null if
-- there is none.
CREATE FUNCTION employee_ref_v1(p_workspace bigint, p_ref jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
BEGIN
    IF jsonb_typeof(p_ref) = 'number' THEN
        SELECT id INTO found_id FROM employees
            WHERE workspace_id = p_workspace AND id = (p_ref #>> '{}')::bigint FOR KEY SHARE;
    ELSE
        SELECT id INTO found_id FROM employees
            WHERE workspace_id = p_workspace AND uid = (p_ref #>> '{}')::uuid FOR KEY SHARE;
    END IF;
    RETURN found_id;
END $$;

-- Creates an employee (p_create, under p_uid) or changes one. p_fields, all optional for a change: name, email,
-- department (a number or a UUID, or null). A violated employees_email_key ends the statement: the address is taken.
CREATE FUNCTION employee_write_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_create boolean, p_id bigint,
    p_uid uuid, p_versions bigint[], p_fields jsonb, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    former employees;
    w employees;
    instant CONSTANT timestamptz := clock_timestamp();
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    IF NOT p_create THEN
        SELECT * INTO former FROM employees
            WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR NO KEY UPDATE;
        outcome := precondition_v1(former.version, p_versions);
        IF outcome <> 'done' THEN
            RETURN;
        END IF;
    END IF;
    w := former;
    w.name := coalesce(p_fields ->> 'name', former.name);
    w.email := coalesce(p_fields ->> 'email', former.email);
    IF p_fields ? 'department' THEN
        w.department_id := NULL;
        IF jsonb_typeof(p_fields -> 'department') <> 'null' THEN
            w.department_id := department_ref_v1(p_workspace, p_fields -> 'department');
            IF w.department_id IS NULL THEN
                outcome := 'no_department';
                RETURN;
            END IF;
        END IF;
    END IF;
    IF p_create THEN
        INSERT INTO employees (workspace_id, uid, name, email, department_id)
        VALUES (p_workspace, p_uid, w.name, w.email, w.department_id) RETURNING id INTO w.id;
        INSERT INTO events (workspace_id, type, subject, version) VALUES (p_workspace, 'employee.created', p_uid, 1);
    ELSIF (w.name, w.email, w.department_id) IS DISTINCT FROM (former.name, former.email, former.department_id) THEN
        UPDATE employees SET name = w.name, email = w.email, department_id = w.department_id, version = version + 1,
            updated_at = changed_at_v1(instant, updated_at)
        WHERE workspace_id = p_workspace AND id = former.id;
        INSERT INTO events (workspace_id, type, subject, version, changes)
        VALUES (p_workspace, 'employee.updated', former.uid, former.version + 1,
            field_change_v1('name', former.name, w.name) || field_change_v1('email', former.email, w.email)
            || value_change_v1('department', department_named_v1(p_workspace, former.department_id),
                department_named_v1(p_workspace, w.department_id)));
    END IF;
    body := (SELECT document FROM employee_documents_v1 WHERE workspace_id = p_workspace AND id = w.id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
    outcome := 'done';
END $$;

-- Deletes an employee whom no live todo is assigned to and no live token names ('referenced'). Todos in the bin lose their
-- assignee, tokens that are revoked or expired their employee. The lock keeps others from referring to the employee
-- meanwhile.
CREATE FUNCTION employee_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    employee employees;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    SELECT * INTO employee FROM employees WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR UPDATE;
    outcome := precondition_v1(employee.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM todos WHERE workspace_id = p_workspace AND assignee_id = employee.id AND deleted_at IS NULL
    ) OR EXISTS (
        SELECT FROM tokens WHERE workspace_id = p_workspace AND employee_id = employee.id AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > now())
    ) THEN
        outcome := 'referenced';
        RETURN;
    END IF;
    UPDATE todos SET assignee_id = NULL
    WHERE workspace_id = p_workspace AND assignee_id = employee.id AND deleted_at IS NOT NULL;
    UPDATE tokens SET employee_id = NULL
    WHERE workspace_id = p_workspace AND employee_id = employee.id
        AND (revoked_at IS NOT NULL OR expires_at <= now());
    DELETE FROM employees WHERE workspace_id = p_workspace AND id = employee.id;
    INSERT INTO events (workspace_id, type, subject, version, changes)
    VALUES (p_workspace, 'employee.deleted', employee.uid, employee.version + 1,
        field_change_v1('name', employee.name, NULL));
    body := 'null';
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;
