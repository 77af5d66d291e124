-- What the reference components ask for: one function a request, on the service's own table, with no more than the answer needs.

CREATE FUNCTION bench_read_v1(p_uid text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', uid, 'title', title, 'status', status, 'version', version)::text FROM todos
        WHERE workspace_id = (SELECT min(id) FROM workspaces WHERE name = 'bench') AND uid = p_uid::uuid);
END $$;

CREATE FUNCTION bench_page_v1() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('id', uid, 'title', title, 'status', status, 'version', version))::text FROM (
        SELECT uid, title, status, version FROM todos
            WHERE workspace_id = (SELECT min(id) FROM workspaces WHERE name = 'bench') AND deleted_at IS NULL
            ORDER BY created_at DESC, id DESC LIMIT 50
    ) newest);
END $$;

CREATE FUNCTION bench_create_v1(p_title text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO todos (workspace_id, uid, title)
        SELECT min(id), gen_random_uuid(), p_title FROM workspaces WHERE name = 'bench'
        RETURNING uid INTO made;
    RETURN jsonb_build_object('id', made, 'title', p_title)::text;
END $$;
