-- $1 workspace, $2 after this id, $3 how many. Index: tags_pkey, and tag_counts_pkey for the counts, which are kept
-- there.
SELECT coalesce('[' || string_agg(row_to_json(r)::text, ',' ORDER BY r.id) || ']', '[]')
FROM (
    SELECT tag.id, tag.uid, tag.name, (
            SELECT coalesce(sum(c.todos), 0) FROM tag_counts c WHERE c.workspace_id = $1 AND c.tag_id = tag.id
        ) AS count,
        rfc3339_v1(tag.created_at) AS created_at, tag.version
    FROM (SELECT * FROM tags WHERE workspace_id = $1 AND id > $2 AND merged_into IS NULL ORDER BY id LIMIT $3) tag
) r
