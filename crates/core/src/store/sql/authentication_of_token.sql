-- $1 the token's hash, $2 milliseconds. Indexes: tokens_hash_key, jobs_due, then primary keys. Changes nothing, so that
-- it also runs where Postgres is read-only. good_for: milliseconds until the token expires, $2 at most, also if it
-- never does; noted: since its use was noted, the same.
SELECT row_to_json(authentication)::text
FROM (
    SELECT
        json_build_object('workspace_id', t.workspace_id, 'workspace_uid', w.uid, 'workspace_name', w.name,
            'token_uid', t.uid,
            'token_name', t.name, 'scopes', t.scopes, 'expires_at', rfc3339_v1(t.expires_at), 'employee_uid',
            CASE WHEN t.employee_id IS NOT NULL
                THEN employee_named_v1(t.workspace_id, t.employee_id) -> 'id' END) AS principal,
        greatest(0, least($2::bigint,
            (extract(epoch FROM t.expires_at - clock_timestamp()) * 1000)::bigint)) AS good_for,
        greatest(0, least($2::bigint,
            (extract(epoch FROM clock_timestamp() - t.last_used_at) * 1000)::bigint)) AS noted,
        invalidations_pending_v1() AS pending,
        installation_v1() AS installation,
        EXISTS (SELECT FROM jobs WHERE status IN ('queued', 'running') AND due_at <= now())
            OR EXISTS (SELECT FROM purges WHERE due_at <= now()) AS work_due
    FROM tokens t JOIN workspaces w ON w.id = t.workspace_id
    WHERE t.hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
) authentication
