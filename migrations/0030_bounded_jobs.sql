-- Jobs whose cost and number are bounded, and turns by workspace.

-- When a worker last took up a job of each workspace.
CREATE TABLE job_turns (
    workspace_id bigint CONSTRAINT job_turns_pkey PRIMARY KEY CONSTRAINT job_turns_workspace_fkey REFERENCES workspaces (id),
    served_at    timestamptz NOT NULL
);

DROP FUNCTION job_accept_v1;
DROP FUNCTION job_chunk_v1;
DROP FUNCTION job_chunk_v2;

-- 'too_many_jobs' if the workspace has as many open jobs as it may have, 'no_assignee' if the change assigns
-- to an employee that does not exist.
CREATE FUNCTION job_accept_v2(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_uid uuid, p_kind text,
    p_filter jsonb, p_change jsonb, p_most bigint, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    job_id bigint;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    IF jsonb_typeof(p_change -> 'assign') <> 'null' AND employee_ref_v1(p_workspace, p_change -> 'assign') IS NULL THEN
        outcome := 'no_assignee';
        RETURN;
    END IF;
    -- One at a time, so that the bound is exact. Foreign keys to the workspace do not wait for this.
    PERFORM FROM workspaces WHERE id = p_workspace FOR NO KEY UPDATE;
    IF (
        SELECT count(*) FROM (
            SELECT FROM jobs WHERE workspace_id = p_workspace AND status IN ('queued', 'running') LIMIT p_most
        ) open
    ) >= p_most THEN
        outcome := 'too_many_jobs';
        RETURN;
    END IF;
    INSERT INTO jobs (workspace_id, uid, kind, filter, change) VALUES (p_workspace, p_uid, p_kind, p_filter, p_change)
    RETURNING id INTO job_id;
    body := (SELECT document FROM job_documents_v1 WHERE workspace_id = p_workspace AND id = job_id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
    outcome := 'done';
END $$;

-- Changes a chunk of todos and advances the job to p_last, the last todo that was looked at, also where none matched; null where
-- none is left. A total that was not counted is known at the end. The lease is renewed only when two seconds of it are over: a
-- new due_at is a new entry at the head of jobs_due, which every check of a token reads, and with the old one the row can be
-- updated in its page, without any index.
CREATE FUNCTION job_chunk_v3(
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
