-- Several todos out of the bin in one statement.

-- All or nothing: the first that was never there, or was purged, ends the statement with SQLSTATE TD001, its index and outcome in
-- DETAIL, as todos_batch_v1 does. A live todo stays as it is. Body: the todos, in the order of their ids in the request.
CREATE FUNCTION todos_restore_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_uids text[],
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
    PERFORM FROM todos WHERE workspace_id = p_workspace AND uid = ANY (p_uids::uuid[]) ORDER BY id FOR NO KEY UPDATE;
    FOR step IN SELECT u.uid::uuid, u.number - 1 AS index FROM unnest(p_uids) WITH ORDINALITY AS u (uid, number) LOOP
        SELECT * INTO locked FROM lock_todo_v1(p_workspace, NULL, step.uid, NULL, true);
        IF locked.outcome <> 'done' THEN
            RAISE EXCEPTION 'todo % is not to be restored', step.index USING ERRCODE = 'TD001',
                DETAIL = json_build_object('index', step.index, 'outcome', locked.outcome);
        END IF;
        ids := ids || (locked.todo).id;
    END LOOP;
    UPDATE todos SET deleted_at = NULL, version = version + 1,
        updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
    WHERE workspace_id = p_workspace AND id = ANY (ids) AND deleted_at IS NOT NULL;
    outcome := 'done';
    body := todos_render_v1(p_workspace, ids);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;
