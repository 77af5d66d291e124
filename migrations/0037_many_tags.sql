-- What the planner is told where a filter has many tags, which must all be there.

-- Their ids; null where one does not exist, as then no todo has all.
CREATE FUNCTION tag_ids_v1(p_workspace bigint, p_folded text[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT CASE WHEN count(*) = cardinality(p_folded) THEN array_agg(id) END
        FROM tags WHERE workspace_id = p_workspace AND folded = ANY (p_folded)
    );

-- The one that the fewest live todos have.
CREATE FUNCTION rarest_tag_v1(p_workspace bigint, p_folded text[]) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT g.id FROM unnest(tag_ids_v1(p_workspace, p_folded)) g (id)
        ORDER BY (SELECT sum(todos) FROM tag_counts c WHERE c.workspace_id = p_workspace AND c.tag_id = g.id) NULLS FIRST
        LIMIT 1
    );
