-- Todos as JSON. A tag that was merged is a row like the other's, so of those with one name the first is taken.
--
-- Functions render, because a session keeps the plans of what they do. The statements of the components are planned
-- anew each time, and for these subqueries that takes longer than to run them.

CREATE VIEW todo_documents_v1 AS
SELECT t.workspace_id, t.id, t.uid, t.deleted_at, json_build_object(
    'id', t.id, 'uid', t.uid, 'title', t.title, 'description', t.description, 'status', t.status,
    'priority', priority_name_v1(t.priority), 'due_date', rfc3339_v1(t.due_date),
    'tags', coalesce((
        SELECT json_agg(row_to_json(tag)) FROM (
            SELECT DISTINCT ON (g.folded) coalesce(g.merged_into, g.id) AS id, g.uid, g.name
            FROM todo_tags l JOIN tags g ON g.workspace_id = l.workspace_id AND g.id = l.tag_id
            WHERE l.workspace_id = t.workspace_id AND l.todo_id = t.id
            ORDER BY g.folded
        ) tag
    ), '[]'),
    'assignee', (
        SELECT row_to_json(assignee) FROM (
            SELECT e.id, e.uid, e.name, e.email, (
                SELECT row_to_json(department) FROM (
                    SELECT d.id, d.uid, d.name FROM departments d
                    WHERE d.workspace_id = e.workspace_id AND d.id = e.department_id
                ) department
            ) AS department
            FROM employees e WHERE e.workspace_id = t.workspace_id AND e.id = t.assignee_id
        ) assignee
    ),
    'created_at', rfc3339_v1(t.created_at), 'updated_at', rfc3339_v1(t.updated_at),
    'completed_at', rfc3339_v1(t.completed_at), 'version', t.version,
    'list', i.uid,
    'parent', (SELECT p.uid FROM todos p WHERE p.workspace_id = t.workspace_id AND p.id = t.parent_id),
    'position', t.position,
    'subtasks', (
        SELECT json_build_object('total', count(*), 'completed', count(*) FILTER (WHERE s.status = 'completed'))
        FROM todos s WHERE s.workspace_id = t.workspace_id AND s.parent_id = t.id AND s.deleted_at IS NULL
    )
)::text AS document
-- Joined, because Postgres reads a small table as a whole for each row of a subquery.
FROM todos t LEFT JOIN lists i ON i.workspace_id = t.workspace_id AND i.id = t.list_id;

CREATE FUNCTION todo_document_v1(p_workspace bigint, p_id bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT document FROM todo_documents_v1 WHERE workspace_id = p_workspace AND id = p_id);
END $$;

-- A live todo by one of its ids, or null.
CREATE FUNCTION todo_find_v1(p_workspace bigint, p_id bigint, p_uid uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_id IS NULL THEN
        RETURN (
            SELECT document FROM todo_documents_v1
            WHERE workspace_id = p_workspace AND uid = p_uid AND deleted_at IS NULL
        );
    END IF;
    RETURN (
        SELECT document FROM todo_documents_v1 WHERE workspace_id = p_workspace AND id = p_id AND deleted_at IS NULL
    );
END $$;

-- Whole todos as a JSON array, in the order of their ids in the argument.
CREATE FUNCTION todos_render_v1(p_workspace bigint, p_ids bigint[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT '[' || string_agg(d.document, ',' ORDER BY p.place) || ']'
        FROM unnest(p_ids) WITH ORDINALITY AS p (id, place)
        JOIN todo_documents_v1 d ON d.workspace_id = p_workspace AND d.id = p.id
    ), '[]');
END $$;

-- The same with what a list tells of a todo. "id" is the UUID.
CREATE FUNCTION todos_summarise_v1(p_workspace bigint, p_ids bigint[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT '[' || string_agg(row_to_json((SELECT summary FROM (SELECT
            t.uid AS id, t.title, t.status, t.status = 'completed' AS completed,
            priority_name_v1(t.priority) AS priority, rfc3339_v1(t.due_date) AS due_date,
            coalesce((
                SELECT json_agg(tag.name) FROM (
                    SELECT DISTINCT ON (g.folded) g.name
                    FROM todo_tags l JOIN tags g ON g.workspace_id = l.workspace_id AND g.id = l.tag_id
                    WHERE l.workspace_id = p_workspace AND l.todo_id = t.id
                    ORDER BY g.folded
                ) tag
            ), '[]') AS tags,
            CASE WHEN e.id IS NOT NULL THEN row_to_json((
                SELECT assignee FROM (SELECT e.uid AS id, e.name) assignee
            )) END AS assignee,
            rfc3339_v1(t.updated_at) AS updated_at, i.uid AS list_id,
            (SELECT a.uid FROM todos a WHERE a.workspace_id = p_workspace AND a.id = t.parent_id) AS parent_id,
            t.position, (
                SELECT json_build_object('total', count(*), 'completed', count(*) FILTER (WHERE s.status = 'completed'))
                FROM todos s
                WHERE s.workspace_id = p_workspace AND s.parent_id = t.id AND s.deleted_at IS NULL
            ) AS subtasks
        ) summary))::text, ',' ORDER BY p.place) || ']'
        FROM unnest(p_ids) WITH ORDINALITY AS p (id, place)
        JOIN todos t ON t.workspace_id = p_workspace AND t.id = p.id
        LEFT JOIN lists i ON i.workspace_id = p_workspace AND i.id = t.list_id
        LEFT JOIN employees e ON e.workspace_id = p_workspace AND e.id = t.assignee_id
    ), '[]');
END $$;
