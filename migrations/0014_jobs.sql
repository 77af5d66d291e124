-- Background jobs.

-- A small table whose rows change often and live briefly, and which every check of a token reads: room for new
-- versions of a row in its own page, and no long rows of dead ones. The same holds for job_turns and purges.
CREATE TABLE jobs (
    workspace_id bigint NOT NULL CONSTRAINT jobs_workspace_fkey REFERENCES workspaces (id),
    id           bigserial,
    uid          uuid NOT NULL,
    -- 'todos.bulk': what a client asked for. 'tags.merge' and 'tags.delete': the rest of what has been done already
    -- (drop_tag_v1, job_is_required_v1), not counted among the open ones that a client may have.
    kind         text COLLATE "C" NOT NULL,
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
    -- Todos that were gone through and had no room for another tag.
    skipped      bigint NOT NULL DEFAULT 0,
    attempts     bigint NOT NULL DEFAULT 0,
    -- Attempts in a row that got nothing done.
    consecutive_failures bigint NOT NULL DEFAULT 0,
    error        text,
    -- When a worker may take it: a queued one from when on, a running one when its lease has run out.
    due_at       timestamptz NOT NULL DEFAULT now(),
    -- The worker's that has it.
    lease        uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    CONSTRAINT jobs_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT jobs_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT jobs_lease_check CHECK ((status = 'running') = (lease IS NOT NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
-- Claims of workers, and whether any job is due, which each check of a token asks. The queue belongs to all
-- workspaces: a worker takes what has waited longest, whose ever it is.
CREATE INDEX jobs_due ON jobs (due_at) WHERE status IN ('queued', 'running');
-- How many open jobs a workspace has, when it asks for another.
CREATE INDEX jobs_open ON jobs (workspace_id) WHERE status IN ('queued', 'running');
-- The purge of old jobs.
CREATE INDEX jobs_finished ON jobs (workspace_id, finished_at) WHERE finished_at IS NOT NULL;

-- When a worker last took up a job of each workspace: they take turns.
CREATE TABLE job_turns (
    workspace_id bigint CONSTRAINT job_turns_pkey PRIMARY KEY
                 CONSTRAINT job_turns_workspace_fkey REFERENCES workspaces (id),
    served_at    timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- How many jobs there are of each status, kept as jobs change: a scrape of the metrics reads these rows and not all
-- jobs. A shard belongs to one writer until it commits, as with the counts of todos (count_shard_v1). Most updates of
-- a job leave its status as it is, and do not fire the trigger.
CREATE TABLE job_counts (
    status text COLLATE "C" NOT NULL,
    shard  smallint NOT NULL,
    jobs   bigint NOT NULL,
    CONSTRAINT job_counts_pkey PRIMARY KEY (status, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE FUNCTION count_job_v1() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- No workspace has the number 0: the counts are of all workspaces together.
    own CONSTANT integer := count_shard_v1(0);
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO job_counts AS c (status, shard, jobs) VALUES (OLD.status, own, -1)
        ON CONFLICT (status, shard) DO UPDATE SET jobs = c.jobs + excluded.jobs;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO job_counts AS c (status, shard, jobs) VALUES (NEW.status, own, 1)
        ON CONFLICT (status, shard) DO UPDATE SET jobs = c.jobs + excluded.jobs;
    END IF;
    RETURN NULL;
END $$;

-- Whether a job of this kind is the rest of a change that was answered: it is neither cancelled nor given up.
CREATE FUNCTION job_is_required_v1(p_kind text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN p_kind <> 'todos.bulk';

-- How long a job can be looked at after its end.
CREATE FUNCTION job_retention_v1() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN interval '30 days';

CREATE TRIGGER jobs_count AFTER INSERT OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION count_job_v1();
CREATE TRIGGER jobs_recount AFTER UPDATE OF status ON jobs FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION count_job_v1();

CREATE VIEW job_documents_v1 AS
SELECT j.workspace_id, j.id, j.uid, (
    SELECT row_to_json(document)::text FROM (
        SELECT j.id, j.uid, j.kind, j.status, j.total, j.processed, j.attempts, j.error,
            rfc3339_v1(j.created_at) AS created_at, rfc3339_v1(j.started_at) AS started_at,
            rfc3339_v1(j.finished_at) AS finished_at
    ) document
) AS document
FROM jobs j;

-- 'too_many_jobs' if the workspace has as many open jobs as it may have, 'no_assignee' if the change assigns
-- to an employee that does not exist, 'no_list' and 'list_archived' if it moves into such a list.
CREATE FUNCTION job_accept_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_uid uuid, p_kind text,
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
    IF p_change ->> 'move' IS NOT NULL THEN
        outcome := (
            SELECT list_state_v1(p_workspace, max(id)) FROM lists
            WHERE workspace_id = p_workspace AND uid = (p_change ->> 'move')::uuid
        );
        IF outcome <> 'done' THEN
            RETURN;
        END IF;
    END IF;
    -- One at a time, so that the bound is exact. Foreign keys to the workspace do not wait for this.
    PERFORM FROM workspaces WHERE id = p_workspace FOR NO KEY UPDATE;
    IF (
        SELECT count(*) FROM (
            SELECT FROM jobs
            WHERE workspace_id = p_workspace AND status IN ('queued', 'running') AND kind = p_kind LIMIT p_most
        ) open
    ) >= p_most THEN
        outcome := 'too_many_jobs';
        RETURN;
    END IF;
    INSERT INTO jobs (workspace_id, uid, kind, filter, change) VALUES (p_workspace, p_uid, p_kind, p_filter, p_change)
    RETURNING id INTO job_id;
    body := (SELECT document FROM job_documents_v1 WHERE workspace_id = p_workspace AND id = job_id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
    outcome := 'done';
END $$;

-- Waits for a chunk that is under way, which holds the job's row. 'job_required' of a job that is the rest of a change
-- that was answered.
CREATE FUNCTION job_cancel_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
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
        WHEN job.id IS NULL THEN 'not_found'
        WHEN job.status NOT IN ('queued', 'running') THEN 'job_finished'
        WHEN job_is_required_v1(job.kind) THEN 'job_required'
        ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    UPDATE jobs SET status = 'cancelled', lease = NULL, finished_at = clock_timestamp()
    WHERE workspace_id = p_workspace AND id = job.id;
    INSERT INTO events (workspace_id, type, subject) VALUES (p_workspace, 'job.cancelled', job.uid);
    body := (SELECT document FROM job_documents_v1 WHERE workspace_id = p_workspace AND id = job.id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;
