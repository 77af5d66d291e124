-- How many live todos were completed in each hour, kept as todos are written, as todo_counts are. So "completed in the last seven
-- days" adds up 168 hours, whatever their todos are, and counts but the rest of the hour with which the seven days begin.
--
-- What was completed earlier is asked for by nobody and not kept: changes to it change no count. Two hours of grace, so that
-- nobody whose clock is behind misses an hour that still counts.
CREATE TABLE completion_counts (
    workspace_id bigint NOT NULL CONSTRAINT completion_counts_workspace_fkey REFERENCES workspaces (id),
    hour         timestamptz NOT NULL,
    shard        smallint NOT NULL,
    todos        bigint NOT NULL,
    CONSTRAINT completion_counts_pkey PRIMARY KEY (workspace_id, hour, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE FUNCTION count_completions_v1() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    since CONSTANT timestamptz := now() - interval '7 days 2 hours';
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO completion_counts AS c (workspace_id, hour, shard, todos)
        SELECT workspace_id, date_trunc('hour', completed_at, 'UTC') AS hour, count_shard_v1(workspace_id), count(*)
        FROM rows_after WHERE deleted_at IS NULL AND completed_at > since GROUP BY workspace_id, hour
        ON CONFLICT (workspace_id, hour, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO completion_counts AS c (workspace_id, hour, shard, todos)
        SELECT workspace_id, date_trunc('hour', completed_at, 'UTC') AS hour, count_shard_v1(workspace_id), -count(*)
        FROM rows_before WHERE deleted_at IS NULL AND completed_at > since GROUP BY workspace_id, hour
        ON CONFLICT (workspace_id, hour, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    ELSE
        INSERT INTO completion_counts AS c (workspace_id, hour, shard, todos)
        SELECT workspace_id, hour, count_shard_v1(workspace_id), sum(change)
        FROM (
            SELECT workspace_id, date_trunc('hour', completed_at, 'UTC') AS hour, 1 AS change
            FROM rows_after WHERE deleted_at IS NULL AND completed_at > since
            UNION ALL
            SELECT workspace_id, date_trunc('hour', completed_at, 'UTC'), -1
            FROM rows_before WHERE deleted_at IS NULL AND completed_at > since
        ) changes
        GROUP BY workspace_id, hour HAVING sum(change) <> 0
        ON CONFLICT (workspace_id, hour, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER todos_completed_insert AFTER INSERT ON todos
    REFERENCING NEW TABLE AS rows_after FOR EACH STATEMENT EXECUTE FUNCTION count_completions_v1();
CREATE TRIGGER todos_completed_update AFTER UPDATE ON todos
    REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after FOR EACH STATEMENT EXECUTE FUNCTION count_completions_v1();
CREATE TRIGGER todos_completed_delete AFTER DELETE ON todos
    REFERENCING OLD TABLE AS rows_before FOR EACH STATEMENT EXECUTE FUNCTION count_completions_v1();

-- What no statistics ask for any more is purged.
INSERT INTO purges (name) VALUES ('completion_counts');

-- From the triggers on until the end of the transaction nobody writes todos, so the first counts are right, too.
INSERT INTO completion_counts (workspace_id, hour, shard, todos)
SELECT workspace_id, date_trunc('hour', completed_at, 'UTC') AS hour, 0, count(*)
FROM todos WHERE deleted_at IS NULL AND completed_at > now() - interval '7 days 2 hours' GROUP BY workspace_id, hour;
