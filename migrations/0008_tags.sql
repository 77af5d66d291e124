-- Tags. New ones are made where a todo gets them.

CREATE TABLE tags (
    workspace_id bigint NOT NULL CONSTRAINT tags_workspace_fkey REFERENCES workspaces (id),
    id           bigserial,
    uid          uuid NOT NULL,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 50),
    -- What identifies it: the name with its case folded by the application.
    folded       text COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    version      bigint NOT NULL DEFAULT 1,
    CONSTRAINT tags_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT tags_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT tags_folded_key UNIQUE (workspace_id, folded)
);

-- The id of a tag, for conditions on lists: as employee_id_v1.
CREATE FUNCTION tag_id_v1(p_workspace bigint, p_folded text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT id FROM tags WHERE workspace_id = p_workspace AND folded = p_folded);

-- The ids of tags that must all be there; null where one does not exist, as then no todo has all.
CREATE FUNCTION tag_ids_v1(p_workspace bigint, p_folded text[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT CASE WHEN count(*) = cardinality(p_folded) THEN array_agg(id) END
        FROM tags WHERE workspace_id = p_workspace AND folded = ANY (p_folded)
    );

-- Writers that put tags on todos share this lock; merging or deleting a tag takes it alone. So while a tag is merged
-- no todo gains or loses it, and while todos are tagged their tags stay. Taken before any row is locked, except by a
-- chunk of a job, which has locked its todos: merging or deleting a tag locks no todo.
CREATE FUNCTION lock_tags_v1(p_workspace bigint, p_alone boolean) RETURNS void LANGUAGE sql
    RETURN lock_v1(1952540519, p_workspace, p_alone);

-- The ids of tags, making those that are missing. In order of name, so that two writers of the same new tags do not
-- block each other. Needs lock_tags_v1.
CREATE FUNCTION ensure_tags_v1(p_workspace bigint, p_tags jsonb) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    wanted text[] := ARRAY(SELECT DISTINCT tag ->> 'folded' FROM jsonb_array_elements(p_tags) AS tag);
    ids bigint[];
BEGIN
    LOOP
        ids := ARRAY(SELECT id FROM tags WHERE workspace_id = p_workspace AND folded = ANY (wanted));
        IF cardinality(ids) = cardinality(wanted) THEN
            RETURN ids;
        END IF;
        WITH new AS (
            INSERT INTO tags (workspace_id, uid, name, folded)
            SELECT DISTINCT ON (w.folded) p_workspace, w.uid, w.name, w.folded
            FROM jsonb_to_recordset(p_tags) AS w (uid uuid, name text, folded text)
            WHERE NOT EXISTS (SELECT FROM tags g WHERE g.workspace_id = p_workspace AND g.folded = w.folded)
            ORDER BY w.folded
            ON CONFLICT (workspace_id, folded) DO NOTHING
            RETURNING uid, version
        )
        INSERT INTO events (workspace_id, type, subject, version)
        SELECT p_workspace, 'tag.created', uid, version FROM new;
    END LOOP;
END $$;

-- Deletes a tag, from todos and from the counts, too. p_successor: the one that its todos have got instead, if any.
-- Needs lock_tags_v1 alone.
CREATE FUNCTION drop_tag_v1(p_tag tags, p_successor tags) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tags WHERE workspace_id = p_tag.workspace_id AND id = p_tag.id;
    DELETE FROM tag_counts WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id;
    INSERT INTO events (workspace_id, type, subject, version, changes)
    VALUES (p_tag.workspace_id, 'tag.deleted', p_tag.uid, p_tag.version + 1,
        field_change_v1('name', p_tag.name, NULL) || CASE
            WHEN p_successor.id IS NULL THEN '{}'
            ELSE jsonb_build_object('replaced_by', jsonb_build_object('id', p_successor.uid, 'name', p_successor.name))
        END);
END $$;

-- Gives a tag another name. Where a tag of that name exists the two merge and the other one stays; todos with both
-- keep one.
CREATE FUNCTION tag_rename_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], p_name text, p_folded text, OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    tag tags;
    other tags;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    PERFORM lock_tags_v1(p_workspace, true);
    SELECT * INTO tag FROM tags WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid);
    outcome := precondition_v1(tag.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    SELECT * INTO other FROM tags WHERE workspace_id = p_workspace AND folded = p_folded AND id <> tag.id;
    IF FOUND THEN
        -- Moved rather than copied: the reference to the todo stays as it is and is not checked again.
        WITH moved AS (
            UPDATE todo_tags l SET tag_id = other.id
            WHERE l.workspace_id = p_workspace AND l.tag_id = tag.id AND NOT EXISTS (
                SELECT FROM todo_tags k
                WHERE k.workspace_id = p_workspace AND k.todo_id = l.todo_id AND k.tag_id = other.id
            )
            RETURNING l.todo_id
        )
        INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
        SELECT p_workspace, other.id, count_shard_v1(p_workspace), count(*)
        FROM moved JOIN todos t ON t.workspace_id = p_workspace AND t.id = moved.todo_id WHERE t.deleted_at IS NULL
        ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
        PERFORM drop_tag_v1(tag, other);
        tag := other;
    ELSIF tag.name <> p_name THEN
        INSERT INTO events (workspace_id, type, subject, version, changes)
        VALUES (p_workspace, 'tag.updated', tag.uid, tag.version + 1, field_change_v1('name', tag.name, p_name));
        UPDATE tags SET name = p_name, folded = p_folded, version = version + 1
        WHERE workspace_id = p_workspace AND id = tag.id RETURNING * INTO tag;
    END IF;
    body := json_build_object('id', tag.id, 'uid', tag.uid, 'name', tag.name,
        'count', tag_count_v1(p_workspace, tag.id), 'created_at', rfc3339_v1(tag.created_at), 'version', tag.version);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

CREATE FUNCTION tag_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    tag tags;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    PERFORM lock_tags_v1(p_workspace, true);
    SELECT * INTO tag FROM tags WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid);
    outcome := precondition_v1(tag.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    PERFORM drop_tag_v1(tag, NULL);
    body := 'null';
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;
