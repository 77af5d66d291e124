-- What is kept under an idempotency key, and what one statement purges, is bounded in bytes.

-- As todos_batch_v1. The outcome of a batch has a whole todo for each operation, however short the operation: one that is larger
-- than 2 MiB is not kept, and with a key the statement ends with SQLSTATE TD002.
CREATE FUNCTION todos_batch_v2(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_operations jsonb,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT b.outcome, b.body, b.cache_wait INTO outcome, body, cache_wait
    FROM todos_batch_v1(p_workspace, p_route, p_key, p_digest, p_distrust, p_operations) b;
    IF p_key IS NOT NULL AND outcome IS DISTINCT FROM 'replay' AND octet_length(body) > 2097152 THEN
        RAISE EXCEPTION 'the outcome of a batch is too large to be kept' USING ERRCODE = 'TD002';
    END IF;
END $$;

-- As purge_chunk_v1, for what no cached answer shows. It ends before p_bytes are exceeded, but removes one row in any case.
CREATE FUNCTION purge_chunk_v2(p_name text, p_limit bigint, p_bytes bigint, p_lease_length interval) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    removed bigint;
BEGIN
    CASE p_name
    WHEN 'idempotency_keys' THEN
        DELETE FROM idempotency_keys k USING (
            SELECT o.workspace_id, o.route, o.key, sum(o.bytes) OVER (ROWS UNBOUNDED PRECEDING) - o.bytes AS before
            FROM (
                SELECT k.* FROM workspaces w CROSS JOIN LATERAL (
                    SELECT workspace_id, route, key, octet_length(outcome) AS bytes FROM idempotency_keys
                    WHERE workspace_id = w.id AND created_at <= now() - interval '24 hours' LIMIT p_limit
                ) k LIMIT p_limit
            ) o
        ) old
        WHERE k.workspace_id = old.workspace_id AND k.route = old.route AND k.key = old.key AND old.before < p_bytes
            AND k.created_at <= now() - interval '24 hours';
    WHEN 'jobs' THEN
        -- A job has a few kilobytes.
        DELETE FROM jobs j USING (
            SELECT j.workspace_id, j.id FROM workspaces w CROSS JOIN LATERAL (
                SELECT * FROM jobs
                WHERE workspace_id = w.id AND finished_at <= now() - interval '30 days' LIMIT p_limit
            ) j LIMIT p_limit
        ) old
        WHERE j.workspace_id = old.workspace_id AND j.id = old.id;
    WHEN 'completion_counts' THEN
        DELETE FROM completion_counts c USING (
            SELECT c.workspace_id, c.hour, c.shard FROM workspaces w CROSS JOIN LATERAL (
                SELECT * FROM completion_counts
                WHERE workspace_id = w.id AND hour <= now() - interval '8 days' LIMIT p_limit
            ) c LIMIT p_limit
        ) old
        WHERE c.workspace_id = old.workspace_id AND c.hour = old.hour AND c.shard = old.shard;
    END CASE;
    GET DIAGNOSTICS removed = ROW_COUNT;
    UPDATE purges
    SET due_at = clock_timestamp() + CASE WHEN removed = 0 THEN interval '1 hour' ELSE p_lease_length END
    WHERE name = p_name;
    RETURN removed;
END $$;

-- As purge_bin_v1, by bytes, too. p_limit todos at most; is_last: no others were left for their bytes.
CREATE FUNCTION purge_bin_v2(
    p_workspace bigint, p_limit bigint, p_bytes bigint, p_lease_length interval, p_distrust boolean,
    OUT removed bigint, OUT is_last boolean, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    cache_wait := false;
    WITH old AS MATERIALIZED (
        SELECT id, octet_length(title) + coalesce(octet_length(description), 0) AS bytes FROM todos
        WHERE workspace_id = p_workspace AND deleted_at <= now() - interval '30 days' LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), chosen AS (
        SELECT id, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes AS before FROM old
    ), gone AS (
        DELETE FROM todos t USING chosen c
        WHERE t.workspace_id = p_workspace AND t.id = c.id AND c.before < p_bytes
        RETURNING t.id
    )
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM old) INTO removed, found;
    is_last := found < p_limit AND removed = found;
    UPDATE purges SET due_at = clock_timestamp() + p_lease_length WHERE name = 'bin';
    IF p_distrust THEN
        cache_wait := distrust_cache_v1(p_workspace);
    END IF;
END $$;
