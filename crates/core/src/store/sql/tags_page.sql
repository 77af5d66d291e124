-- $1 workspace, $2 after this id, $3 how many. Live todos of a tag are all that have it (todo_tags_by_tag, index-only) without
-- those in the bin (todos_in_bin), which are few and counted once for all tags.
WITH tag AS (
    SELECT id, uid, name, created_at, version FROM tags WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3
), binned AS (
    SELECT l.tag_id, count(*) AS todos
    FROM todos t JOIN todo_tags l ON l.workspace_id = t.workspace_id AND l.todo_id = t.id
    WHERE t.workspace_id = $1 AND t.deleted_at IS NOT NULL
    GROUP BY l.tag_id
)
SELECT coalesce('[' || string_agg(row_to_json(r)::text, ',' ORDER BY r.id) || ']', '[]')
FROM (
    SELECT tag.id, tag.uid, tag.name, (
            SELECT count(*) FROM todo_tags l WHERE l.workspace_id = $1 AND l.tag_id = tag.id
        ) - coalesce(binned.todos, 0) AS count,
        rfc3339_v1(tag.created_at) AS created_at, tag.version
    FROM tag LEFT JOIN binned ON binned.tag_id = tag.id
) r
