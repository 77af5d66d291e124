-- Counts that are kept as todos are written: live todos by status and priority, by tag, by the hour in which they were
-- completed, and open ones by list. To count them anew would cost more with every todo, for numbers that statistics,
-- lists and tags ask for all the time.
--
-- A count is split over shards, and a writer keeps one shard to itself until it commits. So up to 16 writers of one
-- workspace do not wait for each other's counts. A number of one shard means nothing and may be
-- negative; the sum is exact at any moment, since it changes in the transaction that changes the todos. Rows change
-- with every write: a page has room for many versions of its own.
CREATE TABLE todo_counts (
    workspace_id bigint NOT NULL CONSTRAINT todo_counts_workspace_fkey REFERENCES workspaces (id),
    status       text COLLATE "C" NOT NULL,
    priority     smallint NOT NULL,
    shard        smallint NOT NULL,
    todos        bigint NOT NULL,
    CONSTRAINT todo_counts_pkey PRIMARY KEY (workspace_id, status, priority, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- No reference to tags: the functions that delete a tag delete its counts, or add them to those of the tag into which it
-- is merged. Until a job has found the todos that have both (drop_tag_v1), such a todo counts once for each.
CREATE TABLE tag_counts (
    workspace_id bigint NOT NULL CONSTRAINT tag_counts_workspace_fkey REFERENCES workspaces (id),
    tag_id       bigint NOT NULL,
    shard        smallint NOT NULL,
    todos        bigint NOT NULL,
    CONSTRAINT tag_counts_pkey PRIMARY KEY (workspace_id, tag_id, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Open todos by list. No reference to lists either: the function that deletes a list deletes its counts.
CREATE TABLE list_counts (
    workspace_id bigint NOT NULL CONSTRAINT list_counts_workspace_fkey REFERENCES workspaces (id),
    list_id      bigint NOT NULL,
    shard        smallint NOT NULL,
    todos        bigint NOT NULL,
    CONSTRAINT list_counts_pkey PRIMARY KEY (workspace_id, list_id, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- "Completed in the last seven days" adds up 168 hours and the rest of the one with which the seven days begin.
CREATE TABLE completion_counts (
    workspace_id bigint NOT NULL CONSTRAINT completion_counts_workspace_fkey REFERENCES workspaces (id),
    hour         timestamptz NOT NULL,
    shard        smallint NOT NULL,
    todos        bigint NOT NULL,
    CONSTRAINT completion_counts_pkey PRIMARY KEY (workspace_id, hour, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- The hour in which a completion counts; null for what was completed earlier, which nobody asks for: changes to it
-- change no count. Two hours of grace, so that nobody whose clock is behind misses an hour that still counts.
CREATE FUNCTION completion_hour_v1(p_completed_at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN p_completed_at > now() - interval '7 days 2 hours' THEN date_trunc('hour', p_completed_at, 'UTC')
    END;

-- A shard of this workspace that nobody else writes to before this transaction ends. With more writers at once than
-- shards, the last ones share one and wait for each other.
CREATE FUNCTION count_shard_v1(p_workspace bigint) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
    shards CONSTANT integer := 16;
    shard integer;
BEGIN
    FOR number IN 0 .. shards - 1 LOOP
        shard := (pg_backend_pid() + number) % shards;
        IF pg_try_advisory_xact_lock(1668247156 + shard, hashint8(p_workspace)) THEN
            RETURN shard;
        END IF;
    END LOOP;
    RETURN pg_backend_pid() % shards;
END $$;

-- Counts a live todo that is completed (no former instant) or reopened (no present one). Takes no lock but its shard.
CREATE FUNCTION count_completion_v1(
    p_workspace bigint, p_former_completed_at timestamptz, p_completed_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO completion_counts AS c (workspace_id, hour, shard, todos)
    SELECT p_workspace, hour, count_shard_v1(p_workspace), sum(change)
    FROM (
        VALUES (completion_hour_v1(p_former_completed_at), -1), (completion_hour_v1(p_completed_at), 1)
    ) AS changes (hour, change)
    WHERE hour IS NOT NULL GROUP BY hour HAVING sum(change) <> 0
    ON CONFLICT (workspace_id, hour, shard) DO UPDATE SET todos = c.todos + excluded.todos;
END $$;

-- Counts a live todo that comes (no former status and priority) or changes. Takes no lock but its shard.
CREATE FUNCTION count_todo_v1(
    p_workspace bigint, p_former_status text, p_former_priority smallint, p_status text, p_priority smallint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO todo_counts AS c (workspace_id, status, priority, shard, todos)
    VALUES (p_workspace, p_status, p_priority, count_shard_v1(p_workspace), 1)
    ON CONFLICT (workspace_id, status, priority, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    IF p_former_status IS NOT NULL THEN
        INSERT INTO todo_counts AS c (workspace_id, status, priority, shard, todos)
        VALUES (p_workspace, p_former_status, p_former_priority, count_shard_v1(p_workspace), -1)
        ON CONFLICT (workspace_id, status, priority, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    END IF;
END $$;

-- Counts an open live todo that leaves a list or comes into one; null: it is, or was, in none or not open. Takes no
-- lock but its shard.
CREATE FUNCTION count_list_v1(p_workspace bigint, p_former bigint, p_list bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_former IS NOT DISTINCT FROM p_list THEN
        RETURN;
    END IF;
    INSERT INTO list_counts AS c (workspace_id, list_id, shard, todos)
    SELECT p_workspace, list, count_shard_v1(p_workspace), change
    FROM (VALUES (p_former, -1), (p_list, 1)) AS changes (list, change) WHERE list IS NOT NULL
    ON CONFLICT (workspace_id, list_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
END $$;

-- Counts live todos with their lists and tags: 1 where they have come, -1 where they are about to go. Whatever writes
-- todos by other means than these functions calls it in the same transaction. Needs lock_tags_v1 and, but for new ones,
-- the todos' rows.
CREATE FUNCTION count_todos_v1(p_workspace bigint, p_todos bigint[], p_change integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    own CONSTANT smallint := count_shard_v1(p_workspace);
BEGIN
    WITH live AS MATERIALIZED (
        SELECT id, status, priority, list_id, completion_hour_v1(completed_at) AS hour FROM todos
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND deleted_at IS NULL
    ), counted AS (
        INSERT INTO todo_counts AS c (workspace_id, status, priority, shard, todos)
        SELECT p_workspace, status, priority, own, p_change * count(*) FROM live GROUP BY status, priority
        ON CONFLICT (workspace_id, status, priority, shard) DO UPDATE SET todos = c.todos + excluded.todos
    ), listed AS (
        INSERT INTO list_counts AS c (workspace_id, list_id, shard, todos)
        SELECT p_workspace, list_id, own, p_change * count(*) FROM live
        WHERE list_id IS NOT NULL AND is_open_v1(status) GROUP BY list_id
        ON CONFLICT (workspace_id, list_id, shard) DO UPDATE SET todos = c.todos + excluded.todos
    ), completed AS (
        INSERT INTO completion_counts AS c (workspace_id, hour, shard, todos)
        SELECT p_workspace, hour, own, p_change * count(*) FROM live WHERE hour IS NOT NULL GROUP BY hour
        ON CONFLICT (workspace_id, hour, shard) DO UPDATE SET todos = c.todos + excluded.todos
    )
    INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
    SELECT p_workspace, coalesce(g.merged_into, g.id) AS tag, own, p_change * count(*)
    FROM live CROSS JOIN LATERAL (
        -- For each todo (OFFSET 0): else the planner may look at the tags of all todos.
        SELECT tag_id FROM todo_tags WHERE workspace_id = p_workspace AND todo_id = live.id OFFSET 0
    ) l
    JOIN tags g ON g.workspace_id = p_workspace AND g.id = l.tag_id GROUP BY tag
    ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
END $$;

-- How many live todos have a tag, from the counts that are kept, so that a rename counts nothing anew. A statement's
-- own changes are included: it is read in a statement of its own inside the functions that write.
CREATE FUNCTION tag_count_v1(p_workspace bigint, p_tag bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(sum(todos), 0) FROM tag_counts WHERE workspace_id = p_workspace AND tag_id = p_tag);
END $$;

-- The tag that the fewest live todos have, of those that must all be there (tag_ids_v1): a list begins with it.
CREATE FUNCTION rarest_tag_v1(p_workspace bigint, p_folded text[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT g.id FROM unnest(tag_ids_v1(p_workspace, p_folded)) g (id)
        ORDER BY (
            SELECT sum(todos) FROM tag_counts c WHERE c.workspace_id = p_workspace AND c.tag_id = g.id
        ) NULLS FIRST
        LIMIT 1
    );
END $$;
