-- Distributes the schema of this service by workspace on Citus. Run once with psql as the owner of the database, after
-- the migrations, on a coordinator that knows its workers, before there is data: deploy/citus/README.md.

-- Functions that write are called in statements of the components, and run statements on distributed tables themselves.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET citus.allow_nested_distributed_execution = on', current_database());
END $$;

-- A table with a key to one that is not distributed yet cannot be distributed: keys come off, and most come back.
CREATE TEMPORARY TABLE keys AS
SELECT conrelid::regclass::text AS of, conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE contype = 'f' AND confrelid = 'workspaces'::regclass;
DO $$
DECLARE key record;
BEGIN
    FOR key IN SELECT * FROM keys LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', key.of, key.name);
    END LOOP;
END $$;
-- Not kept: a reference table has no key to a distributed one.
ALTER TABLE tokens DROP CONSTRAINT tokens_employee_fkey;
-- Not kept: Citus knows no ON DELETE SET NULL of a key with the column of distribution.
ALTER TABLE todos DROP CONSTRAINT todos_parent_fkey;

-- All rows of a workspace are on one worker, so what changes them is one statement there, and so is what joins them.
SELECT create_distributed_table('departments', 'workspace_id', shard_count => 16);
SELECT create_distributed_table('employees', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('tags', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('lists', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('todos', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('todo_tags', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('idempotency_keys', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('todo_counts', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('tag_counts', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('list_counts', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('completion_counts', 'workspace_id', colocate_with => 'departments');
SELECT create_distributed_table('events', 'workspace_id', colocate_with => 'departments');
-- Looked up by uid or hash, without a workspace: a copy on each worker.
SELECT create_reference_table('workspaces');
SELECT create_reference_table('tokens');
-- Jobs, their turns and pending invalidations stay plain tables of the coordinator, where every statement is allowed; a
-- key to a reference table would make them tables of Citus.
DO $$
DECLARE key record;
BEGIN
    FOR key IN SELECT * FROM keys WHERE of NOT IN ('jobs', 'job_turns', 'cache_invalidations') LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', key.of, key.name, key.definition);
    END LOOP;
END $$;

-- Purges go over all shards by age instead of workspace by workspace, for which Citus has no lateral join.
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CREATE INDEX completion_counts_hour ON completion_counts (hour);
CREATE INDEX events_age ON events USING brin (at);

CREATE OR REPLACE FUNCTION purge_bin_next_v1(p_after bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT min(workspace_id) FROM todos
        WHERE workspace_id > p_after AND deleted_at <= now() - bin_retention_v1()
    );
END $$;

CREATE OR REPLACE FUNCTION purge_chunk_v1(p_name text, p_limit bigint, p_bytes bigint, p_lease_length interval)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    expired CONSTANT timestamptz := now() - CASE p_name
        WHEN 'idempotency_keys' THEN idempotency_retention_v1() WHEN 'jobs' THEN job_retention_v1()
        WHEN 'completion_counts' THEN interval '8 days' WHEN 'events' THEN events_retention_v1() + interval '1 day'
    END;
    deleted bigint;
BEGIN
    CASE p_name
    WHEN 'idempotency_keys' THEN
        DELETE FROM idempotency_keys k USING (
            SELECT o.workspace_id, o.route, o.key, sum(o.bytes) OVER (ROWS UNBOUNDED PRECEDING) - o.bytes AS before
            FROM (
                SELECT workspace_id, route, key, octet_length(outcome) AS bytes FROM idempotency_keys
                WHERE created_at <= expired LIMIT p_limit
            ) o
        ) old
        WHERE k.workspace_id = old.workspace_id AND k.route = old.route AND k.key = old.key AND old.before < p_bytes
            AND k.created_at <= expired;
    WHEN 'jobs' THEN
        DELETE FROM jobs j USING (
            SELECT workspace_id, id FROM jobs WHERE finished_at <= expired LIMIT p_limit
        ) old
        WHERE j.workspace_id = old.workspace_id AND j.id = old.id;
    WHEN 'completion_counts' THEN
        DELETE FROM completion_counts c USING (
            SELECT workspace_id, hour, shard FROM completion_counts WHERE hour <= expired LIMIT p_limit
        ) old
        WHERE c.workspace_id = old.workspace_id AND c.hour = old.hour AND c.shard = old.shard;
    WHEN 'events' THEN
        DELETE FROM events e USING (
            SELECT workspace_id, xid, id FROM events WHERE at <= expired LIMIT p_limit
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

-- Lines are read on workers, later than the number that the cluster has reached: those that are written in between are
-- not ahead of it. So the newest is looked for first, and compared with a number that is given afterwards. For whoever
-- asks often (p_most) `seen` does, which is at most an hour old, as no index has the lines of all workspaces in order.
CREATE OR REPLACE FUNCTION feed_is_ahead_v1(p_most bigint DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    newest xid8;
BEGIN
    IF (SELECT seen >= pg_snapshot_xmax(pg_current_snapshot()) FROM feed) THEN
        RETURN true;
    ELSIF p_most IS NOT NULL THEN
        RETURN false;
    END IF;
    newest := (SELECT max(xid) FROM events);
    RETURN coalesce(newest >= pg_current_xact_id(), false);
END $$;

-- Before which transaction all lines can be seen. A transaction with several workers has ended on the coordinator
-- before it is committed on them; until then it has the lock of its number, which is looked for after the snapshot was
-- taken.
CREATE FUNCTION feed_horizon_v1() RETURNS xid8 LANGUAGE plpgsql STABLE AS $$
DECLARE
    horizon CONSTANT bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
BEGIN
    RETURN (
        SELECT (horizon - coalesce(max(before), 0))::text::xid8 FROM (
            -- A lock has the last 32 bits of the number.
            SELECT (horizon - transactionid::text::bigint) & 4294967295 AS before FROM pg_locks
            WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock'
        ) held
        WHERE before < 2147483648
    );
END $$;
DO $$
BEGIN
    EXECUTE replace(replace(pg_get_functiondef('feed_page_v1'::regproc),
        'pg_snapshot_xmin(pg_current_snapshot())', 'feed_horizon_v1()'),
        'greatest(seen, newest) >= reached', 'seen >= reached');
END $$;

-- Documents. Citus sends a statement to one shard if each table in it is compared with one workspace, not with a column
-- of the row around it; otherwise to all. So the functions that render todos get the view with the workspace
-- written in, and the views of employees and lists join.
DO $$
DECLARE
    rendering CONSTANT text := regexp_replace(rtrim(pg_get_viewdef('todo_documents_v1'), ';'),
        '= (t|e)\.workspace_id', '= p_workspace', 'g');
    renderer record;
BEGIN
    FOR renderer IN
        SELECT oid FROM pg_proc
        WHERE prosrc ~ '(FROM|JOIN) todo_documents_v1' AND pronamespace = 'public'::regnamespace
    LOOP
        EXECUTE regexp_replace(pg_get_functiondef(renderer.oid), '(FROM|JOIN) todo_documents_v1( d)?',
            '\1 (' || replace(rendering, '\', '\\') || ') d', 'g');
    END LOOP;
END $$;

CREATE OR REPLACE VIEW employee_documents_v1 AS
SELECT e.workspace_id, e.id, e.uid, json_build_object(
    'id', e.id, 'uid', e.uid, 'name', e.name, 'email', e.email,
    'department', CASE WHEN d.id IS NOT NULL THEN json_build_object('id', d.id, 'uid', d.uid, 'name', d.name) END,
    'created_at', rfc3339_v1(e.created_at), 'updated_at', rfc3339_v1(e.updated_at), 'version', e.version
)::text AS document
FROM employees e LEFT JOIN departments d ON d.workspace_id = e.workspace_id AND d.id = e.department_id;

CREATE OR REPLACE VIEW list_documents_v1 AS
SELECT i.workspace_id, i.id, i.uid, json_build_object(
    'id', i.id, 'uid', i.uid, 'name', i.name, 'color', i.color, 'position', i.position,
    'archived_at', rfc3339_v1(i.archived_at), 'count', coalesce(c.todos, 0),
    'created_at', rfc3339_v1(i.created_at), 'updated_at', rfc3339_v1(i.updated_at), 'version', i.version
)::text AS document
FROM lists i LEFT JOIN (
    SELECT workspace_id, list_id, sum(todos) AS todos FROM list_counts GROUP BY workspace_id, list_id
) c ON c.workspace_id = i.workspace_id AND c.list_id = i.id;
