-- Departments.

CREATE TABLE departments (
    workspace_id bigint NOT NULL CONSTRAINT departments_workspace_fkey REFERENCES workspaces (id),
    id           bigserial,
    uid          uuid NOT NULL,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    version      bigint NOT NULL DEFAULT 1,
    CONSTRAINT departments_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT departments_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT departments_name_key UNIQUE (workspace_id, name)
);

CREATE VIEW department_documents_v1 AS
SELECT d.workspace_id, d.id, d.uid, (
    SELECT row_to_json(document)::text FROM (
        SELECT d.id, d.uid, d.name, rfc3339_v1(d.created_at) AS created_at, rfc3339_v1(d.updated_at) AS updated_at,
            d.version
    ) document
) AS document
FROM departments d;

-- The department of a reference (a number or a UUID), kept from being deleted until the end of the transaction; null
-- if there is none.
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

-- A violated departments_name_key ends the statement: the name is taken.
CREATE FUNCTION department_create_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_uid uuid, p_name text,
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
    INSERT INTO departments (workspace_id, uid, name) VALUES (p_workspace, p_uid, p_name)
    RETURNING id INTO department_id;
    INSERT INTO events (workspace_id, type, subject, version) VALUES (p_workspace, 'department.created', p_uid, 1);
    body := (SELECT document FROM department_documents_v1 WHERE workspace_id = p_workspace AND id = department_id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
    outcome := 'done';
END $$;

CREATE FUNCTION department_update_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], p_name text, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    department departments;
    instant CONSTANT timestamptz := clock_timestamp();
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    SELECT * INTO department FROM departments
        WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR NO KEY UPDATE;
    outcome := precondition_v1(department.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    UPDATE departments SET name = p_name, version = version + 1,
        updated_at = changed_at_v1(instant, updated_at)
    WHERE workspace_id = p_workspace AND id = department.id AND name <> p_name;
    IF FOUND THEN
        INSERT INTO events (workspace_id, type, subject, version, changes)
        VALUES (p_workspace, 'department.updated', department.uid, department.version + 1,
            field_change_v1('name', department.name, p_name));
    END IF;
    body := (SELECT document FROM department_documents_v1 WHERE workspace_id = p_workspace AND id = department.id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

-- A violated employees_department_fkey ends the statement: employees belong to it.
CREATE FUNCTION department_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
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
    SELECT * INTO department FROM departments
        WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR UPDATE;
    outcome := precondition_v1(department.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    DELETE FROM departments WHERE workspace_id = p_workspace AND id = department.id;
    INSERT INTO events (workspace_id, type, subject, version, changes)
    VALUES (p_workspace, 'department.deleted', department.uid, department.version + 1,
        field_change_v1('name', department.name, NULL));
    body := 'null';
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;
