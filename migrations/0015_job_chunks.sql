-- What workers do: chunks of jobs.

-- Gives todos a status or a priority, whichever is not null, and counts them.
CREATE FUNCTION reclassify_todos_v1(p_workspace bigint, p_todos bigint[], p_status text, p_priority smallint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    instant CONSTANT timestamptz := clock_timestamp();
    own CONSTANT smallint := count_shard_v1(p_workspace);
BEGIN
    -- All parts see the todos as they were before.
    WITH former AS MATERIALIZED (
        SELECT id, status, priority, list_id, completed_at, deleted_at FROM todos
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND (status <> p_status OR priority <> p_priority)
    ), changed AS (
        UPDATE todos t SET status = coalesce(p_status, t.status), priority = coalesce(p_priority, t.priority),
            completed_at = CASE
                WHEN p_status = 'completed' THEN instant
                WHEN p_status IS NULL THEN t.completed_at
            END,
            version = version + 1, updated_at = changed_at_v1(instant, updated_at)
        FROM former WHERE t.workspace_id = p_workspace AND t.id = former.id
        RETURNING t.id, t.uid, t.version, t.status, t.priority, t.list_id, t.completed_at, t.deleted_at
    ), logged AS (
        INSERT INTO events (workspace_id, type, subject, version, changes)
        SELECT p_workspace, todo_event_v1(f.status, c.status), c.uid, c.version,
            field_change_v1('status', f.status, c.status)
            || field_change_v1('priority', priority_name_v1(f.priority), priority_name_v1(c.priority))
        FROM former f JOIN changed c USING (id)
    ), changes AS (
        SELECT status, priority, list_id, completion_hour_v1(completed_at) AS hour, -1 AS change
        FROM former WHERE deleted_at IS NULL
        UNION ALL
        SELECT status, priority, list_id, completion_hour_v1(completed_at), 1 FROM changed WHERE deleted_at IS NULL
    ), listed AS (
        INSERT INTO list_counts AS c (workspace_id, list_id, shard, todos)
        SELECT p_workspace, list_id, own, sum(change) FROM changes
        WHERE list_id IS NOT NULL AND is_open_v1(status) GROUP BY list_id HAVING sum(change) <> 0
        ON CONFLICT (workspace_id, list_id, shard) DO UPDATE SET todos = c.todos + excluded.todos
    ), completed AS (
        INSERT INTO completion_counts AS c (workspace_id, hour, shard, todos)
        SELECT p_workspace, hour, own, sum(change) FROM changes
        WHERE hour IS NOT NULL GROUP BY hour HAVING sum(change) <> 0
        ON CONFLICT (workspace_id, hour, shard) DO UPDATE SET todos = c.todos + excluded.todos
    )
    INSERT INTO todo_counts AS c (workspace_id, status, priority, shard, todos)
    SELECT p_workspace, status, priority, own, sum(change) FROM changes
    GROUP BY status, priority HAVING sum(change) <> 0
    ON CONFLICT (workspace_id, status, priority, shard) DO UPDATE SET todos = c.todos + excluded.todos;
END $$;

-- Adds the tag of p_tag to todos or removes it, and counts it. Gives the todos that changed, and how many got no tag
-- because they have p_max_tags already.
CREATE FUNCTION tag_todos_v1(
    p_workspace bigint, p_todos bigint[], p_tag jsonb, p_adds boolean, p_max_tags bigint,
    OUT changed bigint[], OUT without_room bigint
) LANGUAGE plpgsql AS $$
DECLARE
    own CONSTANT smallint := count_shard_v1(p_workspace);
    tag bigint;
BEGIN
    without_room := 0;
    PERFORM lock_tags_v1(p_workspace, false);
    PERFORM settle_tags_v1(p_workspace, p_todos);
    IF p_adds THEN
        tag := (ensure_tags_v1(p_workspace, p_tag))[1];
        WITH added AS (
            INSERT INTO todo_tags (workspace_id, todo_id, tag_id)
            SELECT p_workspace, t.id, tag FROM todos t
            WHERE t.workspace_id = p_workspace AND t.id = ANY (p_todos) AND p_max_tags > (
                SELECT count(*) FROM todo_tags l WHERE l.workspace_id = p_workspace AND l.todo_id = t.id
            )
            ON CONFLICT DO NOTHING
            RETURNING todo_id
        )
        SELECT coalesce(array_agg(todo_id), '{}') INTO changed FROM added;
        without_room := (
            SELECT count(*) FROM unnest(p_todos) AS todo WHERE NOT EXISTS (
                SELECT FROM todo_tags WHERE workspace_id = p_workspace AND todo_id = todo AND tag_id = tag
            )
        );
    ELSE
        tag := (
            SELECT id FROM tags
            WHERE workspace_id = p_workspace AND folded = p_tag -> 0 ->> 'folded' AND merged_into IS NULL
        );
        WITH removed AS (
            DELETE FROM todo_tags WHERE workspace_id = p_workspace AND todo_id = ANY (p_todos) AND tag_id = tag
            RETURNING todo_id
        )
        SELECT coalesce(array_agg(todo_id), '{}') INTO changed FROM removed;
    END IF;
    INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
    SELECT p_workspace, tag, own, CASE WHEN p_adds THEN count(*) ELSE -count(*) END
    FROM todos WHERE workspace_id = p_workspace AND id = ANY (changed) AND deleted_at IS NULL HAVING count(*) > 0
    ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
END $$;

-- Without those that are in an archived list, in which nothing is changed: which may be so since they were looked for.
CREATE FUNCTION todos_of_open_lists_v1(p_workspace bigint, p_todos bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_list_v1(list_id, false) FROM (
        SELECT DISTINCT list_id FROM todos
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND list_id IS NOT NULL ORDER BY list_id
    ) lists;
    RETURN ARRAY(
        SELECT t.id FROM todos t
        WHERE t.workspace_id = p_workspace AND t.id = ANY (p_todos) AND NOT EXISTS (
            SELECT FROM lists i
            WHERE i.workspace_id = p_workspace AND i.id = t.list_id AND i.archived_at IS NOT NULL
        )
    );
END $$;

-- Puts the whole trees to which locked todos belong into a list (a UUID), or into none; of those in the bin themselves
-- alone. What list_enter_v1 gives. Needs lock_tree_v1 alone.
CREATE FUNCTION move_trees_v1(p_workspace bigint, p_todos bigint[], p_list uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    list bigint;
    level bigint[] := p_todos;
    roots bigint[] := '{}';
    outcome text;
BEGIN
    IF p_list IS NOT NULL THEN
        list := (SELECT id FROM lists WHERE workspace_id = p_workspace AND uid = p_list);
        outcome := CASE WHEN list IS NULL THEN 'no_list' ELSE list_enter_v1(p_workspace, list) END;
        IF outcome <> 'done' THEN
            RETURN outcome;
        END IF;
    END IF;
    WHILE cardinality(level) > 0 LOOP
        roots := roots || ARRAY(
            SELECT id FROM todos
            WHERE workspace_id = p_workspace AND id = ANY (level) AND parent_id IS NULL AND deleted_at IS NULL
        );
        level := ARRAY(
            SELECT DISTINCT parent_id FROM todos
            WHERE workspace_id = p_workspace AND id = ANY (level) AND parent_id IS NOT NULL AND deleted_at IS NULL
        );
    END LOOP;
    PERFORM relist_todos_v1(p_workspace, roots || p_todos || todos_below_v1(p_workspace, roots), list);
    RETURN 'done';
END $$;

-- Applies the change of a job to locked todos; those that are as wanted stay as they are. 'done', 'no_assignee',
-- 'no_list', 'list_archived'. without_room as in tag_todos_v1.
CREATE FUNCTION change_todos_v1(
    p_workspace bigint, p_todos bigint[], p_change jsonb, p_tag jsonb, p_max_tags bigint, p_anywhere boolean,
    OUT outcome text, OUT without_room bigint
) LANGUAGE plpgsql AS $$
DECLARE
    instant CONSTANT timestamptz := clock_timestamp();
    assignee bigint;
    tagged bigint[];
    chosen bigint[] := p_todos;
    named jsonb;
BEGIN
    outcome := 'done';
    without_room := 0;
    IF p_change = '"delete"' THEN
        PERFORM lock_tags_v1(p_workspace, false);
        PERFORM bin_todos_v1(p_workspace, p_todos);
        RETURN;
    ELSIF p_change ? 'move' THEN
        outcome := move_trees_v1(p_workspace, p_todos, (p_change ->> 'move')::uuid);
        RETURN;
    ELSIF p_change ? 'replace_tag' THEN
        PERFORM lock_tags_v1(p_workspace, false);
        PERFORM replace_tags_v1(p_workspace, p_todos);
        RETURN;
    END IF;
    IF NOT p_anywhere THEN
        chosen := todos_of_open_lists_v1(p_workspace, p_todos);
    END IF;
    IF p_change = '"complete"' THEN
        PERFORM reclassify_todos_v1(p_workspace, chosen, 'completed', NULL);
    ELSIF p_change = '"reopen"' THEN
        PERFORM reclassify_todos_v1(p_workspace, chosen, 'pending', NULL);
    ELSIF p_change ? 'set_priority' THEN
        PERFORM reclassify_todos_v1(p_workspace, chosen, NULL, priority_number_v1(p_change ->> 'set_priority'));
    ELSIF p_change ? 'assign' THEN
        IF jsonb_typeof(p_change -> 'assign') <> 'null' THEN
            assignee := employee_ref_v1(p_workspace, p_change -> 'assign');
            IF assignee IS NULL THEN
                outcome := 'no_assignee';
                RETURN;
            END IF;
        END IF;
        named := employee_named_v1(p_workspace, assignee);
        WITH former AS MATERIALIZED (
            SELECT t.id, CASE
                WHEN e.id IS NOT NULL THEN jsonb_build_object('id', e.uid, 'name', e.name)
            END AS assignee_named
            FROM todos t LEFT JOIN employees e ON e.workspace_id = p_workspace AND e.id = t.assignee_id
            WHERE t.workspace_id = p_workspace AND t.id = ANY (chosen) AND t.assignee_id IS DISTINCT FROM assignee
        ), changed AS (
            UPDATE todos t SET assignee_id = assignee, version = version + 1,
                updated_at = changed_at_v1(instant, updated_at)
            FROM former WHERE t.workspace_id = p_workspace AND t.id = former.id
            RETURNING t.id, t.uid, t.version
        )
        INSERT INTO events (workspace_id, type, subject, version, changes)
        SELECT p_workspace, 'todo.updated', c.uid, c.version,
            value_change_v1('assignee', f.assignee_named, named)
        FROM former f JOIN changed c USING (id);
    ELSIF p_change ?| ARRAY['add_tag', 'remove_tag'] THEN
        SELECT t.changed, t.without_room INTO tagged, without_room
        FROM tag_todos_v1(p_workspace, chosen, p_tag, p_change ? 'add_tag', p_max_tags) t;
        WITH changed AS (
            UPDATE todos SET version = version + 1,
                updated_at = changed_at_v1(instant, updated_at)
            WHERE workspace_id = p_workspace AND id = ANY (tagged)
            RETURNING uid, version
        )
        INSERT INTO events (workspace_id, type, subject, version, changes)
        SELECT p_workspace, 'todo.updated', c.uid, c.version, jsonb_build_object('tags', jsonb_build_object(
            'added', CASE WHEN p_change ? 'add_tag' THEN names ELSE '[]' END,
            'removed', CASE WHEN p_change ? 'remove_tag' THEN names ELSE '[]' END
        ))
        FROM changed c CROSS JOIN (
            SELECT jsonb_agg(name) AS names FROM tags
            WHERE workspace_id = p_workspace AND folded = p_tag -> 0 ->> 'folded' AND merged_into IS NULL
        ) tag;
    ELSE
        RAISE EXCEPTION 'unknown change %', p_change;
    END IF;
END $$;

-- What the owner of a job may read of the todos that it had to skip; null if there are none.
CREATE FUNCTION job_skipped_v1(p_skipped bigint, p_max_tags bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_skipped = 1 THEN format('1 todo has %s tags already and did not get this one', p_max_tags)
    WHEN p_skipped > 1 THEN format('%s todos have %s tags already and did not get this one', p_skipped, p_max_tags)
END;

-- Changes a chunk of todos, whose rows the calling statement has locked in the order of their ids, and advances the
-- job to p_last, the last todo that was looked at, also where none matched: both or nothing, so that each todo is
-- changed exactly once. p_last is null where none is left: then the job has succeeded, and a total that was not
-- counted is known. 'lost' if the job is not held under this lease at this position any more: then nothing is
-- changed.
--
-- The lease is renewed only when two seconds of it are over: a new due_at is a new entry at the head of jobs_due,
-- which every check of a token reads, and with the old one the row can be updated in its page, without any index.
CREATE FUNCTION job_chunk_v1(
    p_workspace bigint, p_job bigint, p_lease uuid, p_position bigint, p_todos bigint[], p_last bigint, p_change jsonb,
    p_tag jsonb, p_max_tags bigint, p_anywhere boolean, p_lease_length interval, p_invalidate boolean,
    OUT outcome text, OUT processed bigint, OUT new_position bigint, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    without_room bigint := 0;
    lease_end timestamptz := clock_timestamp() + p_lease_length;
    subject uuid;
BEGIN
    cache_wait := false;
    processed := cardinality(p_todos);
    new_position := p_position;
    PERFORM FROM jobs
    WHERE workspace_id = p_workspace AND id = p_job AND status = 'running' AND lease = p_lease
        AND position = p_position
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'lost';
        RETURN;
    END IF;
    IF p_last IS NULL THEN
        UPDATE jobs j SET status = 'succeeded', lease = NULL, consecutive_failures = 0,
            total = j.processed, error = job_skipped_v1(skipped, p_max_tags),
            finished_at = clock_timestamp()
        WHERE workspace_id = p_workspace AND id = p_job RETURNING uid INTO subject;
        DELETE FROM tags
        WHERE workspace_id = p_workspace AND id = (p_change ->> 'replace_tag')::bigint AND merged_into IS NOT NULL;
        INSERT INTO events (workspace_id, type, subject) VALUES (p_workspace, 'job.succeeded', subject);
        outcome := 'finished';
        RETURN;
    END IF;
    IF processed > 0 THEN
        SELECT c.outcome, c.without_room INTO outcome, without_room
        FROM change_todos_v1(p_workspace, p_todos, p_change, p_tag, p_max_tags, p_anywhere) c;
        IF outcome <> 'done' THEN
            RETURN;
        END IF;
    END IF;
    new_position := p_last;
    UPDATE jobs j SET position = new_position, processed = j.processed + job_chunk_v1.processed,
        skipped = j.skipped + without_room, consecutive_failures = 0,
        error = job_skipped_v1(j.skipped + without_room, p_max_tags),
        due_at = CASE WHEN j.due_at < lease_end - interval '2 seconds' THEN lease_end ELSE j.due_at END
    WHERE workspace_id = p_workspace AND id = p_job;
    IF p_invalidate THEN
        cache_wait := invalidation_record_v1(p_workspace, false);
    END IF;
    outcome := 'done';
END $$;
