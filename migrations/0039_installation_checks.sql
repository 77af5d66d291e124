-- One check for pending invalidations serves the whole installation, and what is remembered of tokens is invalidated as answers are.

-- access: a token was revoked, so nothing that is remembered of tokens must be trusted.
ALTER TABLE cache_invalidations ADD COLUMN access boolean NOT NULL DEFAULT false;

-- What Redis was not told of: the workspaces, 101 at most, whether a token was revoked, and the snapshot that saw them; null if there
-- is nothing. Index: cache_invalidations_pkey.
CREATE FUNCTION cache_pending_v1() RETURNS json STABLE LANGUAGE sql AS $$
    SELECT json_build_object('workspaces', json_agg(workspace_id), 'more', count(*) > 100, 'access', bool_or(access),
        'snapshot', pg_current_snapshot()::text)
    FROM (
        SELECT workspace_id, bool_or(access) AS access FROM cache_invalidations GROUP BY workspace_id ORDER BY workspace_id LIMIT 101
    ) pending
    HAVING count(*) > 0
$$;

-- As distrust_cache_v1, for a write that revokes a token.
CREATE FUNCTION distrust_access_v1(p_workspace bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    known boolean;
BEGIN
    PERFORM FROM cache_invalidations
        WHERE workspace_id = p_workspace AND access AND created_at < clock_timestamp() - interval '10 seconds'
        ORDER BY id LIMIT 1 FOR SHARE SKIP LOCKED;
    known := FOUND;
    IF NOT known THEN
        INSERT INTO cache_invalidations (workspace_id, access) VALUES (p_workspace, true);
    END IF;
    RETURN NOT known;
END $$;

-- As cache_outcome_unknown_v1; p_access: of a write that revokes a token.
CREATE FUNCTION cache_outcome_unknown_v2(p_workspace bigint, p_access boolean) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cache_invalidations (workspace_id, not_before, access)
    VALUES (p_workspace, pg_current_xact_id(), p_access)
$$;
DROP FUNCTION cache_outcome_unknown_v1(bigint);

-- As cache_settle_v1, for all workspaces that a check found.
CREATE FUNCTION cache_settle_v2(p_workspaces bigint[], p_snapshot pg_snapshot) RETURNS void LANGUAGE sql AS $$
    DELETE FROM cache_invalidations i USING (
        SELECT workspace_id, id FROM cache_invalidations
        WHERE workspace_id = ANY (p_workspaces) AND pg_visible_in_snapshot(recorded_by, p_snapshot)
            AND (not_before IS NULL OR not_before <= pg_snapshot_xmin(p_snapshot))
        FOR UPDATE SKIP LOCKED
    ) seen
    WHERE i.workspace_id = seen.workspace_id AND i.id = seen.id
$$;
DROP FUNCTION cache_settle_v1(bigint, pg_snapshot);

-- Body: the token's hash in hexadecimal.
CREATE OR REPLACE FUNCTION token_revoke_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_distrust boolean, p_uid uuid,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    UPDATE tokens SET revoked_at = now() WHERE uid = p_uid AND revoked_at IS NULL
    RETURNING to_json(encode(hash, 'hex'))::text INTO body;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    PERFORM idempotency_record_v1(p_workspace, p_route, p_key, p_digest, body);
    IF p_distrust THEN
        cache_wait := distrust_access_v1(p_workspace);
    END IF;
    outcome := 'done';
END $$;
