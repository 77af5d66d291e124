-- Writing tags, departments and employees.

CREATE VIEW department_documents_v1 AS
SELECT d.workspace_id, d.id, d.uid, (
    SELECT row_to_json(document)::text FROM (
        SELECT d.id, d.uid, d.name, rfc3339_v1(d.created_at) AS created_at, rfc3339_v1(d.updated_at) AS updated_at, d.version
    ) document
) AS document
FROM departments d;

CREATE VIEW employee_documents_v1 AS
SELECT e.workspace_id, e.id, e.uid, (
    SELECT row_to_json(document)::text FROM (
        SELECT e.id, e.uid, e.name, e.email, (
                SELECT row_to_json(department) FROM (
                    SELECT d.id, d.uid, d.name FROM departments d
                    WHERE d.workspace_id = e.workspace_id AND d.id = e.department_id
                ) department
            ) AS department,
            rfc3339_v1(e.created_at) AS created_at, rfc3339_v1(e.updated_at) AS updated_at, e.version
    ) document
) AS document
FROM employees e;

-- How many live todos have a tag: all that have it, without those in the bin, which are few.
CREATE FUNCTION tag_count_v1(p_workspace bigint, p_tag bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (SELECT count(*) FROM todo_tags WHERE workspace_id = p_workspace AND tag_id = p_tag) - (
        SELECT count(*) FROM todos t JOIN todo_tags l ON l.workspace_id = t.workspace_id AND l.todo_id = t.id
        WHERE t.workspace_id = p_workspace AND t.deleted_at IS NOT NULL AND l.tag_id = p_tag
    );
$$;

-- Gives a tag another name. Where a tag of that name exists the two merge and the other one stays; todos with both keep one.
CREATE FUNCTION tag_rename_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], p_name text, p_folded text, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    tag tags;
    other tags;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    PERFORM lock_tags_v1(p_workspace, true);
    SELECT * INTO tag FROM tags WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid);
    outcome := CASE WHEN tag.id IS NULL THEN 'not_found' WHEN tag.version <> ALL (p_versions) THEN 'stale' ELSE 'done' END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    SELECT * INTO other FROM tags WHERE workspace_id = p_workspace AND folded = p_folded AND id <> tag.id;
    IF FOUND THEN
        -- Moved rather than copied: the reference to the todo stays as it is and is not checked again.
        UPDATE todo_tags l SET tag_id = other.id
        WHERE l.workspace_id = p_workspace AND l.tag_id = tag.id AND NOT EXISTS (
            SELECT FROM todo_tags k WHERE k.workspace_id = p_workspace AND k.todo_id = l.todo_id AND k.tag_id = other.id
        );
        DELETE FROM tags WHERE workspace_id = p_workspace AND id = tag.id;
        tag := other;
    ELSIF tag.name <> p_name THEN
        UPDATE tags SET name = p_name, folded = p_folded, version = version + 1
        WHERE workspace_id = p_workspace AND id = tag.id RETURNING * INTO tag;
    END IF;
    body := json_build_object('id', tag.id, 'uid', tag.uid, 'name', tag.name, 'count', tag_count_v1(p_workspace, tag.id),
        'created_at', rfc3339_v1(tag.created_at), 'version', tag.version);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

CREATE FUNCTION tag_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    tag tags;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    PERFORM lock_tags_v1(p_workspace, true);
    SELECT * INTO tag FROM tags WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid);
    outcome := CASE WHEN tag.id IS NULL THEN 'not_found' WHEN tag.version <> ALL (p_versions) THEN 'stale' ELSE 'done' END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    DELETE FROM tags WHERE workspace_id = p_workspace AND id = tag.id;
    body := 'null';
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

-- A violated departments_name_key ends the statement: the name is taken.
CREATE FUNCTION department_create_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_uid uuid, p_name text,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    department_id bigint;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    INSERT INTO departments (workspace_id, uid, name) VALUES (p_workspace, p_uid, p_name) RETURNING id INTO department_id;
    body := (SELECT document FROM department_documents_v1 WHERE workspace_id = p_workspace AND id = department_id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
    outcome := 'done';
END $$;

CREATE FUNCTION department_update_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], p_name text, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    department departments;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    SELECT * INTO department FROM departments
        WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR NO KEY UPDATE;
    outcome := CASE
        WHEN department.id IS NULL THEN 'not_found'
        WHEN department.version <> ALL (p_versions) THEN 'stale'
        ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    UPDATE departments SET name = p_name, version = version + 1,
        updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
    WHERE workspace_id = p_workspace AND id = department.id AND name <> p_name;
    body := (SELECT document FROM department_documents_v1 WHERE workspace_id = p_workspace AND id = department.id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

-- A violated employees_department_fkey ends the statement: employees belong to it.
CREATE FUNCTION department_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    department departments;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    SELECT * INTO department FROM departments WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR UPDATE;
    outcome := CASE
        WHEN department.id IS NULL THEN 'not_found'
        WHEN department.version <> ALL (p_versions) THEN 'stale'
        ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    DELETE FROM departments WHERE workspace_id = p_workspace AND id = department.id;
    body := 'null';
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

-- The department of a reference, kept from being deleted until the end of the transaction; null if there is none.
CREATE FUNCTION department_ref_v1(p_workspace bigint, p_ref jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
BEGIN
    IF jsonb_typeof(p_ref) = 'number' THEN
        SELECT id INTO found_id FROM departments
            WHERE workspace_id = p_workspace AND id = (p_ref #>> '{}')::bigint FOR KEY SHARE;
    ELSE
        SELECT id INTO found_id FROM departments
            WHERE workspace_id = p_workspace AND uid = (p_ref #>> '{}')::uuid FOR KEY SHARE;
    END IF;
    RETURN found_id;
END $$;

-- Creates an employee (p_create, under p_uid) or changes one. p_fields, all optional for a change: name, email, department (a
-- number or a UUID, or null). A violated employees_email_key ends the statement: the address is taken.
CREATE FUNCTION employee_write_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_create boolean, p_id bigint,
    p_uid uuid, p_versions bigint[], p_fields jsonb, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    former employees;
    w employees;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    IF NOT p_create THEN
        SELECT * INTO former FROM employees
            WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR NO KEY UPDATE;
        outcome := CASE
            WHEN former.id IS NULL THEN 'not_found' WHEN former.version <> ALL (p_versions) THEN 'stale' ELSE 'done'
        END;
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
    ELSIF (w.name, w.email, w.department_id) IS DISTINCT FROM (former.name, former.email, former.department_id) THEN
        UPDATE employees SET name = w.name, email = w.email, department_id = w.department_id, version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        WHERE workspace_id = p_workspace AND id = former.id;
    END IF;
    body := (SELECT document FROM employee_documents_v1 WHERE workspace_id = p_workspace AND id = w.id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
    outcome := 'done';
END $$;

-- Removes an employee whom no live todo is assigned to ('referenced'); todos in the bin lose their assignee. The lock keeps
-- others from assigning to the employee meanwhile.
CREATE FUNCTION employee_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
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
    outcome := CASE
        WHEN employee.id IS NULL THEN 'not_found' WHEN employee.version <> ALL (p_versions) THEN 'stale' ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM todos WHERE workspace_id = p_workspace AND assignee_id = employee.id AND deleted_at IS NULL) THEN
        outcome := 'referenced';
        RETURN;
    END IF;
    UPDATE todos SET assignee_id = NULL
    WHERE workspace_id = p_workspace AND assignee_id = employee.id AND deleted_at IS NOT NULL;
    DELETE FROM employees WHERE workspace_id = p_workspace AND id = employee.id;
    body := 'null';
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;
