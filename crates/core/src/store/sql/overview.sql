-- $1 workspace, $2 time zone, $3 the caller's employee. Indexes: employees_uid_key, lists_pkey and list_counts_pkey,
-- tags_pkey and tag_counts_pkey, employees_pkey. The first hundred of at most a thousand lists, the most used of the
-- first thousand tags, and the first hundred employees, so that the size of a workspace does not matter.
SELECT json_build_object(
    'time_zone', $2::text,
    'today', to_char(now() AT TIME ZONE $2, 'YYYY-MM-DD'),
    'now', rfc3339_v1(now()),
    'me', (SELECT json_build_object('uid', uid, 'name', name) FROM employees WHERE workspace_id = $1
        AND uid = $3::text::uuid),
    'lists', (
        SELECT coalesce(json_agg(json_build_object('id', i.uid, 'name', i.name, 'count', (
            SELECT coalesce(sum(c.todos), 0) FROM list_counts c WHERE c.workspace_id = $1 AND c.list_id = i.id
        )) ORDER BY i.position, i.id), '[]')
        FROM (
            SELECT * FROM lists WHERE workspace_id = $1 AND archived_at IS NULL ORDER BY position, id LIMIT 100
        ) i
    ),
    'tags', (
        SELECT coalesce(json_agg(json_build_object('name', used.name, 'count', used.count)), '[]')
        FROM (
            SELECT tag.name, (
                    SELECT coalesce(sum(c.todos), 0) FROM tag_counts c WHERE c.workspace_id = $1 AND c.tag_id = tag.id
                ) AS count
            FROM (SELECT id, name FROM tags WHERE workspace_id = $1 AND merged_into IS NULL ORDER BY id LIMIT 1000) tag
            ORDER BY count DESC, tag.id LIMIT 100
        ) used
    ),
    'people', (
        SELECT coalesce(json_agg(json_build_object('id', e.uid, 'name', e.name, 'department', d.name) ORDER BY e.id),
            '[]')
        FROM (SELECT * FROM employees WHERE workspace_id = $1 ORDER BY id LIMIT 100) e
        LEFT JOIN departments d ON d.workspace_id = $1 AND d.id = e.department_id
    )
)
