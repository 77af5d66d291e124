-- Trees of todos: their shape, where a todo may stand in them, and the lists that they are in.

-- Writers that give a new todo a parent share this lock; those that move todos with all that is below them, put such
-- trees into the bin or take them out of it have it alone. So while a tree is walked its shape stays. Taken before any
-- row is locked; where a todo gets its first child meanwhile, putting it into the bin takes it afterwards.
CREATE FUNCTION lock_tree_v1(p_workspace bigint, p_alone boolean) RETURNS void LANGUAGE sql
    RETURN lock_v1(1953654116, p_workspace, p_alone);

-- The live todos whose parents these are. Index: todos_by_parent, for one parent after the other: of an array the planner
-- may look for the elements among all subtasks.
CREATE FUNCTION children_v1(p_workspace bigint, p_todos bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT c.id FROM unnest(p_todos) AS p (id) CROSS JOIN LATERAL (
            SELECT t.id FROM todos t
            WHERE t.workspace_id = p_workspace AND t.parent_id = p.id AND t.deleted_at IS NULL OFFSET 0
        ) c
    );
END $$;

-- The live todos below these, level by level, and not these.
CREATE FUNCTION todos_below_v1(p_workspace bigint, p_todos bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    level bigint[] := p_todos;
    below bigint[] := '{}';
BEGIN
    LOOP
        level := children_v1(p_workspace, level);
        IF cardinality(level) = 0 THEN
            RETURN below;
        END IF;
        below := below || level;
    END LOOP;
END $$;

-- Whether a todo, null for a new one, may stand below a parent with all that is below it: 'cycle', 'too_deep', 'done'.
CREATE FUNCTION tree_fits_v1(p_workspace bigint, p_todo bigint, p_parent bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    above bigint := p_parent;
    level bigint[] := ARRAY[p_todo];
    levels integer := 0;
BEGIN
    WHILE above IS NOT NULL LOOP
        IF above = p_todo THEN
            RETURN 'cycle';
        END IF;
        levels := levels + 1;
        above := (SELECT parent_id FROM todos WHERE workspace_id = p_workspace AND id = above);
    END LOOP;
    WHILE cardinality(level) > 0 LOOP
        levels := levels + 1;
        IF levels > tree_levels_v1() THEN
            RETURN 'too_deep';
        END IF;
        level := children_v1(p_workspace, level);
    END LOOP;
    RETURN 'done';
END $$;

-- Where the fields put a todo (null: a new one) that is in this list and below this parent: 'no_parent', 'cycle',
-- 'too_deep', 'no_list', 'other_list' (not that of the parent), 'list_archived'. The parent is kept from going into the
-- bin, and the list from being archived. Needs lock_tree_v1, alone for a todo that exists.
CREATE FUNCTION todo_place_v1(
    p_workspace bigint, p_todo bigint, p_list bigint, p_parent bigint, p_fields jsonb,
    OUT outcome text, OUT to_list bigint, OUT to_parent bigint
) LANGUAGE plpgsql AS $$
DECLARE
    parent record;
    named bigint;
BEGIN
    outcome := 'done';
    to_list := p_list;
    to_parent := p_parent;
    IF jsonb_typeof(p_fields -> 'parent') = 'null' THEN
        to_parent := NULL;
    ELSIF p_fields ? 'parent' THEN
        SELECT id, list_id INTO parent FROM todos
            WHERE workspace_id = p_workspace AND uid = (p_fields ->> 'parent')::uuid AND deleted_at IS NULL FOR SHARE;
        outcome := CASE
            WHEN parent.id IS NULL THEN 'no_parent'
            WHEN parent.id = p_parent THEN 'done'
            ELSE tree_fits_v1(p_workspace, p_todo, parent.id)
        END;
        to_parent := parent.id;
        to_list := parent.list_id;
    END IF;
    IF outcome = 'done' AND p_fields ? 'list' THEN
        named := (SELECT id FROM lists WHERE workspace_id = p_workspace AND uid = (p_fields ->> 'list')::uuid);
        IF named IS NULL AND jsonb_typeof(p_fields -> 'list') <> 'null' THEN
            outcome := 'no_list';
        ELSIF to_parent IS NOT NULL AND named IS DISTINCT FROM to_list THEN
            outcome := 'other_list';
        END IF;
        to_list := named;
    END IF;
    IF outcome = 'done' AND to_list IS NOT NULL AND NOT p_fields ? 'anywhere' THEN
        outcome := list_enter_v1(p_workspace, to_list);
    END IF;
END $$;

-- Puts todos into a list, which may be null, and counts them.
CREATE FUNCTION relist_todos_v1(p_workspace bigint, p_todos bigint[], p_list bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    instant CONSTANT timestamptz := clock_timestamp();
    named CONSTANT jsonb := list_named_v1(p_workspace, p_list);
    own CONSTANT smallint := count_shard_v1(p_workspace);
BEGIN
    PERFORM FROM todos WHERE workspace_id = p_workspace AND id = ANY (p_todos) ORDER BY id FOR NO KEY UPDATE;
    -- All parts see the todos as they were before.
    WITH former AS MATERIALIZED (
        SELECT t.id, t.list_id, t.deleted_at IS NULL AND is_open_v1(t.status) AS is_counted, CASE
            WHEN i.id IS NOT NULL THEN jsonb_build_object('id', i.uid, 'name', i.name)
        END AS list_named
        FROM todos t LEFT JOIN lists i ON i.workspace_id = p_workspace AND i.id = t.list_id
        WHERE t.workspace_id = p_workspace AND t.id = ANY (p_todos) AND t.list_id IS DISTINCT FROM p_list
    ), changed AS (
        UPDATE todos t SET list_id = p_list, version = version + 1,
            updated_at = changed_at_v1(instant, updated_at)
        FROM former WHERE t.workspace_id = p_workspace AND t.id = former.id
        RETURNING t.id, t.uid, t.version
    ), logged AS (
        INSERT INTO events (workspace_id, type, subject, version, changes)
        SELECT p_workspace, 'todo.moved', c.uid, c.version,
            value_change_v1('list', f.list_named, named)
        FROM former f JOIN changed c USING (id)
    ), changes AS (
        SELECT list_id, -1 AS change FROM former WHERE is_counted
        UNION ALL
        SELECT p_list, 1 FROM former WHERE is_counted
    )
    INSERT INTO list_counts AS c (workspace_id, list_id, shard, todos)
    SELECT p_workspace, list_id, own, sum(change) FROM changes
    WHERE list_id IS NOT NULL GROUP BY list_id HAVING sum(change) <> 0
    ON CONFLICT (workspace_id, list_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
END $$;
