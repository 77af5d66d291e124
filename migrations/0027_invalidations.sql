-- Pending invalidations that are settled by the snapshot which saw them, all at once.
--
-- recorded_by: the transaction that recorded it. not_before: of a write whose outcome is unknown, it may not be settled before all
-- transactions below this one have ended, since one of them may be that write, whose commit can wait for a standby for any time.
ALTER TABLE cache_invalidations
    ADD COLUMN recorded_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    ADD COLUMN not_before  xid8;

-- Records that the cache of a workspace must not be trusted. Every instance looks for such records once a second. True: the
-- writer must wait that long before it answers, since no record is surely known to all. One of ten seconds is: it was committed
-- when the statement that made it ended, and none may run that long. It is locked, so that it is not settled before this write
-- commits, and then it does for this write, too: an outage leaves the records of its first ten seconds, however long it lasts.
-- One that is being settled does not count.
CREATE OR REPLACE FUNCTION distrust_cache_v1(p_workspace bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    known boolean;
BEGIN
    PERFORM FROM cache_invalidations
        WHERE workspace_id = p_workspace AND created_at < clock_timestamp() - interval '10 seconds'
        ORDER BY id LIMIT 1 FOR SHARE SKIP LOCKED;
    known := FOUND;
    IF NOT known THEN
        INSERT INTO cache_invalidations (workspace_id) VALUES (p_workspace);
    END IF;
    RETURN NOT known;
END $$;

-- Records that a write may have been committed, or may be yet. Every transaction that is running has a smaller id than this one;
-- the end of a snapshot would not do, which only the transactions that have ended are sure to be below.
CREATE FUNCTION cache_outcome_unknown_v1(p_workspace bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cache_invalidations (workspace_id, not_before)
    VALUES (p_workspace, pg_current_xact_id())
$$;

-- Forgets the records that a snapshot saw, after the generation in Redis was raised. Those that a writer has locked stay, and so
-- do those of a write that had perhaps not ended.
CREATE FUNCTION cache_settle_v1(p_workspace bigint, p_snapshot pg_snapshot) RETURNS void LANGUAGE sql AS $$
    DELETE FROM cache_invalidations i USING (
        SELECT workspace_id, id FROM cache_invalidations
        WHERE workspace_id = p_workspace AND pg_visible_in_snapshot(recorded_by, p_snapshot)
            AND (not_before IS NULL OR not_before <= pg_snapshot_xmin(p_snapshot))
        FOR UPDATE SKIP LOCKED
    ) seen
    WHERE i.workspace_id = seen.workspace_id AND i.id = seen.id
$$;
