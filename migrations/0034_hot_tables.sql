-- Settings of the tables and indexes that change most.

-- Lists and statistics are bounded because they read indexes alone, which takes pages known to be visible to all: that is what
-- vacuuming makes known. By default it waits until a fifth of the table has changed, so half a million of todos are few. The
-- statistics of the planner grow old with them.
ALTER TABLE todos SET (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000,
    autovacuum_vacuum_cost_limit = 1000
);
ALTER TABLE todo_tags SET (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000,
    autovacuum_vacuum_cost_limit = 1000
);
-- Each row comes, stays for a day and goes.
ALTER TABLE idempotency_keys SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- Small tables whose rows change often or live briefly, and which every request or run of the worker reads: room for new versions
-- of a row in its own page, and no long rows of dead ones.
ALTER TABLE jobs SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE job_turns SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE purges SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE tokens SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE cache_invalidations SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- New words go into the index at once. Else they wait in a list that each search reads from end to end, until one writer, whose
-- turn it happens to be, sorts up to 4 MB of them in.
ALTER INDEX todos_search SET (fastupdate = off);

-- Changes a chunk of todos and advances the job to p_last, the last todo that was looked at, also where none matched; null where
-- none is left. A total that was not counted is known at the end. The lease is renewed only when two seconds of it are over: a
-- new due_at is a new entry at the head of jobs_due, which every check of a token reads, and with the old one the row can be
-- updated in its page, without any index.
CREATE OR REPLACE FUNCTION job_chunk_v3(
    p_workspace bigint, p_job bigint, p_lease uuid, p_position bigint, p_todos bigint[], p_last bigint, p_change jsonb,
    p_tag jsonb, p_lease_length interval, p_distrust boolean,
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
    IF p_last IS NULL THEN
        UPDATE jobs j SET status = 'succeeded', lease = NULL, strikes = 0, total = coalesce(total, j.processed),
            error = job_skipped_v1(skipped),
            finished_at = clock_timestamp()
        WHERE workspace_id = p_workspace AND id = p_job;
        outcome := 'finished';
        RETURN;
    END IF;

    IF cardinality(p_todos) = 0 THEN
        NULL;
    ELSIF p_change = '"complete"' THEN
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

    new_position := p_last;
    UPDATE jobs j SET position = new_position, processed = j.processed + job_chunk_v3.processed,
        skipped = j.skipped + without_room, strikes = 0, error = job_skipped_v1(j.skipped + without_room),
        due_at = CASE
            WHEN j.due_at < clock_timestamp() + p_lease_length - interval '2 seconds' THEN clock_timestamp() + p_lease_length
            ELSE j.due_at
        END
    WHERE workspace_id = p_workspace AND id = p_job;
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
    outcome := 'done';
END $$;
