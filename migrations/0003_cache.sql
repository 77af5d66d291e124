-- What Postgres keeps for the cache in Redis: whose it is, and which writes it was not told of.

-- Which installation this database belongs to. Everything in Redis is kept under this id, so that two databases on
-- one Redis have nothing in common there. A copy or a restored backup has the id of its original until `cargo xtask
-- installation renew`.
CREATE TABLE installation (
    only_one   boolean DEFAULT true CONSTRAINT installation_pkey PRIMARY KEY
               CONSTRAINT installation_only_one_check CHECK (only_one),
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    renewed_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO installation DEFAULT VALUES;

-- The id, or null in the first minute after it was renewed. Instances that still use the former id tell the latter's
-- part of Redis of their writes, so nothing may be cached under the new one before they have all learnt of it: each
-- learns within a second of its next check of a token, a worker with its next run, at most 20 seconds later.
CREATE FUNCTION installation_v1() RETURNS text STABLE LANGUAGE sql AS $$
    SELECT id::text FROM installation WHERE renewed_at < clock_timestamp() - interval '1 minute'
$$;

-- A new id, under which nothing is known to Redis yet; so what Redis was not told of has become meaningless.
CREATE FUNCTION installation_renew_v1() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    renewed uuid;
BEGIN
    UPDATE installation SET id = gen_random_uuid(), renewed_at = clock_timestamp() RETURNING id INTO renewed;
    DELETE FROM cache_invalidations;
    -- Whoever follows the feed has perhaps read what is not in this database.
    PERFORM feed_renew_v1(true);
    RETURN renewed::text;
END $$;

-- Pending invalidations: writes that Redis was not told of. One check a second looks for those of all workspaces, so
-- the few rows that there are must not leave many dead ones.
CREATE TABLE cache_invalidations (
    workspace_id bigint NOT NULL CONSTRAINT cache_invalidations_workspace_fkey REFERENCES workspaces (id),
    id           bigserial,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The transaction that recorded it. It is settled by the snapshot that saw it: ids are given in another order than
    -- transactions commit.
    recorded_by  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    -- Of a write whose outcome is unknown: it may not be settled before all transactions below this one have ended,
    -- since one of them may be that write, whose commit can wait for a standby for any time.
    not_before   xid8,
    -- A token was revoked, so nothing that is remembered of tokens may be trusted.
    access       boolean NOT NULL DEFAULT false,
    CONSTRAINT cache_invalidations_pkey PRIMARY KEY (workspace_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- What Redis was not told of: the workspaces, 101 at most, whether a token was revoked, and the snapshot that saw them;
-- null if there is nothing. Index: cache_invalidations_pkey.
CREATE FUNCTION invalidations_pending_v1() RETURNS json STABLE LANGUAGE sql AS $$
    SELECT json_build_object('workspaces', json_agg(workspace_id), 'more', count(*) > 100, 'access', bool_or(access),
        'snapshot', pg_current_snapshot()::text)
    FROM (
        SELECT workspace_id, bool_or(access) AS access FROM cache_invalidations
        GROUP BY workspace_id ORDER BY workspace_id LIMIT 101
    ) pending
    HAVING count(*) > 0
$$;

-- Records a pending invalidation; p_access: of a write that revokes a token. Every instance looks for such records once
-- a second. True: the writer must wait that long before it answers, since no record is surely known to all. One of ten
-- seconds is: it was committed when the statement that made it ended, and none may run that long. It is locked, so that
-- it is not settled before this write commits, and then it does for this write, too: an outage leaves the records of
-- its first ten seconds, however long it lasts. One that is being settled does not count.
CREATE FUNCTION invalidation_record_v1(p_workspace bigint, p_access boolean) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    known boolean;
BEGIN
    PERFORM FROM cache_invalidations
        WHERE workspace_id = p_workspace AND (access OR NOT p_access)
            AND created_at < clock_timestamp() - interval '10 seconds'
        ORDER BY id LIMIT 1 FOR SHARE SKIP LOCKED;
    known := FOUND;
    IF NOT known THEN
        INSERT INTO cache_invalidations (workspace_id, access) VALUES (p_workspace, p_access);
    END IF;
    RETURN NOT known;
END $$;

-- Records that a write may have been committed, or may be yet. Every transaction that is running has a smaller id
-- than this one; the end of a snapshot would not do, which only the transactions that have ended are sure to be
-- below.
CREATE FUNCTION invalidation_record_unknown_v1(p_workspace bigint, p_access boolean) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cache_invalidations (workspace_id, not_before, access)
    VALUES (p_workspace, pg_current_xact_id(), p_access)
$$;

-- Deletes the records of all workspaces that a check found, as far as its snapshot saw them, after Redis was told.
-- Those that a writer has locked stay, and so do those of a write that had perhaps not ended.
CREATE FUNCTION invalidations_settle_v1(p_workspaces bigint[], p_snapshot pg_snapshot) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM cache_invalidations i USING (
        SELECT workspace_id, id FROM cache_invalidations
        WHERE workspace_id = ANY (p_workspaces) AND pg_visible_in_snapshot(recorded_by, p_snapshot)
            AND (not_before IS NULL OR not_before <= pg_snapshot_xmin(p_snapshot))
        FOR UPDATE SKIP LOCKED
    ) seen
    WHERE i.workspace_id = seen.workspace_id AND i.id = seen.id
$$;
