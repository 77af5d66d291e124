-- What all writes have in common.
--
-- A write is a function, not a statement of data-modifying CTEs: all parts of such a statement see the snapshot of
-- its beginning. A writer that waited for another's lock must see what that one did to the todo's tags, and a tag
-- that another writer has just made. Within a function each step sees what was committed before it, and the whole is
-- still one statement, so all or nothing.
--
-- Each takes these first:
--   p_workspace               the caller's workspace
--   p_route, p_key, p_digest  the idempotency key, if there is one: for what, its value, SHA-256 of the body
--   p_invalidate              Redis could not be told: record a pending invalidation with the write
-- and answers:
--   outcome                   'done', 'replay' of the first outcome, or why nothing was written
--   body                      the outcome as JSON, from which either version of the API makes its answer
--   cache_wait                whether to wait before answering (invalidation_record_v1)
-- An error of class TD undoes the whole statement.
--
-- A function locks in this order: idempotency key (waits 150 ms at most), tags of the workspace (lock_tags_v1), the shape
-- of its trees (lock_tree_v1), todos by id, lists (lock_list_v1), new tags by name; a chunk of a job the trees if it
-- moves, its todos, the job, the lists, then the tags. Whatever deadlocks remain are rolled back by Postgres and repeated
-- by the store.

-- Each row comes, stays for a day and goes.
CREATE TABLE idempotency_keys (
    workspace_id bigint NOT NULL CONSTRAINT idempotency_keys_workspace_fkey REFERENCES workspaces (id),
    route        text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    -- SHA-256 of the request's body.
    body_digest  bytea NOT NULL,
    -- The body that the first write answered.
    outcome      text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (workspace_id, route, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- The purge of expired keys.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (workspace_id, created_at);

-- How long a key is valid.
CREATE FUNCTION idempotency_retention_v1() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN interval '24 hours';

-- Claims a key until the end of the transaction. 'new': go on, and record the outcome. 'replay': here is the first
-- outcome. 'mismatch': it was another body. 'running': the first request is not done. The lock is taken before the
-- row is looked for, so whoever has it sees the outcome of whoever had it before. Postgres answers that a statement has
-- failed before it releases the locks of that statement, so the lock of a key without a row is tried again after 10, 20,
-- 40 and 80 ms; nobody waits longer.
CREATE FUNCTION idempotency_claim_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, OUT state text, OUT first_outcome text
) LANGUAGE plpgsql AS $$
DECLARE
    place bigint := hashtextextended(p_workspace || ' ' || p_route || ' ' || p_key, 0);
    known idempotency_keys;
BEGIN
    state := 'new';
    IF p_key IS NULL THEN
        RETURN;
    END IF;
    FOR attempt IN 1 .. 5 LOOP
        state := CASE WHEN pg_try_advisory_xact_lock(place) THEN 'new' ELSE 'running' END;
        SELECT * INTO known FROM idempotency_keys
            WHERE workspace_id = p_workspace AND route = p_route AND key = p_key
                AND created_at > now() - idempotency_retention_v1();
        IF FOUND THEN
            state := CASE WHEN known.body_digest = p_digest THEN 'replay' ELSE 'mismatch' END;
            first_outcome := CASE WHEN state = 'replay' THEN known.outcome END;
        END IF;
        EXIT WHEN state <> 'running' OR attempt = 5;
        PERFORM pg_sleep(0.005 * 2 ^ attempt);
    END LOOP;
END $$;

-- Locks what the class and the id stand for until the end of the transaction: shared, or alone.
CREATE FUNCTION lock_v1(p_class integer, p_of bigint, p_alone boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_alone THEN
        PERFORM pg_advisory_xact_lock(p_class, hashint8(p_of));
    ELSE
        PERFORM pg_advisory_xact_lock_shared(p_class, hashint8(p_of));
    END IF;
END $$;

-- The outcome of looking for a row that is to be changed. p_version: its version, null if there is none. p_versions: any
-- of these; null: whatever it is.
CREATE FUNCTION precondition_v1(p_version bigint, p_versions bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN p_version IS NULL THEN 'not_found' WHEN p_version <> ALL (p_versions) THEN 'version_mismatch' ELSE 'done'
    END;

-- When a row changes: now, but later than its former change. Adding to an instant depends on the time zone of the
-- session; by way of UTC it does not, so this is immutable, which Citus asks of what an UPDATE computes from a row.
CREATE FUNCTION changed_at_v1(p_now timestamptz, p_former timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN greatest(p_now, (p_former AT TIME ZONE 'UTC' + interval '1 microsecond') AT TIME ZONE 'UTC');

-- Records what a write leaves beside its rows: the body under a claimed key, where a row that is still there has
-- expired, and the pending invalidation. Gives cache_wait.
CREATE FUNCTION write_record_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_body text, p_invalidate boolean
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys AS k (workspace_id, route, key, body_digest, outcome)
        VALUES (p_workspace, p_route, p_key, p_digest, p_body)
        ON CONFLICT (workspace_id, route, key) DO UPDATE
            SET body_digest = excluded.body_digest, outcome = excluded.outcome, created_at = excluded.created_at;
    END IF;
    IF p_invalidate THEN
        RETURN invalidation_record_v1(p_workspace, false);
    END IF;
    RETURN false;
END $$;
