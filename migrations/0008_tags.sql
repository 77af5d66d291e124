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
    -- The tag into which this one was merged, if many todos have it: the row stays until a job has replaced it on them
    -- (drop_tag_v1). It has the public id and the name of the other, so whoever reads the tags of todos sees those; a
    -- todo may have both. It is no tag any more: everything else asks for rows without it.
    merged_into  bigint,
    CONSTRAINT tags_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT tags_merged_into_fkey FOREIGN KEY (workspace_id, merged_into) REFERENCES tags (workspace_id, id)
);
CREATE UNIQUE INDEX tags_uid_key ON tags (workspace_id, uid) WHERE merged_into IS NULL;
CREATE UNIQUE INDEX tags_folded_key ON tags (workspace_id, folded) WHERE merged_into IS NULL;
-- Conditions on lists (tag_former_v1), and the foreign key.
CREATE INDEX tags_merged ON tags (workspace_id, merged_into) WHERE merged_into IS NOT NULL;

-- The id of a tag, for conditions on lists: as employee_id_v1.
CREATE FUNCTION tag_id_v1(p_workspace bigint, p_folded text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT id FROM tags WHERE workspace_id = p_workspace AND folded = p_folded AND merged_into IS NULL);
END $$;

-- The ids of tags that must all be there; null where one does not exist, as then no todo has all.
CREATE FUNCTION tag_ids_v1(p_workspace bigint, p_folded text[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN count(*) = cardinality(p_folded) THEN array_agg(id) END
        FROM tags WHERE workspace_id = p_workspace AND folded = ANY (p_folded) AND merged_into IS NULL
    );
END $$;

-- The ids of what was merged into one of these tags and todos still have; null if there are none, so that a condition on
-- them vanishes when a statement is planned. As archived_lists_v1.
CREATE FUNCTION tag_former_v1(p_workspace bigint, p_tags bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT array_agg(id) FROM tags WHERE workspace_id = p_workspace AND merged_into = ANY (p_tags));
END $$;

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
    known text[];
BEGIN
    LOOP
        SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(folded), '{}') INTO ids, known
        FROM tags WHERE workspace_id = p_workspace AND folded = ANY (wanted) AND merged_into IS NULL;
        IF cardinality(ids) = cardinality(wanted) THEN
            RETURN ids;
        END IF;
        WITH new AS (
            INSERT INTO tags (workspace_id, uid, name, folded)
            SELECT DISTINCT ON (w.folded) p_workspace, w.uid, w.name, w.folded
            FROM jsonb_to_recordset(p_tags) AS w (uid uuid, name text, folded text)
            WHERE w.folded <> ALL (known)
            ORDER BY w.folded
            ON CONFLICT (workspace_id, folded) WHERE merged_into IS NULL DO NOTHING
            RETURNING uid, version
        )
        INSERT INTO events (workspace_id, type, subject, version)
        SELECT p_workspace, 'tag.created', uid, version FROM new;
    END LOOP;
END $$;

-- Gives todos what they show of tags that are gone (drop_tag_v1): instead of one that was merged the other, once, and
-- instead of one that was deleted nothing. A todo that had both counted for each. Nobody sees more of it than that
-- count, so no version grows and the log tells nothing. Needs lock_tags_v1 and the todos' rows, or lock_tags_v1 alone.
CREATE FUNCTION replace_tags_v1(p_workspace bigint, p_todos bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- is_replaced: of those that show one tag the first, if the todo does not have that one. A value, since of an EXISTS
    -- the planner may collect all todos of the tag.
    WITH former AS MATERIALIZED (
        SELECT l.todo_id, l.tag_id, g.merged_into, g.id IS NOT NULL
            AND row_number() OVER (PARTITION BY l.todo_id, g.merged_into ORDER BY l.tag_id) = 1
            AND (
                SELECT true FROM todo_tags k
                WHERE k.workspace_id = p_workspace AND k.todo_id = l.todo_id AND k.tag_id = g.merged_into
            ) IS NULL AS is_replaced
        FROM todo_tags l LEFT JOIN tags g ON g.workspace_id = p_workspace AND g.id = l.tag_id
        WHERE l.workspace_id = p_workspace AND l.todo_id = ANY (p_todos)
            AND (g.id IS NULL OR g.merged_into IS NOT NULL)
    ), replaced AS (
        -- Rather than deleted and added: the reference to the todo stays as it is and is not checked again.
        UPDATE todo_tags l SET tag_id = f.merged_into FROM former f
        WHERE l.workspace_id = p_workspace AND l.todo_id = f.todo_id AND l.tag_id = f.tag_id AND f.is_replaced
    ), removed AS (
        DELETE FROM todo_tags l USING former f
        WHERE l.workspace_id = p_workspace AND l.todo_id = f.todo_id AND l.tag_id = f.tag_id AND NOT f.is_replaced
        RETURNING f.todo_id, f.merged_into
    )
    INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
    SELECT p_workspace, r.merged_into, count_shard_v1(p_workspace), -count(*)
    FROM removed r JOIN todos t ON t.workspace_id = p_workspace AND t.id = r.todo_id
    WHERE r.merged_into IS NOT NULL AND t.deleted_at IS NULL GROUP BY r.merged_into
    ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
END $$;

-- The same before the tags of todos are changed, if there are any to be replaced: then a job is open. Index: jobs_open.
CREATE FUNCTION settle_tags_v1(p_workspace bigint, p_todos bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM jobs
        WHERE workspace_id = p_workspace AND status IN ('queued', 'running') AND kind IN ('tags.merge', 'tags.delete')
    ) THEN
        PERFORM replace_tags_v1(p_workspace, p_todos);
    END IF;
END $$;

-- Deletes a tag; its todos show p_successor instead, or nothing. That is done when this returns, however many have it:
-- where they are more than 2,000, those in the bin included, the job p_job does what nobody sees. The counts of both are
-- one at once; todos that have both are taken from it as they are found. Needs lock_tags_v1 alone.
CREATE FUNCTION drop_tag_v1(p_tag tags, p_successor tags, p_job uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    few CONSTANT integer := 2000;
    ids CONSTANT bigint[] := ARRAY(
        SELECT todo_id FROM todo_tags WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id
        ORDER BY todo_id LIMIT few + 1
    );
BEGIN
    IF p_successor.id IS NULL THEN
        DELETE FROM tags WHERE workspace_id = p_tag.workspace_id AND (id = p_tag.id OR merged_into = p_tag.id);
    ELSE
        UPDATE tags SET merged_into = p_successor.id, uid = p_successor.uid, name = p_successor.name,
            folded = p_successor.folded
        WHERE workspace_id = p_tag.workspace_id AND (id = p_tag.id OR merged_into = p_tag.id);
        INSERT INTO tag_counts AS c (workspace_id, tag_id, shard, todos)
        SELECT workspace_id, p_successor.id, shard, todos FROM tag_counts
        WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id
        ON CONFLICT (workspace_id, tag_id, shard) DO UPDATE SET todos = c.todos + excluded.todos;
    END IF;
    DELETE FROM tag_counts WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id;
    IF cardinality(ids) <= few THEN
        PERFORM replace_tags_v1(p_tag.workspace_id, ids);
        DELETE FROM tags WHERE workspace_id = p_tag.workspace_id AND id = p_tag.id;
    ELSE
        INSERT INTO jobs (workspace_id, uid, kind, filter, change, ceiling)
        VALUES (p_tag.workspace_id, p_job, CASE WHEN p_successor.id IS NULL THEN 'tags.delete' ELSE 'tags.merge' END,
            '{}', jsonb_build_object('replace_tag', p_tag.id), (
                SELECT todo_id FROM todo_tags WHERE workspace_id = p_tag.workspace_id AND tag_id = p_tag.id
                ORDER BY todo_id DESC LIMIT 1
            ));
    END IF;
    INSERT INTO events (workspace_id, type, subject, version, changes)
    VALUES (p_tag.workspace_id, 'tag.deleted', p_tag.uid, p_tag.version + 1,
        field_change_v1('name', p_tag.name, NULL) || CASE
            WHEN p_successor.id IS NULL THEN '{}'
            ELSE jsonb_build_object('replaced_by', jsonb_build_object('id', p_successor.uid, 'name', p_successor.name))
        END);
END $$;

-- Gives a tag another name. Where a tag of that name exists the two merge and the other one stays; todos with both
-- keep one. p_job as in drop_tag_v1, also below.
CREATE FUNCTION tag_rename_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], p_name text, p_folded text, p_job uuid,
    OUT outcome text, OUT body text, OUT cache_wait boolean
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
    SELECT * INTO tag FROM tags
    WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) AND merged_into IS NULL;
    outcome := precondition_v1(tag.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    SELECT * INTO other FROM tags
    WHERE workspace_id = p_workspace AND folded = p_folded AND id <> tag.id AND merged_into IS NULL;
    IF FOUND THEN
        PERFORM drop_tag_v1(tag, other, p_job);
        tag := other;
    ELSIF tag.name <> p_name THEN
        INSERT INTO events (workspace_id, type, subject, version, changes)
        VALUES (p_workspace, 'tag.updated', tag.uid, tag.version + 1, field_change_v1('name', tag.name, p_name));
        UPDATE tags SET name = p_name, folded = p_folded, version = version + 1
        WHERE workspace_id = p_workspace AND id = tag.id RETURNING * INTO tag;
        UPDATE tags SET name = p_name, folded = p_folded WHERE workspace_id = p_workspace AND merged_into = tag.id;
    END IF;
    body := json_build_object('id', tag.id, 'uid', tag.uid, 'name', tag.name,
        'count', tag_count_v1(p_workspace, tag.id), 'created_at', rfc3339_v1(tag.created_at), 'version', tag.version);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

CREATE FUNCTION tag_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], p_job uuid, OUT outcome text, OUT body text, OUT cache_wait boolean
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
    SELECT * INTO tag FROM tags
    WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) AND merged_into IS NULL;
    outcome := precondition_v1(tag.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    PERFORM drop_tag_v1(tag, NULL, p_job);
    body := 'null';
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;
