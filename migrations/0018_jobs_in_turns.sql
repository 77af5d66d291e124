-- Jobs that tell what they had to leave out, and a purge of the bin that the cache can be told of.

-- Todos that were gone through and had no room for another tag.
ALTER TABLE jobs ADD COLUMN skipped bigint NOT NULL DEFAULT 0;

-- What the owner of a job may read of the todos that it had to skip; null if there are none.
CREATE FUNCTION job_skipped_v1(p_skipped bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN p_skipped = 1 THEN '1 todo has 20 tags already and did not get this one'
    WHEN p_skipped > 1 THEN p_skipped || ' todos have 20 tags already and did not get this one'
END;

-- As job_chunk_v1, but what has no room for another tag is counted apart, and told in jobs.error.
CREATE FUNCTION job_chunk_v2(
    p_workspace bigint, p_job bigint, p_lease uuid, p_position bigint, p_todos bigint[], p_change jsonb, p_tag jsonb,
    p_lease_length interval, p_distrust boolean,
    OUT outcome text, OUT processed bigint, OUT new_position bigint, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    assignee bigint;
    tag bigint;
    touched bigint[] := p_todos;
    without_room bigint := 0;
BEGIN
    cache_wait := false;
    processed := cardinality(p_todos);
    new_position := p_position;
    PERFORM FROM jobs
    WHERE workspace_id = p_workspace AND id = p_job AND status = 'running' AND lease = p_lease AND position = p_position
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'lost';
        RETURN;
    END IF;
    IF processed = 0 THEN
        UPDATE jobs SET status = 'succeeded', lease = NULL, strikes = 0, error = job_skipped_v1(skipped),
            finished_at = clock_timestamp()
        WHERE workspace_id = p_workspace AND id = p_job;
        outcome := 'finished';
        RETURN;
    END IF;

    IF p_change = '"complete"' THEN
        UPDATE todos SET status = 'completed', completed_at = clock_timestamp(), version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND status <> 'completed';
    ELSIF p_change = '"reopen"' THEN
        UPDATE todos SET status = 'pending', completed_at = NULL, version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND status <> 'pending';
    ELSIF p_change = '"delete"' THEN
        UPDATE todos SET deleted_at = clock_timestamp(), version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND deleted_at IS NULL;
    ELSIF p_change ? 'set_priority' THEN
        UPDATE todos t SET priority = wanted.priority, version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        FROM (
            SELECT array_position(ARRAY['low', 'medium', 'high', 'urgent'], p_change ->> 'set_priority')::smallint AS priority
        ) wanted
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND t.priority <> wanted.priority;
    ELSIF p_change ? 'assign' THEN
        IF jsonb_typeof(p_change -> 'assign') <> 'null' THEN
            assignee := employee_ref_v1(p_workspace, p_change -> 'assign');
            IF assignee IS NULL THEN
                outcome := 'no_assignee';
                RETURN;
            END IF;
        END IF;
        UPDATE todos SET assignee_id = assignee, version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND assignee_id IS DISTINCT FROM assignee;
    ELSE
        PERFORM lock_tags_v1(p_workspace, false);
        IF p_change ? 'add_tag' THEN
            tag := (ensure_tags_v1(p_workspace, p_tag))[1];
            WITH added AS (
                INSERT INTO todo_tags (workspace_id, todo_id, tag_id)
                SELECT p_workspace, t.id, tag FROM todos t
                WHERE t.workspace_id = p_workspace AND t.id = ANY (p_todos)
                    AND (SELECT count(*) FROM todo_tags l WHERE l.workspace_id = p_workspace AND l.todo_id = t.id) < 20
                ON CONFLICT DO NOTHING
                RETURNING todo_id
            )
            SELECT coalesce(array_agg(todo_id), '{}') INTO touched FROM added;
            without_room := (
                SELECT count(*) FROM unnest(p_todos) AS todo WHERE NOT EXISTS (
                    SELECT FROM todo_tags WHERE workspace_id = p_workspace AND todo_id = todo AND tag_id = tag
                )
            );
        ELSIF p_change ? 'remove_tag' THEN
            WITH removed AS (
                DELETE FROM todo_tags
                WHERE workspace_id = p_workspace AND todo_id = ANY (p_todos)
                    AND tag_id = tag_id_v1(p_workspace, p_tag -> 0 ->> 'folded')
                RETURNING todo_id
            )
            SELECT coalesce(array_agg(todo_id), '{}') INTO touched FROM removed;
        ELSE
            RAISE EXCEPTION 'unknown change %', p_change;
        END IF;
        UPDATE todos SET version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        WHERE workspace_id = p_workspace AND id = ANY (touched);
    END IF;

    new_position := (SELECT max(todo) FROM unnest(p_todos) AS todo);
    UPDATE jobs j SET position = new_position, processed = j.processed + job_chunk_v2.processed,
        skipped = j.skipped + without_room, strikes = 0, error = job_skipped_v1(j.skipped + without_room),
        due_at = clock_timestamp() + p_lease_length
    WHERE workspace_id = p_workspace AND id = p_job;
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
    outcome := 'done';
END $$;

-- The next workspace after p_after whose bin holds something to purge; null after the last. Workspace by workspace over
-- todos_in_bin.
CREATE FUNCTION purge_bin_next_v1(p_after bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT w.id FROM workspaces w CROSS JOIN LATERAL (
            SELECT FROM todos WHERE workspace_id = w.id AND deleted_at <= now() - interval '30 days' LIMIT 1
        ) old
        WHERE w.id > p_after ORDER BY w.id LIMIT 1
    );
END $$;

-- Removes at most p_limit todos of a workspace that were deleted more than 30 days ago, and renews the lease of the purge.
-- For one workspace, because its cache is told.
CREATE FUNCTION purge_bin_v1(
    p_workspace bigint, p_limit bigint, p_lease_length interval, p_distrust boolean, OUT removed bigint, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
BEGIN
    cache_wait := false;
    DELETE FROM todos t USING (
        SELECT id FROM todos
        WHERE workspace_id = p_workspace AND deleted_at <= now() - interval '30 days' LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) old
    WHERE t.workspace_id = p_workspace AND t.id = old.id;
    GET DIAGNOSTICS removed = ROW_COUNT;
    UPDATE purges SET due_at = clock_timestamp() + p_lease_length WHERE name = 'bin';
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;
