-- What every write has in common: idempotency keys, and the notes that the cache must not be trusted.

CREATE TABLE idempotency_keys (
    workspace_id bigint NOT NULL CONSTRAINT idempotency_keys_workspace_fkey REFERENCES workspaces (id),
    route        text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    -- SHA-256 of the request's body.
    body_digest  bytea NOT NULL,
    -- The canonical outcome, from which either version of the API makes its answer again.
    outcome      text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (workspace_id, route, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (workspace_id, created_at);

-- A write that Redis was not told of.
CREATE TABLE cache_invalidations (
    workspace_id bigint NOT NULL CONSTRAINT cache_invalidations_workspace_fkey REFERENCES workspaces (id),
    id           bigint GENERATED ALWAYS AS IDENTITY,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT cache_invalidations_pkey PRIMARY KEY (workspace_id, id)
);

-- Claims a key until the end of the transaction. 'new': go on, and record the outcome. 'replay': here is the first outcome.
-- 'mismatch': it was another body. 'running': the first request is not done. The lock is taken before the row is looked for, so
-- whoever has it sees the outcome of whoever had it before; nobody waits.
CREATE FUNCTION idempotency_claim_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, OUT state text, OUT first_outcome text
) LANGUAGE plpgsql AS $$
DECLARE
    claimed boolean;
    known idempotency_keys;
BEGIN
    state := 'new';
    IF p_key IS NULL THEN
        RETURN;
    END IF;
    claimed := pg_try_advisory_xact_lock(hashtextextended(p_workspace || ' ' || p_route || ' ' || p_key, 0));
    SELECT * INTO known FROM idempotency_keys
        WHERE workspace_id = p_workspace AND route = p_route AND key = p_key AND created_at > now() - interval '24 hours';
    IF FOUND THEN
        state := CASE WHEN known.body_digest = p_digest THEN 'replay' ELSE 'mismatch' END;
        first_outcome := CASE WHEN state = 'replay' THEN known.outcome END;
    ELSIF NOT claimed THEN
        state := 'running';
    END IF;
END $$;

-- Keeps the outcome under a claimed key. A row that is still there is older than 24 hours.
CREATE FUNCTION idempotency_record_v1(p_workspace bigint, p_route text, p_key text, p_digest bytea, p_outcome text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys AS k (workspace_id, route, key, body_digest, outcome)
        VALUES (p_workspace, p_route, p_key, p_digest, p_outcome)
        ON CONFLICT (workspace_id, route, key) DO UPDATE
            SET body_digest = excluded.body_digest, outcome = excluded.outcome, created_at = now();
    END IF;
END $$;

-- Records that the cache of a workspace must not be trusted. Every instance looks for such records once a second. True: the
-- writer must wait that long before it answers, since no record is surely known to all. One of ten seconds is: it was committed
-- when the statement that made it ended, and none may run that long. It must not be settled before this write commits, hence
-- the lock; one that is being settled does not count.
CREATE FUNCTION distrust_cache_v1(p_workspace bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    known boolean;
BEGIN
    PERFORM FROM cache_invalidations
        WHERE workspace_id = p_workspace AND created_at < clock_timestamp() - interval '10 seconds'
        ORDER BY id LIMIT 1 FOR SHARE SKIP LOCKED;
    known := FOUND;
    INSERT INTO cache_invalidations (workspace_id) VALUES (p_workspace);
    RETURN NOT known;
END $$;

-- Writers that put tags on todos share this lock; merging or removing a tag takes it alone. So while a tag is merged no todo
-- gains or loses it, and while todos are tagged their tags stay. Taken before any row is locked.
CREATE FUNCTION lock_tags_v1(p_workspace bigint, p_alone boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_alone THEN
        PERFORM pg_advisory_xact_lock(1952540519, hashint8(p_workspace));
    ELSE
        PERFORM pg_advisory_xact_lock_shared(1952540519, hashint8(p_workspace));
    END IF;
END $$;
