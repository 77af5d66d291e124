-- How many live todos have a tag, from the numbers that are kept, so that a rename counts nothing anew. A statement's own changes
-- are included: it is read in a statement of its own inside the functions that write.
CREATE OR REPLACE FUNCTION tag_count_v1(p_workspace bigint, p_tag bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(todos), 0)::bigint FROM tag_counts WHERE workspace_id = p_workspace AND tag_id = p_tag;
$$;
