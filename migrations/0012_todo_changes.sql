-- The steps that the functions of todos are made of.
--
-- p_fields names what is to be written, all of it optional: title, description, status, reopen, priority (a number),
-- due_date, tags ([{uid, name, folded}]), assignee (a number or a UUID, or null).

-- Gives a live todo exactly these tags and counts them; whether that changed anything. Needs lock_tags_v1 and, but for
-- a new one, the todo's row.
CREATE FUNCTION set_tags_v1(p_workspace bigint, p_todo bigint, p_tags jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    wanted CONSTANT bigint[] := ensure_tags_v1(p_workspace, p_tags);
    own CONSTANT smallint := count_shard_v1(p_workspace);
BEGIN
    WITH removed AS (
        DELETE FROM todo_tags WHERE workspace_id = p_workspace AND todo_id = p_todo AND tag_id <> ALL (wanted)
        RETURNING tag_id
    ), added AS (
        INSERT INTO todo_tags (workspace_id, todo_id, tag_id)
        SELECT p_workspace, p_todo, tag_id FROM unnest(wanted) AS tag_id
        ON CONFLICT DO NOTHING
        RETURNING tag_id
    )
    INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
    SELECT p_workspace, tag_id, own, -1 FROM removed
    UNION ALL
    SELECT p_workspace, tag_id, own, 1 FROM added
    ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    RETURN FOUND;
END $$;

-- Adds a todo. 'exists', 'in_bin' if the UUID is taken, 'no_assignee'.
CREATE FUNCTION add_todo_v1(p_workspace bigint, p_uid uuid, p_fields jsonb, OUT outcome text, OUT todo_id bigint)
LANGUAGE plpgsql AS $$
DECLARE
    assignee bigint;
    instant timestamptz := clock_timestamp();
    former todos;
BEGIN
    IF jsonb_typeof(p_fields -> 'assignee') <> 'null' THEN
        assignee := employee_ref_v1(p_workspace, p_fields -> 'assignee');
        IF assignee IS NULL THEN
            outcome := 'no_assignee';
            RETURN;
        END IF;
    END IF;
    LOOP
        INSERT INTO todos (workspace_id, uid, title, description, status, priority, due_date, assignee_id, created_at,
            updated_at, completed_at)
        VALUES (p_workspace, p_uid, p_fields ->> 'title', p_fields ->> 'description', p_fields ->> 'status',
            (p_fields ->> 'priority')::smallint, (p_fields ->> 'due_date')::timestamptz, assignee, instant, instant,
            CASE WHEN p_fields ->> 'status' = 'completed' THEN instant END)
        ON CONFLICT (workspace_id, uid) DO NOTHING
        RETURNING id INTO todo_id;
        EXIT WHEN FOUND;
        SELECT * INTO former FROM todos WHERE workspace_id = p_workspace AND uid = p_uid;
        -- It was purged since: the UUID is free again.
        CONTINUE WHEN NOT FOUND;
        IF former.deleted_at IS NULL THEN
            outcome := 'exists';
            RETURN;
        ELSIF former.deleted_at > now() - bin_retention_v1() THEN
            outcome := 'in_bin';
            RETURN;
        END IF;
        -- Its time in the bin is over; only the purge has not come by yet.
        DELETE FROM todos WHERE workspace_id = p_workspace AND id = former.id AND deleted_at = former.deleted_at;
    END LOOP;
    PERFORM count_todo_v1(p_workspace, NULL, NULL, p_fields ->> 'status', (p_fields ->> 'priority')::smallint);
    IF p_fields ->> 'status' = 'completed' THEN
        PERFORM count_completion_v1(p_workspace, NULL, instant);
    END IF;
    IF jsonb_array_length(p_fields -> 'tags') > 0 THEN
        PERFORM set_tags_v1(p_workspace, todo_id, p_fields -> 'tags');
    END IF;
    outcome := 'done';
END $$;

-- Locks a todo for a change and compares its version. 'not_found', 'version_mismatch'. The lock lets others refer to the todo
-- meanwhile, so that a merge of tags does not wait for it.
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

-- Changes a locked todo, if the fields change anything. 'no_assignee'.
CREATE FUNCTION change_todo_v1(p_todo todos, p_fields jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w todos := p_todo;
    retagged boolean := false;
    instant timestamptz := greatest(clock_timestamp(), p_todo.updated_at + interval '1 microsecond');
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
    IF p_fields ? 'tags' THEN
        retagged := set_tags_v1(p_todo.workspace_id, p_todo.id, p_fields -> 'tags');
    END IF;
    w.completed_at := CASE WHEN w.status = 'completed' THEN coalesce(p_todo.completed_at, instant) END;
    IF retagged OR (w.title, w.description, w.status, w.priority, w.due_date, w.assignee_id) IS DISTINCT FROM
        (p_todo.title, p_todo.description, p_todo.status, p_todo.priority, p_todo.due_date, p_todo.assignee_id)
    THEN
        UPDATE todos SET title = w.title, description = w.description, status = w.status, priority = w.priority,
            due_date = w.due_date, assignee_id = w.assignee_id, completed_at = w.completed_at, updated_at = instant,
            version = version + 1
        WHERE workspace_id = p_todo.workspace_id AND id = p_todo.id;
    END IF;
    IF (w.status, w.priority) IS DISTINCT FROM (p_todo.status, p_todo.priority) THEN
        PERFORM count_todo_v1(p_todo.workspace_id, p_todo.status, p_todo.priority, w.status, w.priority);
    END IF;
    IF w.completed_at IS DISTINCT FROM p_todo.completed_at THEN
        PERFORM count_completion_v1(p_todo.workspace_id, p_todo.completed_at, w.completed_at);
    END IF;
    RETURN 'done';
END $$;

-- Puts locked todos into the bin; those that are there stay as they are. Needs lock_tags_v1.
CREATE FUNCTION bin_todos_v1(p_workspace bigint, p_todos bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_todos_v1(p_workspace, p_todos, -1);
    UPDATE todos SET deleted_at = clock_timestamp(), version = version + 1,
        updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
    WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND deleted_at IS NULL;
END $$;

-- Takes locked todos out of the bin; live ones stay as they are. Needs lock_tags_v1.
CREATE FUNCTION unbin_todos_v1(p_workspace bigint, p_todos bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    restored bigint[];
BEGIN
    WITH live AS (
        UPDATE todos SET deleted_at = NULL, version = version + 1,
            updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
        WHERE workspace_id = p_workspace AND id = ANY (p_todos) AND deleted_at IS NOT NULL
        RETURNING id
    )
    SELECT array_agg(id) INTO restored FROM live;
    PERFORM count_todos_v1(p_workspace, restored, 1);
END $$;
