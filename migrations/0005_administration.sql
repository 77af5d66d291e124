-- Writing workspaces and tokens. The idempotency key belongs to the administrator's own workspace (p_workspace).

-- A violated workspaces_name_key ends the statement: the name is taken.
CREATE FUNCTION workspace_create_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_uid uuid, p_name text,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    workspace workspaces;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    INSERT INTO workspaces (uid, name) VALUES (p_uid, p_name) RETURNING * INTO workspace;
    body := json_build_object('id', workspace.id, 'uid', workspace.uid, 'name', workspace.name,
        'created_at', rfc3339_v1(workspace.created_at));
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
    outcome := 'done';
END $$;

-- 'no_workspace' if the token is for a workspace that does not exist, 'no_employee' if that has no such employee.
CREATE FUNCTION token_create_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_uid uuid,
    p_for_workspace uuid, p_name text, p_hash bytea, p_scopes text[], p_expires_at timestamptz,
    p_employee uuid, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    token_id bigint;
    for_workspace bigint;
    employee bigint;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    SELECT id INTO for_workspace FROM workspaces WHERE uid = p_for_workspace;
    IF NOT FOUND THEN
        outcome := 'no_workspace';
        RETURN;
    END IF;
    IF p_employee IS NOT NULL THEN
        employee := employee_ref_v1(for_workspace, to_jsonb(p_employee));
        IF employee IS NULL THEN
            outcome := 'no_employee';
            RETURN;
        END IF;
    END IF;
    INSERT INTO tokens (workspace_id, uid, name, employee_id, hash, scopes, expires_at)
    VALUES (for_workspace, p_uid, p_name, employee, p_hash, p_scopes, p_expires_at) RETURNING id INTO token_id;
    body := (SELECT document FROM token_documents_v1 WHERE workspace_id = for_workspace AND id = token_id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
    outcome := 'done';
END $$;

-- Body: the token's hash in hexadecimal, under which instances may remember it.
CREATE FUNCTION token_revoke_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_uid uuid,
    OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    revoked bytea;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    UPDATE tokens SET revoked_at = now() WHERE uid = p_uid AND revoked_at IS NULL RETURNING hash INTO revoked;
    IF NOT FOUND THEN
        outcome := 'not_found';
        RETURN;
    END IF;
    body := to_json(encode(revoked, 'hex'));
    PERFORM write_record_v1(p_workspace, p_route, p_key, p_digest, body, false);
    IF p_invalidate THEN
        cache_wait := invalidation_record_v1(p_workspace, true);
    END IF;
    outcome := 'done';
END $$;
