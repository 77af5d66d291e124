-- Purges: recurring work that deletes what is over.

-- What to purge, and when next. A worker that takes one moves due_at on, as a lease.
CREATE TABLE purges (
    name    text CONSTRAINT purges_pkey PRIMARY KEY,
    due_at  timestamptz NOT NULL DEFAULT now(),
    -- When it last found nothing left: one that never does falls behind.
    done_at timestamptz NOT NULL DEFAULT now(),
    -- Rows deleted so far, for the metrics.
    removed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
INSERT INTO purges (name) VALUES ('bin'), ('idempotency_keys'), ('jobs'), ('completion_counts'), ('events');

-- The next workspace after p_after whose bin holds something to purge; null after the last. Workspace by workspace over
-- todos_in_bin.
CREATE FUNCTION purge_bin_next_v1(p_after bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT w.id FROM workspaces w CROSS JOIN LATERAL (
            SELECT FROM todos WHERE workspace_id = w.id AND deleted_at <= now() - bin_retention_v1() LIMIT 1
        ) old
        WHERE w.id > p_after ORDER BY w.id LIMIT 1
    );
END $$;

-- Deletes at most p_limit todos of a workspace whose time in the bin is over, and renews the lease of the purge. It
-- stops once p_bytes are deleted, so one todo goes in any case; is_last: none was left, neither for p_limit nor for
-- p_bytes. For one workspace, because its cache is told.
CREATE FUNCTION purge_bin_v1(
    p_workspace bigint, p_limit bigint, p_bytes bigint, p_lease_length interval, p_invalidate boolean,
    OUT removed bigint, OUT is_last boolean, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    cache_wait := false;
    WITH old AS MATERIALIZED (
        SELECT id, octet_length(title) + coalesce(octet_length(description), 0) AS bytes FROM todos
        WHERE workspace_id = p_workspace AND deleted_at <= now() - bin_retention_v1()
        LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), chosen AS (
        SELECT id, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes AS before FROM old
    ), gone AS (
        DELETE FROM todos t USING chosen c
        WHERE t.workspace_id = p_workspace AND t.id = c.id AND c.before < p_bytes
        RETURNING t.id
    )
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM old) INTO removed, found;
    is_last := found < p_limit AND removed = found;
    UPDATE purges p SET due_at = clock_timestamp() + p_lease_length, removed = p.removed + purge_bin_v1.removed
    WHERE name = 'bin';
    IF p_invalidate THEN
        cache_wait := invalidation_record_v1(p_workspace, false);
    END IF;
END $$;

-- Deletes at most p_limit rows whose time is over and that no cached answer shows, workspace by workspace over their
-- index. With none left the purge is due again in an hour, else it stays taken for the length of the lease. p_bytes as
-- in purge_bin_v1; a job or a count has a few kilobytes at most.
CREATE FUNCTION purge_chunk_v1(p_name text, p_limit bigint, p_bytes bigint, p_lease_length interval) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    deleted bigint;
BEGIN
    CASE p_name
    WHEN 'idempotency_keys' THEN
        DELETE FROM idempotency_keys k USING (
            SELECT o.workspace_id, o.route, o.key, sum(o.bytes) OVER (ROWS UNBOUNDED PRECEDING) - o.bytes AS before
            FROM (
                SELECT k.* FROM workspaces w CROSS JOIN LATERAL (
                    SELECT workspace_id, route, key, octet_length(outcome) AS bytes FROM idempotency_keys
                    WHERE workspace_id = w.id AND created_at <= now() - idempotency_retention_v1() LIMIT p_limit
                ) k LIMIT p_limit
            ) o
        ) old
        WHERE k.workspace_id = old.workspace_id AND k.route = old.route AND k.key = old.key AND old.before < p_bytes
            AND k.created_at <= now() - idempotency_retention_v1();
    WHEN 'jobs' THEN
        DELETE FROM jobs j USING (
            SELECT j.workspace_id, j.id FROM workspaces w CROSS JOIN LATERAL (
                SELECT * FROM jobs
                WHERE workspace_id = w.id AND finished_at <= now() - job_retention_v1() LIMIT p_limit
            ) j LIMIT p_limit
        ) old
        WHERE j.workspace_id = old.workspace_id AND j.id = old.id;
    WHEN 'completion_counts' THEN
        -- No statistics ask for them any more (completion_hour_v1).
        DELETE FROM completion_counts c USING (
            SELECT c.workspace_id, c.hour, c.shard FROM workspaces w CROSS JOIN LATERAL (
                SELECT * FROM completion_counts
                WHERE workspace_id = w.id AND hour <= now() - interval '8 days' LIMIT p_limit
            ) c LIMIT p_limit
        ) old
        WHERE c.workspace_id = old.workspace_id AND c.hour = old.hour AND c.shard = old.shard;
    WHEN 'events' THEN
        -- A day longer than a cursor lives, so that nobody is cut off between two pages. Lines are in the order of time,
        -- but for the length of a statement: those of a workspace whose first one is old enough, from there on.
        DELETE FROM events e USING (
            SELECT l.workspace_id, l.xid, l.id FROM workspaces w CROSS JOIN LATERAL (
                SELECT at FROM events WHERE workspace_id = w.id ORDER BY xid, id LIMIT 1
            ) first CROSS JOIN LATERAL (
                SELECT workspace_id, xid, id, at FROM events WHERE workspace_id = w.id ORDER BY xid, id LIMIT p_limit
            ) l
            WHERE first.at <= now() - events_retention_v1() - interval '1 day'
                AND l.at <= now() - events_retention_v1() - interval '1 day'
            LIMIT p_limit
        ) old
        WHERE e.workspace_id = old.workspace_id AND e.xid = old.xid AND e.id = old.id;
    END CASE;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    IF p_name = 'events' THEN
        UPDATE feed SET seen = greatest(seen, pg_current_xact_id());
    END IF;
    UPDATE purges p SET removed = p.removed + deleted,
        due_at = clock_timestamp() + CASE WHEN deleted = 0 THEN interval '1 hour' ELSE p_lease_length END,
        done_at = CASE WHEN deleted = 0 THEN clock_timestamp() ELSE p.done_at END
    WHERE name = p_name;
    RETURN deleted;
END $$;
