-- Background work.

CREATE TABLE jobs (
    workspace_id bigint NOT NULL CONSTRAINT jobs_workspace_fkey REFERENCES workspaces (id),
    id           bigint GENERATED ALWAYS AS IDENTITY,
    uid          uuid NOT NULL,
    kind         text NOT NULL,
    status       text COLLATE "C" NOT NULL DEFAULT 'queued'
                 CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    -- Which todos and what is done to each, in the application's own stable form.
    filter       jsonb NOT NULL,
    change       jsonb NOT NULL,
    -- The last todo done, and the last that there was when the work began.
    position     bigint NOT NULL DEFAULT 0,
    ceiling      bigint,
    total        bigint,
    processed    bigint NOT NULL DEFAULT 0,
    attempts     bigint NOT NULL DEFAULT 0,
    -- Attempts in a row that got nothing done.
    strikes      bigint NOT NULL DEFAULT 0,
    error        text,
    -- When a worker may take it: a queued one from when on, a running one when its lease has run out.
    due_at       timestamptz NOT NULL DEFAULT now(),
    -- Whose it is.
    lease        uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    CONSTRAINT jobs_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT jobs_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT jobs_lease_check CHECK ((status = 'running') = (lease IS NOT NULL))
);
-- The queue belongs to all workspaces: a worker takes what has waited longest, whose ever it is.
CREATE INDEX jobs_due ON jobs (due_at) WHERE status IN ('queued', 'running');
CREATE INDEX jobs_finished ON jobs (workspace_id, finished_at) WHERE finished_at IS NOT NULL;

-- Recurring work: what to purge, and when next. A worker that takes one moves due_at on, as a lease.
CREATE TABLE purges (
    name   text CONSTRAINT purges_pkey PRIMARY KEY,
    due_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO purges (name) VALUES ('bin'), ('idempotency_keys'), ('jobs');

CREATE VIEW job_documents_v1 AS
SELECT j.workspace_id, j.id, j.uid, (
    SELECT row_to_json(document)::text FROM (
        SELECT j.id, j.uid, j.kind, j.status, j.total, j.processed, j.attempts, j.error,
            rfc3339_v1(j.created_at) AS created_at, rfc3339_v1(j.started_at) AS started_at,
            rfc3339_v1(j.finished_at) AS finished_at
    ) document
) AS document
FROM jobs j;

-- 'no_assignee' if the change assigns to an employee that does not exist.
CREATE FUNCTION job_accept_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_uid uuid, p_kind text,
    p_filter jsonb, p_change jsonb, OUT outcome text, OUT body text, OUT cache_wait boolean
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
    INSERT INTO jobs (workspace_id, uid, kind, filter, change) VALUES (p_workspace, p_uid, p_kind, p_filter, p_change)
    RETURNING id INTO job_id;
    body := (SELECT document FROM job_documents_v1 WHERE workspace_id = p_workspace AND id = job_id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
    outcome := 'done';
END $$;

-- Waits for a chunk that is under way, which holds the job's row.
CREATE FUNCTION job_cancel_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_id bigint, p_uid uuid,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    job jobs;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    SELECT * INTO job FROM jobs WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR NO KEY UPDATE;
    outcome := CASE
        WHEN job.id IS NULL THEN 'not_found' WHEN job.status NOT IN ('queued', 'running') THEN 'job_finished' ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    UPDATE jobs SET status = 'cancelled', lease = NULL, finished_at = clock_timestamp()
    WHERE workspace_id = p_workspace AND id = job.id;
    body := (SELECT document FROM job_documents_v1 WHERE workspace_id = p_workspace AND id = job.id);
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;

-- Applies a change to the todos of one chunk, whose rows the calling statement has locked in the order of their ids, and moves
-- the job on to the last of them: both or nothing, so that each todo is changed exactly once. No todos: the job has succeeded.
-- 'lost' if the job is not held under this lease at this position any more; then nothing is changed.
-- A todo that is as wanted already is counted and left alone, and so is one that has no room for another tag.
CREATE FUNCTION job_chunk_v1(
    p_workspace bigint, p_job bigint, p_lease uuid, p_position bigint, p_todos bigint[], p_change jsonb, p_tag jsonb,
    p_lease_length interval, p_distrust boolean,
    OUT outcome text, OUT processed bigint, OUT new_position bigint, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    assignee bigint;
    tag bigint;
    touched bigint[] := p_todos;
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
        UPDATE jobs SET status = 'succeeded', lease = NULL, strikes = 0, error = NULL, finished_at = clock_timestamp()
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
    UPDATE jobs j SET position = new_position, processed = j.processed + job_chunk_v1.processed, strikes = 0, error = NULL,
        due_at = clock_timestamp() + p_lease_length
    WHERE workspace_id = p_workspace AND id = p_job;
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
    outcome := 'done';
END $$;

-- Removes at most p_limit rows whose time is over, workspace by workspace over its index. With none left the purge is due again
-- in an hour, else it stays taken for the length of the lease.
CREATE FUNCTION purge_chunk_v1(p_name text, p_limit bigint, p_lease_length interval) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    removed bigint;
BEGIN
    CASE p_name
    WHEN 'bin' THEN
        DELETE FROM todos t USING (
            SELECT t.workspace_id, t.id FROM workspaces w CROSS JOIN LATERAL (
                SELECT * FROM todos
                WHERE workspace_id = w.id AND deleted_at <= now() - interval '30 days' LIMIT p_limit
            ) t LIMIT p_limit
        ) old
        WHERE t.workspace_id = old.workspace_id AND t.id = old.id AND t.deleted_at <= now() - interval '30 days';
    WHEN 'idempotency_keys' THEN
        DELETE FROM idempotency_keys k USING (
            SELECT k.workspace_id, k.route, k.key FROM workspaces w CROSS JOIN LATERAL (
                SELECT * FROM idempotency_keys
                WHERE workspace_id = w.id AND created_at <= now() - interval '24 hours' LIMIT p_limit
            ) k LIMIT p_limit
        ) old
        WHERE k.workspace_id = old.workspace_id AND k.route = old.route AND k.key = old.key
            AND k.created_at <= now() - interval '24 hours';
    WHEN 'jobs' THEN
        DELETE FROM jobs j USING (
            SELECT j.workspace_id, j.id FROM workspaces w CROSS JOIN LATERAL (
                SELECT * FROM jobs
                WHERE workspace_id = w.id AND finished_at <= now() - interval '30 days' LIMIT p_limit
            ) j LIMIT p_limit
        ) old
        WHERE j.workspace_id = old.workspace_id AND j.id = old.id;
    END CASE;
    GET DIAGNOSTICS removed = ROW_COUNT;
    UPDATE purges
    SET due_at = clock_timestamp() + CASE WHEN removed = 0 THEN interval '1 hour' ELSE p_lease_length END
    WHERE name = p_name;
    RETURN removed;
END $$;
