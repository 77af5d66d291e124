-- Purges: recurring work that deletes what is over.

-- What to purge, and when next. A worker that takes one moves due_at on, as a lease.
CREATE TABLE purges (
    name   text CONSTRAINT purges_pkey PRIMARY KEY,
    due_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
INSERT INTO purges (name) VALUES ('bin'), ('idempotency_keys'), ('jobs');

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

-- Deletes at most p_limit todos of a workspace whose time in the bin is over, and renews the lease of the purge. For
-- one workspace, because its cache is told.
CREATE FUNCTION purge_bin_v1(
    p_workspace bigint, p_limit bigint, p_lease_length interval, p_invalidate boolean,
    OUT removed bigint, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
BEGIN
    cache_wait := false;
    DELETE FROM todos t USING (
        SELECT id FROM todos
        WHERE workspace_id = p_workspace AND deleted_at <= now() - bin_retention_v1()
        LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) old
    WHERE t.workspace_id = p_workspace AND t.id = old.id;
    GET DIAGNOSTICS removed = ROW_COUNT;
    UPDATE purges SET due_at = clock_timestamp() + p_lease_length WHERE name = 'bin';
    IF p_invalidate THEN
        cache_wait := invalidation_record_v1(p_workspace);
    END IF;
END $$;

-- Deletes at most p_limit rows whose time is over and that no cached answer shows, workspace by workspace over their
-- index. With none left the purge is due again in an hour, else it stays taken for the length of the lease.
CREATE FUNCTION purge_chunk_v1(p_name text, p_limit bigint, p_lease_length interval) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    removed bigint;
BEGIN
    CASE p_name
    WHEN 'idempotency_keys' THEN
        DELETE FROM idempotency_keys k USING (
            SELECT k.workspace_id, k.route, k.key FROM workspaces w CROSS JOIN LATERAL (
                SELECT * FROM idempotency_keys
                WHERE workspace_id = w.id AND created_at <= now() - idempotency_retention_v1() LIMIT p_limit
            ) k LIMIT p_limit
        ) old
        WHERE k.workspace_id = old.workspace_id AND k.route = old.route AND k.key = old.key
            AND k.created_at <= now() - idempotency_retention_v1();
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
