-- 1,000,000 todos: 500,000 in the workspace `large`, as many in 49 others, interleaved as they would have come in.
-- Skewed and correlated like life: new todos are open and old ones done, few tags are on most todos, few people have
-- most of the work, what is due lies near what was created. Always the same but for the present, from which all
-- instants are counted.
SELECT setseed(0.5);
SET maintenance_work_mem = '256MB';

-- Indexes and constraints are put aside while the rows go in, as they are found: a new migration needs no word here.
CREATE TEMP TABLE aside AS
SELECT CASE c.contype WHEN 'f' THEN 2 ELSE 0 END AS step,
    format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS away,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) AS back
FROM pg_constraint c
WHERE c.contype IN ('p', 'u', 'f') AND c.conrelid IN ('todos'::regclass, 'todo_tags'::regclass)
UNION ALL
SELECT 1, format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
FROM pg_index i
WHERE i.indrelid IN ('todos'::regclass, 'todo_tags'::regclass)
    AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid);
DO $$ DECLARE one text; BEGIN FOR one IN SELECT away FROM aside ORDER BY step DESC LOOP EXECUTE one; END LOOP; END $$;

INSERT INTO workspaces (uid, name)
SELECT gen_random_uuid(), CASE n WHEN 0 THEN 'large' ELSE 'other ' || n END FROM generate_series(0, 49) n;

INSERT INTO departments (workspace_id, uid, name)
SELECT w.id, gen_random_uuid(), 'Department ' || n
FROM workspaces w CROSS JOIN generate_series(0, CASE w.name WHEN 'large' THEN 9 ELSE 1 END) n ORDER BY w.id, n;

-- Half of the last department's people have no work at all.
INSERT INTO employees (workspace_id, uid, name, email, department_id)
SELECT w.id, gen_random_uuid(), 'Employee ' || n, 'e' || n || '@example.com', d.ids[1 + n % cardinality(d.ids)]
FROM workspaces w
CROSS JOIN LATERAL (SELECT array_agg(id ORDER BY id) AS ids FROM departments WHERE workspace_id = w.id) d
CROSS JOIN generate_series(0, CASE w.name WHEN 'large' THEN 199 ELSE 4 END) n ORDER BY w.id, n;

INSERT INTO tags (workspace_id, uid, name, folded)
SELECT w.id, gen_random_uuid(), 'tag-' || n, 'tag-' || n
FROM workspaces w CROSS JOIN generate_series(0, CASE w.name WHEN 'large' THEN 199 ELSE 9 END) n ORDER BY w.id, n;

-- Most of what is in a list at all is in the first ones.
INSERT INTO lists (workspace_id, uid, name, folded, position)
SELECT w.id, gen_random_uuid(), 'List ' || n, 'list ' || n, n
FROM workspaces w CROSS JOIN generate_series(0, CASE w.name WHEN 'large' THEN 19 ELSE 2 END) n ORDER BY w.id, n;

CREATE TEMP TABLE place AS
SELECT (row_number() OVER (ORDER BY w.name <> 'large', w.id))::int - 1 AS place, w.id,
    (SELECT array_agg(e.id ORDER BY e.id) FROM employees e WHERE e.workspace_id = w.id) AS staff,
    (SELECT array_agg(g.id ORDER BY g.id) FROM tags g WHERE g.workspace_id = w.id) AS tags,
    (SELECT array_agg(i.id ORDER BY i.id) FROM lists i WHERE i.workspace_id = w.id) AS lists
FROM workspaces w WHERE w.name = 'large' OR w.name LIKE 'other %';

-- age: 1 three years ago, 0 now. The columns of each layer are settled before the next one uses them (OFFSET 0).
INSERT INTO todos (workspace_id, uid, title, description, status, priority, due_date, assignee_id, list_id, position,
    created_at,
    updated_at, completed_at, deleted_at)
SELECT workspace_id, uid, title, description, status, priority, due_date, assignee_id, list_id, extract(epoch
    FROM created_at),
    created_at, CASE WHEN deleted_at IS NOT NULL THEN deleted_at
        WHEN completed_at IS NOT NULL THEN completed_at
        ELSE created_at + power(touched, 4) * (now() - created_at) END,
    completed_at, deleted_at
FROM (
    SELECT *, CASE WHEN status = 'completed' THEN created_at + touched ^ 2 * (now() - created_at) END AS completed_at,
        created_at + due * interval '90 days' AS due_date
    FROM (
        SELECT p.id AS workspace_id, gen_random_uuid() AS uid, now() - age * interval '3 years' AS created_at,
            random() AS touched, CASE WHEN random() < 0.6 THEN random() END AS due,
            (ARRAY['Call', 'Write to', 'Pay', 'Visit', 'Thank', 'Remind'])[1 + floor(random() * 6)] || ' the '
                || (ARRAY['bank', 'plumber', 'school', 'landlord', 'garage', 'doctor', 'printer', 'lawyer', 'library',
                    'baker'])
                    [1 + floor(10 * random() ^ 2)] || ' about order-' || floor(random() * 5000)
                || CASE WHEN n % 50000 = 0 THEN ' zebra' ELSE '' END AS title,
            CASE WHEN random() < 0.3 THEN 'They said that it can wait until part-' || floor(300 * random() ^ 2)
                || ' is there, '
                || 'but not longer than the ' || (ARRAY['contract', 'warranty', 'permit'])[1 + floor(random() * 3)]
                    || ' runs.'
                END AS description,
            CASE WHEN random() < 0.15 + 0.6 * age THEN 'completed' WHEN random() < 0.05 THEN 'cancelled'
                WHEN random() < 0.2 THEN 'in_progress' ELSE 'pending' END AS status,
            1 + floor(4 * random() ^ 1.5) AS priority,
            CASE WHEN random() < 0.5 THEN p.staff[1 + floor(cardinality(p.staff) * random() ^ 3 * 0.95)]
                END AS assignee_id,
            CASE WHEN n / 100 % 10 < 6 THEN p.lists[1 + floor(cardinality(p.lists) * (n / 1000 % 10 / 10.0) ^ 4)]
                END AS list_id,
            CASE WHEN random() < 0.03 THEN now() - random() * interval '29 days' * least(1, age * 30) END AS deleted_at
        FROM (SELECT n, 1 - n / 1000000.0 AS age FROM generate_series(0, 999999) n OFFSET 0) row
        JOIN place p ON p.place = CASE WHEN n % 2 = 0 THEN 0 ELSE 1 + n / 2 % 49 END
        ORDER BY n
    ) drafted OFFSET 0
) dated;

-- Trees of five levels, one below the other, and one todo with more than 10,000 below it.
SET enable_nestloop = off;
DO $$ BEGIN
    FOR level IN 1 .. 4 LOOP
        UPDATE todos t SET parent_id = p.id, list_id = p.list_id
        FROM todos p WHERE p.workspace_id = t.workspace_id AND p.id = t.id - 2 AND p.deleted_at IS NULL
            AND t.deleted_at IS NULL
            AND (level = 1 OR p.parent_id IS NOT NULL) AND t.id / 2 % 100 = level AND p.id / 2 % 100 = level - 1;
    END LOOP;
END $$;
CREATE TEMP TABLE wide AS
SELECT t.workspace_id, t.id, t.list_id FROM todos t JOIN place p ON p.id = t.workspace_id AND p.place = 0
WHERE t.deleted_at IS NULL AND t.id / 2 % 100 = 50 ORDER BY t.id LIMIT 1;
UPDATE todos t SET parent_id = w.id, list_id = w.list_id
FROM wide w WHERE w.workspace_id = t.workspace_id AND t.deleted_at IS NULL AND t.id / 2 % 100 BETWEEN 60 AND 62;
RESET enable_nestloop;

INSERT INTO todo_tags (workspace_id, todo_id, tag_id)
SELECT DISTINCT t.workspace_id, t.id, p.tags[1 + floor(cardinality(p.tags) * 0.97 * random() ^ 4)]
FROM todos t JOIN place p ON p.id = t.workspace_id CROSS JOIN LATERAL generate_series(1, t.id % 4) n
ORDER BY 1, 2, 3;
-- A tag that hardly anything has.
INSERT INTO todo_tags (workspace_id, todo_id, tag_id)
SELECT t.workspace_id, t.id, p.tags[cardinality(p.tags)]
FROM todos t JOIN place p ON p.id = t.workspace_id WHERE t.title LIKE '%zebra';

INSERT INTO jobs (workspace_id, uid, kind, status, filter, change, created_at, finished_at)
SELECT p.id, gen_random_uuid(), 'todos.bulk', 'succeeded', '{"q":"x"}', '"complete"', now() - n * interval '1 minute',
    now()
FROM place p CROSS JOIN generate_series(1, CASE p.place WHEN 0 THEN 2000 ELSE 10 END) n;

DO $$ DECLARE one text; BEGIN FOR one IN SELECT back FROM aside ORDER BY step LOOP EXECUTE one; END LOOP; END $$;

-- What the functions that write would have counted.
INSERT INTO todo_counts (workspace_id, status, priority, shard, todos)
SELECT workspace_id, status, priority, 0, count(*) FROM todos WHERE deleted_at IS NULL GROUP BY 1, 2, 3;
INSERT INTO tag_counts (workspace_id, tag_id, shard, todos)
SELECT l.workspace_id, l.tag_id, 0, count(*)
FROM todo_tags l JOIN todos t ON t.workspace_id = l.workspace_id AND t.id = l.todo_id WHERE t.deleted_at IS NULL
    GROUP BY 1, 2;
INSERT INTO list_counts (workspace_id, list_id, shard, todos)
SELECT workspace_id, list_id, 0, count(*) FROM todos
WHERE deleted_at IS NULL AND list_id IS NOT NULL AND is_open_v1(status) GROUP BY 1, 2;
INSERT INTO completion_counts (workspace_id, hour, shard, todos)
SELECT workspace_id, date_trunc('hour', completed_at, 'UTC'), 0, count(*)
FROM todos WHERE deleted_at IS NULL AND completed_at > now() - interval '7 days 2 hours' GROUP BY 1, 2;

-- The log of a workspace in which each todo was changed once, 4,000 lines a transaction: a million lines in the large
-- one, some twenty thousand in each of the others.
INSERT INTO events (workspace_id, xid, type, subject, version, at, actor)
SELECT workspace_id, (3 + row_number() OVER (ORDER BY n, id) / 4000)::text::xid8,
    CASE n WHEN 1 THEN 'todo.created' ELSE 'todo.updated' END, uid, n,
        now() - interval '20 days' + id * interval '1 ms',
    'j:' || uid
FROM todos CROSS JOIN generate_series(1, 2) n;
