-- Lists: their JSON and their writes; and where todos stand among their siblings.

-- The id of a list, for conditions on lists of todos: as employee_id_v1.
CREATE FUNCTION list_id_v1(p_workspace bigint, p_uid uuid) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT id FROM lists WHERE workspace_id = p_workspace AND uid = p_uid);
END $$;

-- The archived lists; null if there are none, so that a condition on them vanishes when a statement is planned. As
-- employee_id_v1, but written in a language that keeps the plan: every list of todos asks.
CREATE FUNCTION archived_lists_v1(p_workspace bigint) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT array_agg(id) FROM lists WHERE workspace_id = p_workspace AND archived_at IS NOT NULL);
END $$;

-- The id of a todo, for conditions on those below it.
CREATE FUNCTION todo_id_v1(p_workspace bigint, p_uid uuid) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT id FROM todos WHERE workspace_id = p_workspace AND uid = p_uid);
END $$;

-- A todo and all below it, those in the bin included, or null if they are more than 1,000: the planner looks at each of
-- them, several times.
CREATE FUNCTION tree_ids_v1(p_workspace bigint, p_uid uuid) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    most CONSTANT integer := 1000;
    ids bigint[] := ARRAY(SELECT id FROM todos WHERE workspace_id = p_workspace AND uid = p_uid);
    level bigint[] := ids;
BEGIN
    WHILE cardinality(level) > 0 LOOP
        -- One parent after the other: of an array the planner may look for the elements among all subtasks.
        level := ARRAY(
            SELECT c.id FROM unnest(level) AS p (id) CROSS JOIN LATERAL (
                SELECT t.id FROM todos t WHERE t.workspace_id = p_workspace AND t.parent_id = p.id LIMIT most + 1
            ) c LIMIT most + 1
        );
        ids := ids || level;
        IF cardinality(ids) > most THEN
            RETURN NULL;
        END IF;
    END LOOP;
    RETURN ids;
END $$;

-- Writers that put a todo into a list, or change one in it, share this lock; archiving or deleting the list takes it
-- alone. So nothing is written in a list after it was archived. An advisory lock, since locking the row would write to
-- it each time.
CREATE FUNCTION lock_list_v1(p_list bigint, p_alone boolean) RETURNS void LANGUAGE sql
    RETURN lock_v1(1818850164, p_list, p_alone);

-- Whether todos may be written in a list: 'no_list', 'list_archived', 'done'.
CREATE FUNCTION list_state_v1(p_workspace bigint, p_list bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce((
        SELECT CASE WHEN archived_at IS NULL THEN 'done' ELSE 'list_archived' END
        FROM lists WHERE workspace_id = p_workspace AND id = p_list
    ), 'no_list');
END $$;

-- The same, which stays as it is until the end of the transaction.
CREATE FUNCTION list_enter_v1(p_workspace bigint, p_list bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_list_v1(p_list, false) WHERE p_list IS NOT NULL;
    RETURN list_state_v1(p_workspace, p_list);
END $$;

CREATE VIEW list_documents_v1 AS
SELECT i.workspace_id, i.id, i.uid, json_build_object(
    'id', i.id, 'uid', i.uid, 'name', i.name, 'color', i.color, 'position', i.position,
    'archived_at', rfc3339_v1(i.archived_at), 'count', (
        SELECT coalesce(sum(c.todos), 0) FROM list_counts c
        WHERE c.workspace_id = i.workspace_id AND c.list_id = i.id
    ), 'created_at', rfc3339_v1(i.created_at), 'updated_at', rfc3339_v1(i.updated_at), 'version', i.version
)::text AS document
FROM lists i;

-- Creates a list (p_create, under p_uid) or changes one. p_fields, all optional for a change: name and folded, color,
-- position (null: that of its creation), archived. 'exists'; 'deleted' while the log knows a list of this UUID that was
-- deleted, so that no version is told twice and a creation that is sent again brings nothing back; 'too_many_lists' if
-- the workspace has p_most; a violated lists_folded_key ends the statement: the name is taken.
CREATE FUNCTION list_write_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_create boolean, p_id bigint,
    p_uid uuid, p_versions bigint[], p_fields jsonb, p_most bigint, OUT outcome text, OUT body text,
    OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    former lists;
    w lists;
    instant timestamptz := clock_timestamp();
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    IF p_create THEN
        -- One at a time, so that the bound is exact. Foreign keys to the workspace do not wait for this.
        PERFORM FROM workspaces WHERE id = p_workspace FOR NO KEY UPDATE;
        IF EXISTS (SELECT FROM lists WHERE workspace_id = p_workspace AND uid = p_uid) THEN
            outcome := 'exists';
            RETURN;
        ELSIF EXISTS (
            SELECT FROM events WHERE workspace_id = p_workspace AND subject = p_uid AND type = 'list.deleted'
        ) THEN
            outcome := 'deleted';
            RETURN;
        ELSIF (SELECT count(*) FROM lists WHERE workspace_id = p_workspace) >= p_most THEN
            outcome := 'too_many_lists';
            RETURN;
        END IF;
        former.created_at := instant;
    ELSE
        SELECT * INTO former FROM lists WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid);
        IF (p_fields ->> 'archived')::boolean THEN
            PERFORM lock_list_v1(former.id, true);
        END IF;
        SELECT * INTO former FROM lists WHERE workspace_id = p_workspace AND id = former.id FOR NO KEY UPDATE;
        outcome := precondition_v1(former.version, p_versions);
        IF outcome <> 'done' THEN
            RETURN;
        END IF;
    END IF;
    w := former;
    w.name := coalesce(p_fields ->> 'name', former.name);
    w.folded := coalesce(p_fields ->> 'folded', former.folded);
    IF p_fields ? 'color' THEN
        w.color := p_fields ->> 'color';
    END IF;
    IF p_create OR p_fields ? 'position' THEN
        w.position := coalesce((p_fields ->> 'position')::double precision, extract(epoch FROM former.created_at));
    END IF;
    IF p_fields ? 'archived' THEN
        w.archived_at := CASE WHEN (p_fields ->> 'archived')::boolean THEN coalesce(former.archived_at, instant) END;
    END IF;
    IF p_create THEN
        INSERT INTO lists (workspace_id, uid, name, folded, color, position, archived_at, created_at, updated_at)
        VALUES (p_workspace, p_uid, w.name, w.folded, w.color, w.position, w.archived_at, instant, instant)
        RETURNING id INTO w.id;
        INSERT INTO events (workspace_id, type, subject, version) VALUES (p_workspace, 'list.created', p_uid, 1);
    ELSIF (w.name, w.color, w.position, w.archived_at)
        IS DISTINCT FROM (former.name, former.color, former.position, former.archived_at)
    THEN
        UPDATE lists SET name = w.name, folded = w.folded, color = w.color, position = w.position,
            archived_at = w.archived_at, version = version + 1,
            updated_at = changed_at_v1(instant, updated_at)
        WHERE workspace_id = p_workspace AND id = former.id;
        INSERT INTO events (workspace_id, type, subject, version, changes)
        VALUES (p_workspace, 'list.updated', former.uid, former.version + 1,
            field_change_v1('name', former.name, w.name) || field_change_v1('color', former.color, w.color)
            || value_change_v1('position', to_jsonb(former.position), to_jsonb(w.position))
            || field_change_v1('archived_at', rfc3339_v1(former.archived_at), rfc3339_v1(w.archived_at)));
    END IF;
    body := (SELECT document FROM list_documents_v1 WHERE workspace_id = p_workspace AND id = w.id);
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
    outcome := 'done';
END $$;

-- Deletes a list in which no live todo is ('list_not_empty'); those in the bin are in none from then on.
CREATE FUNCTION list_delete_v1(
    p_workspace bigint, p_route text, p_key text, p_digest bytea, p_invalidate boolean, p_id bigint, p_uid uuid,
    p_versions bigint[], OUT outcome text, OUT body text, OUT cache_wait boolean
) LANGUAGE plpgsql AS $$
DECLARE
    list lists;
BEGIN
    cache_wait := false;
    SELECT state, first_outcome INTO outcome, body FROM idempotency_claim_v1(p_workspace, p_route, p_key, p_digest);
    IF outcome <> 'new' THEN
        RETURN;
    END IF;
    PERFORM lock_list_v1(id, true) FROM lists WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid);
    SELECT * INTO list FROM lists WHERE workspace_id = p_workspace AND (id = p_id OR uid = p_uid) FOR UPDATE;
    outcome := precondition_v1(list.version, p_versions);
    IF outcome <> 'done' THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM todos WHERE workspace_id = p_workspace AND list_id = list.id AND deleted_at IS NULL) THEN
        outcome := 'list_not_empty';
        RETURN;
    END IF;
    DELETE FROM lists WHERE workspace_id = p_workspace AND id = list.id;
    DELETE FROM list_counts WHERE workspace_id = p_workspace AND list_id = list.id;
    INSERT INTO events (workspace_id, type, subject, version, changes)
    VALUES (p_workspace, 'list.deleted', list.uid, list.version + 1, field_change_v1('name', list.name, NULL));
    body := 'null';
    cache_wait := write_record_v1(p_workspace, p_route, p_key, p_digest, body, p_invalidate);
END $$;

-- The nearest position that there may be: a move gives none that may not be written (Rank in domain/list.rs).
CREATE FUNCTION bounded_position_v1(p_position double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN p_position IS NOT NULL THEN least(greatest(p_position, -1e15), 1e15) END;

-- The next siblings of a place, in order or backwards: live todos of a list, null for none, without a parent; or below
-- a parent; but not p_todo. The statement is put together, so that each kind is read from the index that has its order
-- and nothing else: todos_by_list_without_parent, todos_by_parent.
CREATE FUNCTION siblings_v1(
    p_workspace bigint, p_todo bigint, p_list bigint, p_parent bigint, p_position double precision, p_id bigint,
    p_forward boolean, p_limit integer
) RETURNS TABLE (sibling bigint, place double precision) LANGUAGE plpgsql AS $$
DECLARE
    kind CONSTANT text := CASE
        WHEN p_parent IS NOT NULL THEN 'parent_id = $2'
        WHEN p_list IS NOT NULL THEN 'list_id = $3 AND parent_id IS NULL'
        ELSE 'list_id IS NULL AND parent_id IS NULL'
    END;
    direction CONSTANT text := CASE WHEN p_forward THEN 'ASC' ELSE 'DESC' END;
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT id, position FROM todos WHERE workspace_id = $1 AND %1$s AND deleted_at IS NULL AND id <> $4
         AND (position, id) %2$s ($5, $6) ORDER BY %3$s position %4$s, id %4$s LIMIT $7',
        kind, CASE WHEN p_forward THEN '>' ELSE '<' END,
        CASE WHEN p_parent IS NULL AND p_list IS NULL THEN format('list_id %s,', direction) ELSE '' END, direction
    ) USING p_workspace, p_parent, p_list, p_todo, p_position, p_id, p_limit;
END $$;

-- Makes room for a todo before a sibling, or before the place where one was, where none is left: as many of those around
-- the gap as it takes get new positions at equal distances. Gives the position in the middle; null if there is no sibling
-- any more.
CREATE FUNCTION spread_siblings_v1(
    p_workspace bigint, p_todo bigint, p_list bigint, p_parent bigint, p_position double precision, p_id bigint
) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    instant CONSTANT timestamptz := clock_timestamp();
    width integer := 16;
    before bigint[];
    behind bigint[];
    first_place double precision;
    last_place double precision;
    lowest double precision;
    highest double precision;
    step double precision;
BEGIN
    LOOP
        -- The places before and behind what is moved are those beyond the last of each side.
        SELECT coalesce(array_agg(sibling ORDER BY number DESC) FILTER (WHERE number <= width), '{}'),
            max(place) FILTER (WHERE number > width), min(place), max(place)
        INTO before, lowest, first_place, last_place
        FROM siblings_v1(p_workspace, p_todo, p_list, p_parent, p_position, p_id, false, width + 1)
            WITH ORDINALITY AS s (sibling, place, number);
        SELECT coalesce(array_agg(sibling ORDER BY number) FILTER (WHERE number <= width), '{}'),
            max(place) FILTER (WHERE number > width), least(first_place, min(place)), greatest(last_place, max(place))
        INTO behind, highest, first_place, last_place
        FROM siblings_v1(p_workspace, p_todo, p_list, p_parent, p_position, p_id - 1, true, width + 1)
            WITH ORDINALITY AS s (sibling, place, number);
        IF first_place IS NULL THEN
            RETURN NULL;
        END IF;
        lowest := coalesce(lowest, bounded_position_v1(first_place - width));
        highest := coalesce(highest, bounded_position_v1(last_place + width));
        step := (highest - lowest) / (cardinality(before) + cardinality(behind) + 2);
        -- Room for some more todos in each gap.
        EXIT WHEN step >= 1.5e-14 * greatest(abs(lowest), abs(highest), 1);
        width := width * 4;
    END LOOP;
    WITH former AS MATERIALIZED (
        SELECT id, position FROM todos WHERE workspace_id = p_workspace AND id = ANY (before || behind)
    ), changed AS (
        UPDATE todos t SET
            position = lowest + step * (n.number + CASE WHEN n.number > cardinality(before) THEN 1 ELSE 0 END),
            version = version + 1, updated_at = changed_at_v1(instant, updated_at)
        FROM unnest(before || behind) WITH ORDINALITY AS n (id, number)
        -- One that went into the bin meanwhile stays as it is.
        WHERE t.workspace_id = p_workspace AND t.id = n.id AND t.deleted_at IS NULL
        RETURNING t.id, t.uid, t.version, t.position
    )
    INSERT INTO events (workspace_id, type, subject, version, changes)
    SELECT p_workspace, 'todo.moved', c.uid, c.version,
        value_change_v1('position', to_jsonb(f.position), to_jsonb(c.position))
    FROM former f JOIN changed c USING (id);
    RETURN lowest + step * (cardinality(before) + 1);
END $$;

-- The position at which a todo stands where p_fields say: after (a UUID), before (a UUID) or place ('first', 'last')
-- among these siblings; null where it has none. 'no_after', 'no_before': there is no such sibling. Needs lock_tree_v1
-- alone.
CREATE FUNCTION todo_spot_v1(
    p_workspace bigint, p_todo bigint, p_list bigint, p_parent bigint, p_fields jsonb,
    OUT outcome text, OUT spot double precision
) LANGUAGE plpgsql AS $$
DECLARE
    anchor CONSTANT uuid := coalesce(p_fields ->> 'after', p_fields ->> 'before');
    first_id CONSTANT bigint := 0;
    last_id CONSTANT bigint := 9223372036854775807;
    former record;
    next record;
BEGIN
    outcome := 'done';
    SELECT id AS sibling, position AS place INTO former FROM todos
        WHERE workspace_id = p_workspace AND uid = anchor AND deleted_at IS NULL AND id <> p_todo
            AND parent_id IS NOT DISTINCT FROM p_parent AND list_id IS NOT DISTINCT FROM p_list;
    IF anchor IS NOT NULL AND former.sibling IS NULL THEN
        outcome := CASE WHEN p_fields ? 'after' THEN 'no_after' ELSE 'no_before' END;
        RETURN;
    ELSIF p_fields ? 'after' THEN
        SELECT * INTO next
        FROM siblings_v1(p_workspace, p_todo, p_list, p_parent, former.place, former.sibling, true, 1);
    ELSIF p_fields ? 'before' THEN
        next := former;
        SELECT * INTO former
        FROM siblings_v1(p_workspace, p_todo, p_list, p_parent, next.place, next.sibling, false, 1);
    ELSIF p_fields ->> 'place' = 'first' THEN
        SELECT * INTO next
        FROM siblings_v1(p_workspace, p_todo, p_list, p_parent, '-Infinity', first_id, true, 1);
    ELSE
        SELECT * INTO former
        FROM siblings_v1(p_workspace, p_todo, p_list, p_parent, 'Infinity', last_id, false, 1);
        SELECT NULL::bigint AS sibling, NULL::double precision AS place INTO next;
    END IF;
    spot := bounded_position_v1(CASE
        WHEN former.place IS NULL THEN next.place - 1
        -- No further than now, where that is possible: what is created next is the last then.
        WHEN next.place IS NULL AND former.place < extract(epoch FROM clock_timestamp())
            THEN extract(epoch FROM clock_timestamp())
        WHEN next.place IS NULL THEN former.place + 1
        ELSE former.place + (next.place - former.place) / 2
    END);
    IF spot <= former.place OR spot >= next.place THEN
        spot := spread_siblings_v1(p_workspace, p_todo, p_list, p_parent, coalesce(next.place, 'Infinity'),
            coalesce(next.sibling, last_id));
    END IF;
END $$;

-- Moves a locked todo with all that is below it. p_fields, all optional: list and parent as in 0012, of which a list
-- without a parent takes the todo from below its own, if that is in another; and what todo_spot_v1 takes, without
-- which the position stays. What change_todo_v1 and todo_spot_v1 give. Needs lock_tree_v1 alone.
CREATE FUNCTION move_todo_v1(p_todo todos, p_fields jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    fields jsonb := p_fields - ARRAY['after', 'before', 'place'];
    place record;
    spot record;
BEGIN
    IF p_fields ? 'list' AND NOT p_fields ? 'parent' AND (
        SELECT id FROM lists WHERE workspace_id = p_todo.workspace_id AND uid = (p_fields ->> 'list')::uuid
    ) IS DISTINCT FROM p_todo.list_id THEN
        fields := fields || '{"parent": null}';
    END IF;
    IF p_fields ?| ARRAY['after', 'before', 'place'] THEN
        SELECT * INTO place
        FROM todo_place_v1(p_todo.workspace_id, p_todo.id, p_todo.list_id, p_todo.parent_id, fields);
        IF place.outcome <> 'done' THEN
            RETURN place.outcome;
        END IF;
        SELECT * INTO spot FROM todo_spot_v1(p_todo.workspace_id, p_todo.id, place.to_list, place.to_parent, p_fields);
        IF spot.outcome <> 'done' THEN
            RETURN spot.outcome;
        END IF;
        IF spot.spot IS NOT NULL THEN
            fields := jsonb_set(fields, '{position}', to_jsonb(spot.spot));
        END IF;
    END IF;
    RETURN change_todo_v1(p_todo, fields);
END $$;
