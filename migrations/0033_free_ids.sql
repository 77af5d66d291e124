-- Adds a todo. 'exists', 'in_bin' if the UUID is taken, 'no_assignee'.
CREATE OR REPLACE FUNCTION add_todo_v1(p_workspace bigint, p_uid uuid, p_fields jsonb, OUT outcome text, OUT todo_id bigint)
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
        ELSIF former.deleted_at > now() - interval '30 days' THEN
            outcome := 'in_bin';
            RETURN;
        END IF;
        -- Its time in the bin is over; only the purge has not come by yet.
        DELETE FROM todos WHERE workspace_id = p_workspace AND id = former.id AND deleted_at = former.deleted_at;
    END LOOP;
    IF jsonb_array_length(p_fields -> 'tags') > 0 THEN
        PERFORM set_tags_v1(p_workspace, todo_id, p_fields -> 'tags');
    END IF;
    outcome := 'done';
END $$;
