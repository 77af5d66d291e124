-- As todo_delete_v1, and tells the todo's public id, which a caller that knows the integer may not know.
CREATE FUNCTION todo_delete_v2(
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
    body := to_json((locked.todo).uid);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;
