-- Counts that are kept as todos are written: live todos by status and priority, live todos of each tag. To count them
-- anew would cost more with every todo, for numbers that statistics, lists and tags ask for all the time.
--
-- A count is split over shards, and a writer keeps one shard to itself until it commits. So writers of one workspace
-- never wait for each other's counts, nor deadlock over them. A number of one shard means nothing and may be
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

-- No reference to tags: what deletes a tag deletes its counts (tag_uncount_v1).
CREATE TABLE tag_counts (
    workspace_id bigint NOT NULL CONSTRAINT tag_counts_workspace_fkey REFERENCES workspaces (id),
    tag_id       bigint NOT NULL,
    shard        smallint NOT NULL,
    todos        bigint NOT NULL,
    CONSTRAINT tag_counts_pkey PRIMARY KEY (workspace_id, tag_id, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- A shard of this workspace that nobody else writes to before this transaction ends; the same one each time. With
-- more writers at once than shards, the last ones wait.
CREATE FUNCTION count_shard_v1(p_workspace bigint) RETURNS integer LANGUAGE plpgsql AS $$
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

CREATE FUNCTION count_todos_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO todo_counts AS c (workspace_id, status, priority, shard, todos)
        SELECT workspace_id, status, priority, count_shard_v1(workspace_id), count(*)
        FROM rows_after WHERE deleted_at IS NULL GROUP BY workspace_id, status, priority
        ON CONFLICT (workspace_id, status, priority, shard) DO UPDATE SET todos = c.todos + excluded.todos;
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO todo_counts AS c (workspace_id, status, priority, shard, todos)
        SELECT workspace_id, status, priority, count_shard_v1(workspace_id), -count(*)
        FROM rows_before WHERE deleted_at IS NULL GROUP BY workspace_id, status, priority
        ON CONFLICT (workspace_id, status, priority, shard) DO UPDATE SET todos = c.todos + excluded.todos;
        RETURN NULL;
    END IF;
    INSERT INTO todo_counts AS c (workspace_id, status, priority, shard, todos)
    SELECT workspace_id, status, priority, count_shard_v1(workspace_id), sum(change)
    FROM (
        SELECT workspace_id, status, priority, 1 AS change FROM rows_after WHERE deleted_at IS NULL
        UNION ALL
        SELECT workspace_id, status, priority, -1 FROM rows_before WHERE deleted_at IS NULL
    ) changes
    GROUP BY workspace_id, status, priority HAVING sum(change) <> 0
    ON CONFLICT (workspace_id, status, priority, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    IF EXISTS (SELECT FROM rows_before WHERE deleted_at IS NOT NULL)
        OR EXISTS (SELECT FROM rows_after WHERE deleted_at IS NOT NULL)
    THEN
        -- While a todo comes or goes, nobody may move the tags that it has.
        PERFORM lock_tags_v1(w.workspace_id, false) FROM (SELECT DISTINCT workspace_id FROM rows_after) w;
        INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
        SELECT l.workspace_id, l.tag_id, count_shard_v1(l.workspace_id), sum(change)
        FROM (
            SELECT workspace_id, id, 1 AS change FROM rows_after WHERE deleted_at IS NULL
            UNION ALL
            SELECT workspace_id, id, -1 FROM rows_before WHERE deleted_at IS NULL
        ) changed
        JOIN todo_tags l ON l.workspace_id = changed.workspace_id AND l.todo_id = changed.id
        GROUP BY l.workspace_id, l.tag_id HAVING sum(change) <> 0
        ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    END IF;
    RETURN NULL;
END $$;

-- Whoever writes here has the todos' rows, or all tags of the workspace to itself (lock_tags_v1): a todo that is live
-- now is so until the end.
CREATE FUNCTION count_tags_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
        SELECT l.workspace_id, l.tag_id, count_shard_v1(l.workspace_id), count(*)
        FROM rows_after l JOIN todos t ON t.workspace_id = l.workspace_id AND t.id = l.todo_id
        WHERE t.deleted_at IS NULL GROUP BY l.workspace_id, l.tag_id
        ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
        SELECT l.workspace_id, l.tag_id, count_shard_v1(l.workspace_id), -count(*)
        FROM rows_before l JOIN todos t ON t.workspace_id = l.workspace_id AND t.id = l.todo_id
        WHERE t.deleted_at IS NULL
            AND EXISTS (SELECT FROM tags g WHERE g.workspace_id = l.workspace_id AND g.id = l.tag_id)
        GROUP BY l.workspace_id, l.tag_id
        ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    END IF;
    RETURN NULL;
END $$;

-- A todo that is deleted while it is live (the service deletes none but those in the bin) loses its tags first: once
-- it is gone nothing tells that they were counted.
CREATE FUNCTION untag_todo_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM todo_tags WHERE workspace_id = OLD.workspace_id AND todo_id = OLD.id;
    RETURN OLD;
END $$;

CREATE FUNCTION tag_uncount_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tag_counts WHERE workspace_id = OLD.workspace_id AND tag_id = OLD.id;
    RETURN NULL;
END $$;

CREATE TRIGGER todos_counted_insert AFTER INSERT ON todos
    REFERENCING NEW TABLE AS rows_after FOR EACH STATEMENT EXECUTE FUNCTION count_todos_v1();
CREATE TRIGGER todos_counted_update AFTER UPDATE ON todos
    REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after FOR EACH STATEMENT EXECUTE FUNCTION count_todos_v1();
CREATE TRIGGER todos_counted_delete AFTER DELETE ON todos
    REFERENCING OLD TABLE AS rows_before FOR EACH STATEMENT EXECUTE FUNCTION count_todos_v1();
CREATE TRIGGER todos_untagged BEFORE DELETE ON todos
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL) EXECUTE FUNCTION untag_todo_v1();
CREATE TRIGGER todo_tags_counted_insert AFTER INSERT ON todo_tags
    REFERENCING NEW TABLE AS rows_after FOR EACH STATEMENT EXECUTE FUNCTION count_tags_v1();
CREATE TRIGGER todo_tags_counted_update AFTER UPDATE ON todo_tags
    REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after FOR EACH STATEMENT EXECUTE FUNCTION count_tags_v1();
CREATE TRIGGER todo_tags_counted_delete AFTER DELETE ON todo_tags
    REFERENCING OLD TABLE AS rows_before FOR EACH STATEMENT EXECUTE FUNCTION count_tags_v1();
CREATE TRIGGER tags_uncounted AFTER DELETE ON tags FOR EACH ROW EXECUTE FUNCTION tag_uncount_v1();

-- How many live todos have a tag, from the counts that are kept, so that a rename counts nothing anew. A statement's
-- own changes are included: it is read in a statement of its own inside the functions that write.
CREATE FUNCTION tag_count_v1(p_workspace bigint, p_tag bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(todos), 0)::bigint FROM tag_counts WHERE workspace_id = p_workspace AND tag_id = p_tag;
$$;
