-- The steps that the functions of todos are made of.
--
-- p_fields names what is to be written, all of it optional: title, description, status, reopen, priority (a number),
-- due_date, tags ([{uid, name, folded}]), assignee (a number or a UUID, or null), list and parent (a UUID or null),
-- position (a number, or null: that of its creation), anywhere (a todo may stay in an archived list, which version 1 of
-- the API does not know).

-- Gives a live todo exactly these tags and counts them. Gives the names of those that it got and lost, {"added",
-- "removed"}, or null if it has them already. Needs lock_tags_v1 and, but for a new one, the todo's row.
CREATE FUNCTION set_tags_v1(p_workspace bigint, p_todo bigint, p_tags jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    wanted CONSTANT bigint[] := ensure_tags_v1(p_workspace, p_tags);
    own CONSTANT smallint := count_shard_v1(p_workspace);
    changes jsonb;
BEGIN
    PERFORM settle_tags_v1(p_workspace, ARRAY[p_todo]);
    WITH removed AS (
        DELETE FROM todo_tags WHERE workspace_id = p_workspace AND todo_id = p_todo AND tag_id <> ALL (wanted)
        RETURNING tag_id
    ), added AS (
        INSERT INTO todo_tags (workspace_id, todo_id, tag_id)
        SELECT p_workspace, p_todo, tag_id FROM unnest(wanted) AS tag_id
        ON CONFLICT DO NOTHING
        RETURNING tag_id
    ), changed AS (
        SELECT tag_id, -1 AS change FROM removed
        UNION ALL
        SELECT tag_id, 1 FROM added
    ), counted AS (
        INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
        SELECT p_workspace, tag_id, own, change FROM changed
        ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos
    )
    SELECT jsonb_build_object(
        'added', coalesce(jsonb_agg(g.name ORDER BY g.folded) FILTER (WHERE c.change = 1), '[]'),
        'removed', coalesce(jsonb_agg(g.name ORDER BY g.folded) FILTER (WHERE c.change = -1), '[]')
    ) INTO changes
    FROM changed c JOIN tags g ON g.workspace_id = p_workspace AND g.id = c.tag_id HAVING count(*) > 0;
    RETURN changes;
END $$;

-- Adds a todo. 'exists' if the UUID is taken; 'deleted' if that todo is in the bin, or the log still knows that it was;
-- 'no_assignee', and what todo_place_v1 gives.
CREATE FUNCTION add_todo_v1(p_workspace bigint, p_uid uuid, p_fields jsonb, OUT outcome text, OUT todo_id bigint)
LANGUAGE plpgsql AS $$
DECLARE
    assignee bigint;
    instant timestamptz := clock_timestamp();
    is_told boolean;
    former todos;
    place record;
    list bigint;
    parent bigint;
BEGIN
    IF p_fields ?| ARRAY['list', 'parent'] THEN
        SELECT * INTO place FROM todo_place_v1(p_workspace, NULL, NULL, NULL, p_fields);
        IF place.outcome <> 'done' THEN
            outcome := place.outcome;
            RETURN;
        END IF;
        list := place.to_list;
        parent := place.to_parent;
    END IF;
    IF jsonb_typeof(p_fields -> 'assignee') <> 'null' THEN
        assignee := employee_ref_v1(p_workspace, p_fields -> 'assignee');
        IF assignee IS NULL THEN
            outcome := 'no_assignee';
            RETURN;
        END IF;
    END IF;
    LOOP
        -- The log remembers longer than the bin: versions that were told are not told again.
        is_told := EXISTS (
            SELECT FROM events WHERE workspace_id = p_workspace AND subject = p_uid AND type LIKE 'todo.%'
        );
        IF NOT is_told THEN
            INSERT INTO todos (workspace_id, uid, title, description, status, priority, due_date, assignee_id, list_id,
                parent_id, position, created_at, updated_at, completed_at)
            VALUES (p_workspace, p_uid, p_fields ->> 'title', p_fields ->> 'description', p_fields ->> 'status',
                (p_fields ->> 'priority')::smallint, (p_fields ->> 'due_date')::timestamptz, assignee, list, parent,
                coalesce((p_fields ->> 'position')::double precision, extract(epoch FROM instant)), instant, instant,
                CASE WHEN p_fields ->> 'status' = 'completed' THEN instant END)
            ON CONFLICT (workspace_id, uid) DO NOTHING
            RETURNING id INTO todo_id;
            EXIT WHEN FOUND;
        END IF;
        -- None, if it was purged since.
        SELECT * INTO former FROM todos WHERE workspace_id = p_workspace AND uid = p_uid;
        IF FOUND AND former.deleted_at IS NULL THEN
            outcome := 'exists';
            RETURN;
        ELSIF is_told OR former.deleted_at > now() - bin_retention_v1() THEN
            outcome := 'deleted';
            RETURN;
        END IF;
        -- Its time in the bin is over; only the purge has not come by yet.
        DELETE FROM todos WHERE workspace_id = p_workspace AND id = former.id AND deleted_at = former.deleted_at;
    END LOOP;
    PERFORM count_todo_v1(p_workspace, NULL, NULL, p_fields ->> 'status', (p_fields ->> 'priority')::smallint);
    IF list IS NOT NULL AND is_open_v1(p_fields ->> 'status') THEN
        PERFORM count_list_v1(p_workspace, NULL, list);
    END IF;
    IF p_fields ->> 'status' = 'completed' THEN
        PERFORM count_completion_v1(p_workspace, NULL, instant);
    END IF;
    IF jsonb_array_length(p_fields -> 'tags') > 0 THEN
        PERFORM set_tags_v1(p_workspace, todo_id, p_fields -> 'tags');
    END IF;
    INSERT INTO events (workspace_id, type, subject, version) VALUES (p_workspace, 'todo.created', p_uid, 1);
    outcome := 'done';
END $$;

-- Locks a todo for a change and compares its version. 'not_found', 'version_mismatch'. The lock lets others refer to the
-- todo meanwhile, so that a merge of tags does not wait for it.
CREATE FUNCTION lock_todo_v1(
    p_workspace bigint, p_id bigint, p_uid uuid, p_versions bigint[], p_also_in_bin boolean,
    OUT outcome text, OUT todo todos
) LANGUAGE plpgsql AS $$
BEGIN
    IF p_id IS NULL THEN
        SELECT * INTO todo FROM todos WHERE workspace_id = p_workspace AND uid = p_uid FOR NO KEY UPDATE;
    ELSE
        SELECT * INTO todo FROM todos WHERE workspace_id = p_workspace AND id = p_id FOR NO KEY UPDATE;
    END IF;
    outcome := CASE
        WHEN todo.deleted_at IS NOT NULL AND NOT p_also_in_bin THEN 'not_found'
        WHEN todo.deleted_at <= now() - bin_retention_v1() THEN 'not_found'
        ELSE precondition_v1(todo.version, p_versions)
    END;
END $$;

-- Changes a locked todo, if the fields change anything. 'no_assignee', and what todo_place_v1 gives.
CREATE FUNCTION change_todo_v1(p_todo todos, p_fields jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w todos := p_todo;
    retagged jsonb;
    place record;
    instant timestamptz := changed_at_v1(clock_timestamp(), p_todo.updated_at);
BEGIN
    IF p_fields ? 'title' THEN
        w.title := p_fields ->> 'title';
    END IF;
    IF p_fields ? 'description' THEN
        w.description := p_fields ->> 'description';
    END IF;
    IF p_fields ? 'status' THEN
        w.status := p_fields ->> 'status';
    ELSIF p_fields ? 'reopen' AND w.status = 'completed' THEN
        w.status := 'pending';
    END IF;
    IF p_fields ? 'priority' THEN
        w.priority := (p_fields ->> 'priority')::smallint;
    END IF;
    IF p_fields ? 'due_date' THEN
        w.due_date := (p_fields ->> 'due_date')::timestamptz;
    END IF;
    IF p_fields ? 'assignee' THEN
        w.assignee_id := NULL;
        IF jsonb_typeof(p_fields -> 'assignee') <> 'null' THEN
            w.assignee_id := employee_ref_v1(p_todo.workspace_id, p_fields -> 'assignee');
            IF w.assignee_id IS NULL THEN
                RETURN 'no_assignee';
            END IF;
        END IF;
    END IF;
    -- Where nothing is said of it, only whether its list is archived is asked.
    IF p_fields ?| ARRAY['list', 'parent'] OR w.list_id IS NOT NULL THEN
        SELECT * INTO place FROM todo_place_v1(w.workspace_id, w.id, w.list_id, w.parent_id, p_fields);
        IF place.outcome <> 'done' THEN
            RETURN place.outcome;
        END IF;
        w.list_id := place.to_list;
        w.parent_id := place.to_parent;
    END IF;
    IF p_fields ? 'position' THEN
        w.position := coalesce((p_fields ->> 'position')::double precision, extract(epoch FROM w.created_at));
    END IF;
    IF p_fields ? 'tags' THEN
        retagged := set_tags_v1(p_todo.workspace_id, p_todo.id, p_fields -> 'tags');
    END IF;
    w.completed_at := CASE WHEN w.status = 'completed' THEN coalesce(p_todo.completed_at, instant) END;
    IF retagged IS NOT NULL OR (
        w.title, w.description, w.status, w.priority, w.due_date, w.assignee_id, w.list_id, w.parent_id, w.position
    ) IS DISTINCT FROM (
        p_todo.title, p_todo.description, p_todo.status, p_todo.priority, p_todo.due_date, p_todo.assignee_id,
        p_todo.list_id, p_todo.parent_id, p_todo.position
    ) THEN
        UPDATE todos SET title = w.title, description = w.description, status = w.status, priority = w.priority,
            due_date = w.due_date, assignee_id = w.assignee_id, list_id = w.list_id, parent_id = w.parent_id,
            position = w.position, completed_at = w.completed_at, updated_at = instant, version = version + 1
        WHERE workspace_id = p_todo.workspace_id AND id = p_todo.id;
        INSERT INTO events (workspace_id, type, subject, version, changes)
        VALUES (p_todo.workspace_id, todo_event_v1(p_todo, w, retagged), p_todo.uid, p_todo.version + 1,
            todo_changes_v1(p_todo, w, retagged));
    END IF;
    IF (w.status, w.priority) IS DISTINCT FROM (p_todo.status, p_todo.priority) THEN
        PERFORM count_todo_v1(p_todo.workspace_id, p_todo.status, p_todo.priority, w.status, w.priority);
    END IF;
    IF w.completed_at IS DISTINCT FROM p_todo.completed_at THEN
        PERFORM count_completion_v1(p_todo.workspace_id, p_todo.completed_at, w.completed_at);
    END IF;
    IF (w.list_id, w.status) IS DISTINCT FROM (p_todo.list_id, p_todo.status) THEN
        PERFORM count_list_v1(p_todo.workspace_id, CASE WHEN is_open_v1(p_todo.status) THEN p_todo.list_id END,
            CASE WHEN is_open_v1(w.status) THEN w.list_id END);
    END IF;
    IF w.list_id IS DISTINCT FROM p_todo.list_id THEN
        PERFORM relist_todos_v1(w.workspace_id, todos_below_v1(w.workspace_id, ARRAY[w.id]), w.list_id);
    END IF;
    RETURN 'done';
END $$;

-- Completes a locked todo; with p_subtasks also the open todos below it, for which it needs lock_tree_v1 alone. What
-- change_todo_v1 gives.
CREATE FUNCTION complete_todo_v1(p_todo todos, p_subtasks boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome CONSTANT text := change_todo_v1(p_todo, '{"status": "completed"}');
    below bigint[];
BEGIN
    IF outcome = 'done' AND p_subtasks THEN
        below := todos_below_v1(p_todo.workspace_id, ARRAY[p_todo.id]);
        PERFORM FROM todos WHERE workspace_id = p_todo.workspace_id AND id = ANY (below) ORDER BY id FOR NO KEY UPDATE;
        -- By their ids first: else the planner may look at all that are open.
        WITH whole AS MATERIALIZED (
            SELECT id, status, deleted_at FROM todos WHERE workspace_id = p_todo.workspace_id AND id = ANY (below)
        )
        SELECT array_agg(id) INTO below FROM whole WHERE is_open_v1(status) AND deleted_at IS NULL;
        PERFORM reclassify_todos_v1(p_todo.workspace_id, below, 'completed', NULL);
    END IF;
    RETURN outcome;
END $$;

-- Puts locked todos into the bin with all live ones below them; those that are there stay as they are. Needs
-- lock_tags_v1.
CREATE FUNCTION bin_todos_v1(p_workspace bigint, p_todos bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    instant CONSTANT timestamptz := clock_timestamp();
    ids bigint[] := p_todos;
    tops bigint[] := p_todos;
BEGIN
    IF EXISTS (
        SELECT FROM unnest(p_todos) AS p (id) CROSS JOIN LATERAL (
            SELECT FROM todos t
            WHERE t.workspace_id = p_workspace AND t.parent_id = p.id AND t.deleted_at IS NULL LIMIT 1
        ) child
    ) THEN
        PERFORM lock_tree_v1(p_workspace, true);
        -- What is below several of them goes with the highest.
        WITH RECURSIVE below AS (
            SELECT id, id AS top, 0 AS level FROM todos
            WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND deleted_at IS NULL
            UNION ALL
            SELECT t.id, b.top, b.level + 1 FROM below b
            JOIN todos t ON t.workspace_id = p_workspace AND t.parent_id = b.id AND t.deleted_at IS NULL
        )
        SELECT array_agg(id), array_agg(top) INTO ids, tops
        FROM (SELECT DISTINCT ON (id) id, top FROM below ORDER BY id, level DESC) whole;
        PERFORM FROM todos WHERE workspace_id = p_workspace AND id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    END IF;
    PERFORM count_todos_v1(p_workspace, ids, -1);
    WITH gone AS (
        UPDATE todos t SET deleted_at = instant, deleted_with = w.top, version = version + 1,
            updated_at = changed_at_v1(instant, updated_at)
        FROM unnest(ids, tops) AS w (id, top)
        -- Their ids once more: else the planner may look at all todos of the workspace.
        WHERE t.workspace_id = p_workspace AND t.id = w.id AND t.id = ANY (ids) AND t.deleted_at IS NULL
        RETURNING t.uid, t.version
    )
    INSERT INTO events (workspace_id, type, subject, version)
    SELECT p_workspace, 'todo.deleted', uid, version FROM gone;
END $$;

-- Where those of these todos come whose parent is not among them: below their parent and into its list, if it is live;
-- else below none, in the list in which they were, if there is one.
CREATE FUNCTION todo_homes_v1(p_workspace bigint, p_todos bigint[])
RETURNS TABLE (todo bigint, home_parent bigint, home_list bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT t.id, p.id, CASE WHEN p.id IS NULL THEN i.id ELSE p.list_id END
        FROM todos t
        LEFT JOIN todos p ON p.workspace_id = p_workspace AND p.id = t.parent_id AND p.deleted_at IS NULL
        LEFT JOIN lists i ON i.workspace_id = p_workspace AND i.id = t.list_id
        WHERE t.workspace_id = p_workspace AND t.id = ANY (p_todos)
            AND (t.parent_id IS NULL OR t.parent_id <> ALL (p_todos));
END $$;

-- Takes locked todos out of the bin, and those below each that went there with it; live ones stay as they are. One
-- whose parent is not there any more, or is too deep down by now, comes back without one. 'list_archived': then none
-- came back. Needs lock_tags_v1 and lock_tree_v1 alone.
CREATE FUNCTION unbin_todos_v1(p_workspace bigint, p_todos bigint[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    instant CONSTANT timestamptz := clock_timestamp();
    ids bigint[];
    former jsonb;
    whole bigint[];
    tree record;
    home record;
    restored record;
    place jsonb;
BEGIN
    WITH RECURSIVE together AS (
        SELECT id, deleted_with FROM todos
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND deleted_at IS NOT NULL
        UNION
        SELECT t.id, t.deleted_with FROM together b
        JOIN todos t ON t.workspace_id = p_workspace AND t.parent_id = b.id AND t.deleted_with = b.deleted_with
            AND t.deleted_at IS NOT NULL
    )
    SELECT coalesce(array_agg(id), '{}') INTO ids FROM together;
    PERFORM FROM todos WHERE workspace_id = p_workspace AND id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    -- Whoever deletes one of the parents, which has nothing live below it now, either is done before or sees what came
    -- back.
    PERFORM FROM todos WHERE workspace_id = p_workspace AND deleted_at IS NULL AND id IN (
        SELECT parent_id FROM todos WHERE workspace_id = p_workspace AND id = ANY (ids)
    ) ORDER BY id FOR SHARE;
    IF EXISTS (
        SELECT FROM todo_homes_v1(p_workspace, ids)
        WHERE list_enter_v1(p_workspace, home_list) = 'list_archived'
    ) THEN
        RETURN 'list_archived';
    END IF;
    SELECT jsonb_object_agg(id, jsonb_build_object('parent', parent_id, 'list', list_id)) INTO former
    FROM todos WHERE workspace_id = p_workspace AND id = ANY (ids);
    -- One deletion after the other, that of the highest todo first: then the parent of each tree is where it will be, and
    -- nothing is below it yet but its own.
    FOR tree IN
        WITH RECURSIVE above AS (
            SELECT t.id AS top, t.deleted_with, t.parent_id, 0 AS levels FROM todos t
            WHERE t.workspace_id = p_workspace AND t.id = ANY (p_todos) AND t.deleted_at IS NOT NULL AND NOT EXISTS (
                SELECT FROM todos p
                WHERE p.workspace_id = p_workspace AND p.id = t.parent_id AND p.id = ANY (ids)
                    AND p.deleted_with = t.deleted_with
            )
            UNION ALL
            SELECT a.top, a.deleted_with, t.parent_id, a.levels + 1
            FROM above a JOIN todos t ON t.workspace_id = p_workspace AND t.id = a.parent_id
        )
        SELECT top, deleted_with FROM above GROUP BY top, deleted_with ORDER BY max(levels), top
    LOOP
        UPDATE todos SET deleted_at = NULL, deleted_with = NULL, version = version + 1,
            updated_at = changed_at_v1(instant, updated_at)
        WHERE workspace_id = p_workspace AND id = ANY (ids) AND deleted_with = tree.deleted_with;
        SELECT * INTO home FROM todo_homes_v1(p_workspace, ARRAY[tree.top]);
        UPDATE todos SET parent_id = home.home_parent
        WHERE workspace_id = p_workspace AND id = tree.top AND parent_id IS DISTINCT FROM home.home_parent;
        IF tree_fits_v1(p_workspace, tree.top, home.home_parent) <> 'done' THEN
            UPDATE todos SET parent_id = NULL WHERE workspace_id = p_workspace AND id = tree.top;
        END IF;
        -- Not in the condition, where it would be asked of every todo.
        whole := tree.top || todos_below_v1(p_workspace, ARRAY[tree.top]);
        UPDATE todos SET list_id = home.home_list
        WHERE workspace_id = p_workspace AND id = ANY (whole) AND list_id IS DISTINCT FROM home.home_list;
    END LOOP;
    FOR restored IN
        SELECT id, uid, version, list_id, parent_id FROM todos
        WHERE workspace_id = p_workspace AND id = ANY (ids) ORDER BY id
    LOOP
        place := former -> restored.id::text;
        INSERT INTO events (workspace_id, type, subject, version, changes)
        VALUES (p_workspace, 'todo.restored', restored.uid, restored.version, moved_changes_v1(p_workspace,
            (place ->> 'list')::bigint, restored.list_id, (place ->> 'parent')::bigint, restored.parent_id));
    END LOOP;
    PERFORM count_todos_v1(p_workspace, ids, 1);
    RETURN 'done';
END $$;
