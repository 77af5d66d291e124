-- Writing todos, one by one and several at once. p_versions: any of these; null: whatever it is.

CREATE FUNCTION todo_create_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_uid uuid, p_fields jsonb,
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
    IF p_fields ->> 'parent' IS NOT NULL THEN
        PERFORM lock_tree_v1(p_workspace, false);
    END IF;
    SELECT a.outcome, a.todo_id INTO outcome, todo_id FROM add_todo_v1(p_workspace, p_uid, p_fields) a;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    body := todo_document_v1(p_workspace, todo_id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

-- Changes a locked todo as an operation says, alone or in a batch: {"update": fields of change_todo_v1}, {"move": fields
-- of move_todo_v1}, {"complete": whether with what is below}. What these give.
CREATE FUNCTION operate_todo_v1(p_todo todos, p_operation jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE
        WHEN p_operation ? 'update' THEN change_todo_v1(p_todo, p_operation -> 'update')
        WHEN p_operation ? 'move' THEN move_todo_v1(p_todo, p_operation -> 'move')
        WHEN p_operation ? 'complete' THEN complete_todo_v1(p_todo, (p_operation -> 'complete')::boolean)
    END;
END $$;

-- Whether an operation needs lock_tree_v1 alone; what a deletion needs depends on the todo.
CREATE FUNCTION operation_reshapes_v1(p_operation jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN p_operation ? 'move' OR p_operation @> '{"complete": true}'
        OR coalesce(p_operation -> 'update' ?| ARRAY['list', 'parent'], false);

-- One operation of operate_todo_v1. An update is PATCH or PUT: the latter names all fields of the first release.
CREATE FUNCTION todo_update_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], p_operation jsonb, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    locked record;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    IF p_operation -> 'update' ? 'tags' THEN
        PERFORM lock_tags_v1(p_workspace, false);
    END IF;
    IF operation_reshapes_v1(p_operation) THEN
        PERFORM lock_tree_v1(p_workspace, true);
    END IF;
    SELECT * INTO locked FROM lock_todo_v1(p_workspace, p_id, p_uid, p_versions, false);
    outcome := locked.outcome;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    outcome := operate_todo_v1(locked.todo, p_operation);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    body := todo_document_v1(p_workspace, (locked.todo).id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

-- Body: the public ids of the todo, which a caller that knows the integer may not know, and of its parent, and whether
-- it had subtasks.
CREATE FUNCTION todo_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    locked record;
    below boolean;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    PERFORM lock_tags_v1(p_workspace, false);
    -- Before the todo's row is locked, where others who change the shape of trees may be waiting for it.
    IF EXISTS (
        SELECT FROM todos t JOIN todos s ON s.workspace_id = p_workspace AND s.parent_id = t.id AND s.deleted_at IS NULL
        WHERE t.workspace_id = p_workspace AND (t.id = p_id OR t.uid = p_uid)
    ) THEN
        PERFORM lock_tree_v1(p_workspace, true);
    END IF;
    SELECT * INTO locked FROM lock_todo_v1(p_workspace, p_id, p_uid, p_versions, false);
    outcome := locked.outcome;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    below := EXISTS (
        SELECT FROM todos
        WHERE workspace_id = p_workspace AND parent_id = (locked.todo).id AND deleted_at IS NULL
    );
    PERFORM bin_todos_v1(p_workspace, ARRAY[(locked.todo).id]);
    body := json_build_object('uid', (locked.todo).uid, 'below', below, 'parent', (
        SELECT uid FROM todos WHERE workspace_id = p_workspace AND id = (locked.todo).parent_id
    ));
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

CREATE FUNCTION todo_restore_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
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
    PERFORM lock_tags_v1(p_workspace, false);
    PERFORM lock_tree_v1(p_workspace, true);
    SELECT * INTO locked FROM lock_todo_v1(p_workspace, p_id, p_uid, NULL, true);
    outcome := locked.outcome;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    outcome := unbin_todos_v1(p_workspace, ARRAY[(locked.todo).id]);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    body := todo_document_v1(p_workspace, (locked.todo).id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

-- Several todos out of the bin, all or nothing: the first that was never there, or was purged, ends the statement with
-- SQLSTATE TD001, its index and outcome in DETAIL, as todos_batch_v1 does. A live todo stays as it is. 'list_archived'
-- is told of all together. Body: the todos, in the order of their ids in the request.
CREATE FUNCTION todos_restore_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_uids text[],
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    step record;
    locked record;
    ids bigint[] := '{}';
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    PERFORM lock_tags_v1(p_workspace, false);
    PERFORM lock_tree_v1(p_workspace, true);
    PERFORM FROM todos WHERE workspace_id = p_workspace AND uid = ANY (p_uids::uuid[]) ORDER BY id FOR NO KEY UPDATE;
    FOR step IN SELECT u.uid::uuid, u.number - 1 AS index FROM unnest(p_uids) WITH ORDINALITY AS u (uid, number) LOOP
        SELECT * INTO locked FROM lock_todo_v1(p_workspace, NULL, step.uid, NULL, true);
        IF locked.outcome <> 'done' THEN
            RAISE EXCEPTION 'todo % is not to be restored', step.index USING ERRCODE = 'TD001',
                DETAIL = json_build_object('index', step.index, 'outcome', locked.outcome);
        END IF;
        ids := ids || (locked.todo).id;
    END LOOP;
    outcome := unbin_todos_v1(p_workspace, ids);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    body := todos_render_v1(p_workspace, ids);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

-- Locks all that the operations of a batch need in one order, whatever the order of the operations: todos by id, then
-- new tags by name.
CREATE FUNCTION batch_lock_v1(p_workspace bigint, p_operations jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_tags_v1(p_workspace, false);
    IF EXISTS (SELECT FROM jsonb_array_elements(p_operations) o WHERE operation_reshapes_v1(o)) OR EXISTS (
        SELECT FROM jsonb_to_recordset(p_operations) AS o (id bigint, uid uuid, delete boolean)
        JOIN todos t ON t.workspace_id = p_workspace AND (t.id = o.id OR t.uid = o.uid)
        JOIN todos s ON s.workspace_id = p_workspace AND s.parent_id = t.id AND s.deleted_at IS NULL
        WHERE o.delete
    ) THEN
        PERFORM lock_tree_v1(p_workspace, true);
    ELSIF EXISTS (SELECT FROM jsonb_array_elements(p_operations) o WHERE o -> 'create' ->> 'parent' IS NOT NULL) THEN
        PERFORM lock_tree_v1(p_workspace, false);
    END IF;
    PERFORM FROM todos WHERE workspace_id = p_workspace AND id IN (
        SELECT t.id FROM todos t
        JOIN jsonb_to_recordset(p_operations) AS o (id bigint) ON t.workspace_id = p_workspace AND t.id = o.id
        UNION ALL
        SELECT t.id FROM todos t
        JOIN jsonb_to_recordset(p_operations) AS o (uid uuid) ON t.workspace_id = p_workspace AND t.uid = o.uid
    ) ORDER BY id FOR NO KEY UPDATE;
    PERFORM ensure_tags_v1(p_workspace, (
        SELECT coalesce(jsonb_agg(tag), '[]')
        FROM jsonb_array_elements(p_operations) o
        CROSS JOIN jsonb_array_elements(coalesce(o -> 'create', o -> 'update') -> 'tags') tag
    ));
END $$;

-- Applies one operation of a batch; gives its outcome and, if it is 'done', what became of which todo. One that is to be
-- deleted is only locked: todos_batch_v1 puts it into the bin.
CREATE FUNCTION batch_operation_v1(
    p_workspace bigint, p_operation jsonb, OUT outcome text, OUT became text, OUT todo_id bigint, OUT todo_uid uuid
) LANGUAGE plpgsql AS $$
DECLARE
    versions bigint[];
    locked record;
BEGIN
    IF p_operation ? 'create' THEN
        became := 'created';
        SELECT a.outcome, a.todo_id INTO outcome, todo_id
        FROM add_todo_v1(p_workspace, (p_operation ->> 'uid')::uuid, p_operation -> 'create') a;
        RETURN;
    END IF;
    IF jsonb_typeof(p_operation -> 'version') = 'number' THEN
        versions := ARRAY[(p_operation ->> 'version')::bigint];
    END IF;
    SELECT * INTO locked FROM lock_todo_v1(
        p_workspace, (p_operation ->> 'id')::bigint, (p_operation ->> 'uid')::uuid, versions, false
    );
    outcome := locked.outcome;
    todo_id := (locked.todo).id;
    todo_uid := (locked.todo).uid;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    IF p_operation ? 'delete' THEN
        became := 'deleted';
    ELSE
        became := 'updated';
        outcome := operate_todo_v1(locked.todo, p_operation);
    END IF;
END $$;

-- Up to 100 operations in order, all or nothing; deletions that follow each other are one, so that of a todo and of what
-- is below it both may be named, in any order, and both come back with the todo. The first that fails ends the statement
-- with SQLSTATE TD001, its index and outcome in DETAIL. Operations: {"create": fields, "uid"}; {"delete": true} and those
-- of operate_todo_v1, each with "id" or "uid", and "version". Body: [{"created": todo} | {"updated": todo} | {"deleted":
-- uuid}], with a whole todo for each operation, however short the operation: one that is larger than 2 MiB is not kept,
-- and with a key the statement ends with SQLSTATE TD002.
CREATE FUNCTION todos_batch_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_operations jsonb,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    step record;
    result record;
    results json[] := '{}';
    gone bigint[] := '{}';
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    PERFORM batch_lock_v1(p_workspace, p_operations);
    FOR step IN
        SELECT o.operation, o.number - 1 AS index,
            coalesce(lead(o.operation) OVER (ORDER BY o.number) ? 'delete', false) AS another
        FROM jsonb_array_elements(p_operations) WITH ORDINALITY AS o (operation, number) ORDER BY o.number
    LOOP
        SELECT * INTO result FROM batch_operation_v1(p_workspace, step.operation);
        outcome := result.outcome;
        IF outcome <> 'done' THEN
            RAISE EXCEPTION 'operation % of a batch failed', step.index USING ERRCODE = 'TD001',
                DETAIL = json_build_object('index', step.index, 'outcome', outcome);
        END IF;
        results := results || row_to_json(result);
        IF step.operation ? 'delete' THEN
            gone := gone || result.todo_id::bigint;
            IF NOT step.another THEN
                PERFORM bin_todos_v1(p_workspace, gone);
                gone := '{}';
            END IF;
        END IF;
    END LOOP;
    PERFORM fold_events_v1(p_workspace);
    -- As they are after all of them: a todo shows how many subtasks it has.
    body := (
        SELECT '[' || string_agg(
            '{"' || (r ->> 'became') || '":' || CASE r ->> 'became'
                WHEN 'deleted' THEN (r -> 'todo_uid')::text
                ELSE todo_document_v1(p_workspace, (r ->> 'todo_id')::bigint)
            END || '}', ',' ORDER BY number
        ) || ']'
        FROM unnest(results) WITH ORDINALITY AS results (r, number)
    );
    IF p_key IS NOT NULL AND octet_length(body) > 2097152 THEN
        RAISE EXCEPTION 'the outcome of a batch is too large to be kept' USING ERRCODE = 'TD002';
    END IF;
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;
