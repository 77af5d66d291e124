-- Writing todos.
--
-- Functions, not data-modifying CTEs: all parts of one CTE statement see the snapshot of its beginning. A writer that waited
-- for another's lock must see what that one did to the todo's tags, and a tag that another writer has just made. Within a
-- function each step sees what was committed before it, and the whole is still one statement, so all or nothing.
--
-- Functions never change once released: a new release brings new ones with the next suffix, so that two can run side by side.
--
-- p_fields names what is to be written, all of it optional: title, description, status, reopen, priority (1-4), due_date,
-- tags ([{uid, name, folded}]), assignee (a number or a UUID, or null).
-- Answers: outcome ('done' or why not), body (the outcome as JSON), cache_wait (see distrust_cache_v1).

CREATE VIEW todo_documents_v1 AS
SELECT t.workspace_id, t.id, t.uid, t.deleted_at, (
    SELECT row_to_json(document)::text FROM (
        SELECT t.id, t.uid, t.title, t.description, t.status, priority_name_v1(t.priority) AS priority,
            rfc3339_v1(t.due_date) AS due_date,
            coalesce((
                SELECT json_agg(row_to_json(tag)) FROM (
                    SELECT g.id, g.uid, g.name
                    FROM todo_tags l JOIN tags g ON g.workspace_id = l.workspace_id AND g.id = l.tag_id
                    WHERE l.workspace_id = t.workspace_id AND l.todo_id = t.id
                    ORDER BY g.folded
                ) tag
            ), '[]') AS tags,
            (
                SELECT row_to_json(assignee) FROM (
                    SELECT e.id, e.uid, e.name, e.email, (
                        SELECT row_to_json(department) FROM (
                            SELECT d.id, d.uid, d.name FROM departments d
                            WHERE d.workspace_id = e.workspace_id AND d.id = e.department_id
                        ) department
                    ) AS department
                    FROM employees e WHERE e.workspace_id = t.workspace_id AND e.id = t.assignee_id
                ) assignee
            ) AS assignee,
            rfc3339_v1(t.created_at) AS created_at, rfc3339_v1(t.updated_at) AS updated_at,
            rfc3339_v1(t.completed_at) AS completed_at, t.version
    ) document
) AS document
FROM todos t;

-- Rendering is a matter of functions, because a session keeps the plans of what they do. The statements of the components are
-- planned anew each time, and for these subqueries that takes longer than to run them.

CREATE FUNCTION todo_document_v1(p_workspace bigint, p_id bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT document FROM todo_documents_v1 WHERE workspace_id = p_workspace AND id = p_id);
END $$;

-- A live todo by one of its ids, or null.
CREATE FUNCTION todo_find_v1(p_workspace bigint, p_id bigint, p_uid uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_id IS NULL THEN
        RETURN (
            SELECT document FROM todo_documents_v1 WHERE workspace_id = p_workspace AND uid = p_uid AND deleted_at IS NULL
        );
    END IF;
    RETURN (SELECT document FROM todo_documents_v1 WHERE workspace_id = p_workspace AND id = p_id AND deleted_at IS NULL);
END $$;

-- Whole todos as a JSON array, in the order of their ids in the argument.
CREATE FUNCTION todos_render_v1(p_workspace bigint, p_ids bigint[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT '[' || string_agg(d.document, ',' ORDER BY p.place) || ']'
        FROM unnest(p_ids) WITH ORDINALITY AS p (id, place)
        JOIN todo_documents_v1 d ON d.workspace_id = p_workspace AND d.id = p.id
    ), '[]');
END $$;

-- The same with what a list tells of a todo. "id" is the UUID.
CREATE FUNCTION todos_summarise_v1(p_workspace bigint, p_ids bigint[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT '[' || string_agg(row_to_json((SELECT summary FROM (SELECT
            t.uid AS id, t.title, t.status, t.status = 'completed' AS completed, priority_name_v1(t.priority) AS priority,
            rfc3339_v1(t.due_date) AS due_date,
            coalesce((
                SELECT json_agg(g.name ORDER BY g.folded)
                FROM todo_tags l JOIN tags g ON g.workspace_id = l.workspace_id AND g.id = l.tag_id
                WHERE l.workspace_id = p_workspace AND l.todo_id = t.id
            ), '[]') AS tags,
            (
                SELECT row_to_json(assignee) FROM (
                    SELECT e.uid AS id, e.name FROM employees e WHERE e.workspace_id = p_workspace AND e.id = t.assignee_id
                ) assignee
            ) AS assignee,
            rfc3339_v1(t.updated_at) AS updated_at
        ) summary))::text, ',' ORDER BY p.place) || ']'
        FROM unnest(p_ids) WITH ORDINALITY AS p (id, place)
        JOIN todos t ON t.workspace_id = p_workspace AND t.id = p.id
    ), '[]');
END $$;

-- The employee of a reference, kept from being deleted until the end of the transaction; null if there is none.
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

-- The ids of tags, making those that are missing. In order of name, so that two writers of the same new tags do not block each
-- other. Needs lock_tags_v1.
CREATE FUNCTION ensure_tags_v1(p_workspace bigint, p_tags jsonb) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tags (workspace_id, uid, name, folded)
    SELECT DISTINCT ON (w.folded) p_workspace, w.uid, w.name, w.folded
    FROM jsonb_to_recordset(p_tags) AS w (uid uuid, name text, folded text)
    WHERE NOT EXISTS (SELECT FROM tags g WHERE g.workspace_id = p_workspace AND g.folded = w.folded)
    ORDER BY w.folded
    ON CONFLICT (workspace_id, folded) DO NOTHING;
    RETURN ARRAY(
        SELECT g.id FROM tags g
        WHERE g.workspace_id = p_workspace
            AND g.folded IN (SELECT w.folded FROM jsonb_to_recordset(p_tags) AS w (folded text))
    );
END $$;

-- Gives a todo exactly these tags; whether that changed anything. Needs lock_tags_v1 and, but for a new one, the todo's row.
CREATE FUNCTION set_tags_v1(p_workspace bigint, p_todo bigint, p_tags jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    wanted bigint[] := ensure_tags_v1(p_workspace, p_tags);
    removed boolean;
BEGIN
    DELETE FROM todo_tags WHERE workspace_id = p_workspace AND todo_id = p_todo AND tag_id <> ALL (wanted);
    removed := FOUND;
    INSERT INTO todo_tags (workspace_id, todo_id, tag_id)
    SELECT p_workspace, p_todo, tag_id FROM unnest(wanted) AS tag_id
    ON CONFLICT DO NOTHING;
    RETURN removed OR FOUND;
END $$;

-- Adds a todo. 'exists', 'in_bin' if the UUID is taken, 'no_assignee'.
CREATE FUNCTION add_todo_v1(p_workspace bigint, p_uid uuid, p_fields jsonb, OUT outcome text, OUT todo_id bigint)
LANGUAGE plpgsql AS $$
DECLARE
    assignee bigint;
    instant timestamptz := clock_timestamp();
    former todos;
BEGIN
    IF jsonb_typeof(p_fields -> 'assignee') <> 'null' THEN
        assignee := employee_ref_v1(p_workspace, p_fields -> 'assignee');
        IF assignee IS NULL THEN
            outcome := 'no_assignee';
            RETURN;
        END IF;
    END IF;
    LOOP
        INSERT INTO todos (workspace_id, uid, title, description, status, priority, due_date, assignee_id, created_at,
            updated_at, completed_at)
        VALUES (p_workspace, p_uid, p_fields ->> 'title', p_fields ->> 'description', p_fields ->> 'status',
            (p_fields ->> 'priority')::smallint, (p_fields ->> 'due_date')::timestamptz, assignee, instant, instant,
            CASE WHEN p_fields ->> 'status' = 'completed' THEN instant END)
        ON CONFLICT (workspace_id, uid) DO NOTHING
        RETURNING id INTO todo_id;
        EXIT WHEN FOUND;
        SELECT * INTO former FROM todos WHERE workspace_id = p_workspace AND uid = p_uid;
        IF former.deleted_at IS NULL THEN
            outcome := 'exists';
            RETURN;
        ELSIF former.deleted_at > now() - interval '30 days' THEN
            outcome := 'in_bin';
            RETURN;
        END IF;
        -- Its time in the bin is over; only the purge has not come by yet.
        DELETE FROM todos WHERE workspace_id = p_workspace AND id = former.id AND deleted_at = former.deleted_at;
    END LOOP;
    IF jsonb_array_length(p_fields -> 'tags') > 0 THEN
        PERFORM set_tags_v1(p_workspace, todo_id, p_fields -> 'tags');
    END IF;
    outcome := 'done';
END $$;

-- Locks a todo for a change and compares its version. 'not_found', 'stale'. The lock lets others refer to the todo meanwhile,
-- so that a merge of tags does not wait for it.
CREATE FUNCTION lock_todo_v1(
    p_workspace bigint, p_id bigint, p_uid uuid, p_versions bigint[], p_also_in_bin boolean, OUT outcome text, OUT todo todos
) LANGUAGE plpgsql AS $$
BEGIN
    IF p_id IS NULL THEN
        SELECT * INTO todo FROM todos WHERE workspace_id = p_workspace AND uid = p_uid FOR NO KEY UPDATE;
    ELSE
        SELECT * INTO todo FROM todos WHERE workspace_id = p_workspace AND id = p_id FOR NO KEY UPDATE;
    END IF;
    outcome := CASE
        WHEN todo.id IS NULL THEN 'not_found'
        WHEN todo.deleted_at IS NOT NULL AND NOT p_also_in_bin THEN 'not_found'
        WHEN todo.deleted_at <= now() - interval '30 days' THEN 'not_found'
        WHEN todo.version <> ALL (p_versions) THEN 'stale'
        ELSE 'done'
    END;
END $$;

-- Changes a locked todo, if the fields change anything. 'no_assignee'.
CREATE FUNCTION change_todo_v1(p_todo todos, p_fields jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w todos := p_todo;
    retagged boolean := false;
    instant timestamptz := greatest(clock_timestamp(), p_todo.updated_at + interval '1 microsecond');
BEGIN
    IF p_fields ? 'title' THEN
        w.title := p_fields ->> 'title';
    END IF;
    IF p_fields ? 'description' THEN
        w.description := p_fields ->> 'description';
    END IF;
    IF p_fields ? 'status' THEN
        w.status := p_fields ->> 'status';
    ELSIF p_fields ? 'reopen' AND w.status = 'completed' THEN
        w.status := 'pending';
    END IF;
    IF p_fields ? 'priority' THEN
        w.priority := (p_fields ->> 'priority')::smallint;
    END IF;
    IF p_fields ? 'due_date' THEN
        w.due_date := (p_fields ->> 'due_date')::timestamptz;
    END IF;
    IF p_fields ? 'assignee' THEN
        w.assignee_id := NULL;
        IF jsonb_typeof(p_fields -> 'assignee') <> 'null' THEN
            w.assignee_id := employee_ref_v1(p_todo.workspace_id, p_fields -> 'assignee');
            IF w.assignee_id IS NULL THEN
                RETURN 'no_assignee';
            END IF;
        END IF;
    END IF;
    IF p_fields ? 'tags' THEN
        retagged := set_tags_v1(p_todo.workspace_id, p_todo.id, p_fields -> 'tags');
    END IF;
    w.completed_at := CASE WHEN w.status = 'completed' THEN coalesce(p_todo.completed_at, instant) END;
    IF retagged OR (w.title, w.description, w.status, w.priority, w.due_date, w.assignee_id) IS DISTINCT FROM
        (p_todo.title, p_todo.description, p_todo.status, p_todo.priority, p_todo.due_date, p_todo.assignee_id)
    THEN
        UPDATE todos SET title = w.title, description = w.description, status = w.status, priority = w.priority,
            due_date = w.due_date, assignee_id = w.assignee_id, completed_at = w.completed_at, updated_at = instant,
            version = version + 1
        WHERE workspace_id = p_todo.workspace_id AND id = p_todo.id;
    END IF;
    RETURN 'done';
END $$;

-- Puts a locked todo into the bin.
CREATE FUNCTION bin_todo_v1(p_todo todos) RETURNS void LANGUAGE sql AS $$
    UPDATE todos SET deleted_at = clock_timestamp(), version = version + 1,
        updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
    WHERE workspace_id = p_todo.workspace_id AND id = p_todo.id;
$$;

CREATE FUNCTION todo_create_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_uid uuid, p_fields jsonb,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    todo_id bigint;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    IF jsonb_array_length(p_fields -> 'tags') > 0 THEN
        PERFORM lock_tags_v1(p_workspace, false);
    END IF;
    SELECT a.outcome, a.todo_id INTO outcome, todo_id FROM add_todo_v1(p_workspace, p_uid, p_fields) a;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    body := todo_document_v1(p_workspace, todo_id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

-- Both PATCH and PUT: the latter names all fields. p_versions: any of these; null: whatever it is.
CREATE FUNCTION todo_update_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], p_fields jsonb, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    locked record;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    IF p_fields ? 'tags' THEN
        PERFORM lock_tags_v1(p_workspace, false);
    END IF;
    SELECT * INTO locked FROM lock_todo_v1(p_workspace, p_id, p_uid, p_versions, false);
    outcome := locked.outcome;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    outcome := change_todo_v1(locked.todo, p_fields);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    body := todo_document_v1(p_workspace, (locked.todo).id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

CREATE FUNCTION todo_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    locked record;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    SELECT * INTO locked FROM lock_todo_v1(p_workspace, p_id, p_uid, p_versions, false);
    outcome := locked.outcome;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    PERFORM bin_todo_v1(locked.todo);
    body := 'null';
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

CREATE FUNCTION todo_restore_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    locked record;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    SELECT * INTO locked FROM lock_todo_v1(p_workspace, p_id, p_uid, NULL, true);
    outcome := locked.outcome;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    IF (locked.todo).deleted_at IS NOT NULL THEN
        UPDATE todos SET deleted_at = NULL, version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        WHERE workspace_id = p_workspace AND id = (locked.todo).id;
    END IF;
    body := todo_document_v1(p_workspace, (locked.todo).id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

-- Up to 100 operations in order, all or nothing. The first that fails ends the statement with SQLSTATE TD001, its index and
-- outcome in DETAIL. Operations: {"create": fields, "uid"}, {"update": fields, "id"|"uid", "version"},
-- {"delete": true, "id"|"uid", "version"}.
-- Body: [{"created": todo} | {"updated": todo} | {"deleted": uuid}].
CREATE FUNCTION todos_batch_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_operations jsonb,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    all_tags jsonb;
    step record;
    locked record;
    todo_id bigint;
    versions bigint[];
    results text[] := '{}';
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    -- All locks in one order, whatever the order of the operations: todos by id, then new tags by name.
    all_tags := (
        SELECT coalesce(jsonb_agg(tag), '[]')
        FROM jsonb_array_elements(p_operations) o
        CROSS JOIN jsonb_array_elements(coalesce(o -> 'create', o -> 'update') -> 'tags') tag
    );
    PERFORM lock_tags_v1(p_workspace, false);
    PERFORM FROM todos WHERE workspace_id = p_workspace AND id IN (
        SELECT t.id FROM todos t
        JOIN jsonb_to_recordset(p_operations) AS o (id bigint) ON t.workspace_id = p_workspace AND t.id = o.id
        UNION ALL
        SELECT t.id FROM todos t
        JOIN jsonb_to_recordset(p_operations) AS o (uid uuid) ON t.workspace_id = p_workspace AND t.uid = o.uid
    ) ORDER BY id FOR NO KEY UPDATE;
    PERFORM ensure_tags_v1(p_workspace, all_tags);

    FOR step IN
        SELECT o.op, o.op -> 'create' AS creates, o.op -> 'update' AS updates, (o.op ->> 'id')::bigint AS id,
            (o.op ->> 'uid')::uuid AS uid, (o.op ->> 'version')::bigint AS version, o.number - 1 AS index
        FROM jsonb_array_elements(p_operations) WITH ORDINALITY AS o (op, number) ORDER BY o.number
    LOOP
        IF step.creates IS NOT NULL THEN
            SELECT a.outcome, a.todo_id INTO outcome, todo_id FROM add_todo_v1(p_workspace, step.uid, step.creates) a;
            IF outcome = 'done' THEN
                results := results || ('{"created":' || todo_document_v1(p_workspace, todo_id) || '}');
            END IF;
        ELSE
            versions := CASE WHEN step.version IS NOT NULL THEN ARRAY[step.version] END;
            SELECT * INTO locked FROM lock_todo_v1(p_workspace, step.id, step.uid, versions, false);
            outcome := locked.outcome;
            IF outcome = 'done' AND step.updates IS NOT NULL THEN
                outcome := change_todo_v1(locked.todo, step.updates);
                results := results || ('{"updated":' || todo_document_v1(p_workspace, (locked.todo).id) || '}');
            ELSIF outcome = 'done' THEN
                PERFORM bin_todo_v1(locked.todo);
                results := results || ('{"deleted":"' || (locked.todo).uid || '"}');
            END IF;
        END IF;
        IF outcome <> 'done' THEN
            RAISE EXCEPTION 'operation % of a batch failed', step.index USING ERRCODE = 'TD001',
                DETAIL = json_build_object('index', step.index, 'outcome', outcome);
        END IF;
    END LOOP;
    body := '[' || array_to_string(results, ',') || ']';
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;
