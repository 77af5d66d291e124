#!/usr/bin/env bash
# What row-level security costs: the same statements by the tables' owner, whom policies do not bind, and by a role whom
# they do, in turns on the same data. Prints transactions per second, one line per protocol, statement and turn.
#
# DATABASE_URL names a database that is migrated and may be spoilt, on a server where its role may do everything: that
# of `cargo xtask up`, for example. The role and the functions made here stay in it.
set -euo pipefail
: "${DATABASE_URL:?names a migrated database that may be spoilt}"
turns="${1:-5}" seconds="${2:-8}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

psql "$DATABASE_URL" --quiet --no-psqlrc --set ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
DROP FUNCTION IF EXISTS plain_read, plain_page, plain_create, walled_read, walled_page, walled_create;
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'todo_walled') THEN
        CREATE ROLE todo_walled;
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO todo_walled;
GRANT ALL ON ALL TABLES IN SCHEMA public TO todo_walled;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO todo_walled;

-- 20 workspaces with 10,000 todos each: a tag in two, an assignee in four.
INSERT INTO workspaces (uid, name) SELECT gen_random_uuid(), 'measured ' || n FROM generate_series(1, 20) n
ON CONFLICT DO NOTHING;
INSERT INTO employees (workspace_id, uid, name, email)
SELECT id, gen_random_uuid(), 'Ada', 'ada@example.com' FROM workspaces WHERE name LIKE 'measured %'
ON CONFLICT DO NOTHING;
INSERT INTO tags (workspace_id, uid, name, folded)
SELECT id, gen_random_uuid(), 'home', 'home' FROM workspaces WHERE name LIKE 'measured %' ON CONFLICT DO NOTHING;
INSERT INTO todos (workspace_id, uid, title, description, priority, assignee_id, created_at)
SELECT w.id, gen_random_uuid(), 'todo ' || n, repeat('some words ', 20), 1 + n % 4,
    CASE WHEN n % 4 = 0 THEN e.id END, now() - n * interval '1 minute'
FROM workspaces w JOIN employees e ON e.workspace_id = w.id, generate_series(1, 10000) n
WHERE w.name LIKE 'measured %' AND NOT EXISTS (SELECT FROM todos t WHERE t.workspace_id = w.id);
INSERT INTO todo_tags SELECT t.workspace_id, t.id, g.id FROM todos t JOIN tags g ON g.workspace_id = t.workspace_id
WHERE t.id % 2 = 0 AND g.folded = 'home' ON CONFLICT DO NOTHING;
SELECT count_todos_v1(w.id, ARRAY(SELECT id FROM todos WHERE workspace_id = w.id), 1) FROM workspaces w
WHERE w.name LIKE 'measured %' AND NOT EXISTS (SELECT FROM todo_counts WHERE workspace_id = w.id);

-- Not forced: the owner goes on without.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['todos', 'tags', 'todo_tags', 'employees', 'departments'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('DROP POLICY IF EXISTS own_workspace ON %I', name);
        EXECUTE format(
            'CREATE POLICY own_workspace ON %I USING (workspace_id = current_setting(''app.workspace'')::bigint)',
            name);
    END LOOP;
    -- A view reads with its owner's rights unless it is told otherwise.
    FOR name IN SELECT viewname FROM pg_views WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER VIEW %I SET (security_invoker = true)', name);
    END LOOP;
END $$;

-- Each statement as the service sends it, alone and with the workspace told to the policies first.
CREATE FUNCTION plain_read(w bigint, i bigint) RETURNS text LANGUAGE plpgsql AS
    'BEGIN RETURN todo_find_v1(w, i, NULL); END';
CREATE FUNCTION plain_page(w bigint) RETURNS text LANGUAGE plpgsql AS
    'BEGIN RETURN todos_summarise_v1(w, ARRAY(SELECT id FROM todos WHERE workspace_id = w AND deleted_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 50)); END';
CREATE FUNCTION plain_create(w bigint) RETURNS text LANGUAGE plpgsql AS
    'BEGIN RETURN (todo_create_v1(w, NULL, NULL, NULL, false, gen_random_uuid(),
        ''{"title": "x", "status": "pending", "priority": 2,
        "tags": [{"name": "home", "folded": "home"}]}'')).outcome; END';
CREATE FUNCTION walled_read(w bigint, i bigint) RETURNS text LANGUAGE plpgsql AS
    'BEGIN PERFORM set_config(''app.workspace'', w::text, true); RETURN plain_read(w, i); END';
CREATE FUNCTION walled_page(w bigint) RETURNS text LANGUAGE plpgsql AS
    'BEGIN PERFORM set_config(''app.workspace'', w::text, true); RETURN plain_page(w); END';
CREATE FUNCTION walled_create(w bigint) RETURNS text LANGUAGE plpgsql AS
    'BEGIN PERFORM set_config(''app.workspace'', w::text, true); RETURN plain_create(w); END';
VACUUM ANALYZE;
SQL

range() { psql "$DATABASE_URL" --no-psqlrc --tuples-only --no-align --command "$1"; }
workspaces="$(range "SELECT min(id) || ' ' || max(id) FROM workspaces WHERE name LIKE 'measured %'")"
todos="$(range "SELECT min(id) || ' ' || max(id) FROM todos WHERE workspace_id = ${workspaces% *}")"
for kind in plain walled; do
  printf '\\set i random(%s)\nSELECT %s_read(%s, :i);\n' \
    "${todos/ /, }" "$kind" "${workspaces% *}" >"$folder/$kind-read"
  printf '\\set w random(%s)\nSELECT %s_page(:w);\n' "${workspaces/ /, }" "$kind" >"$folder/$kind-page"
  printf '\\set w random(%s)\nSELECT %s_create(:w);\n' "${workspaces/ /, }" "$kind" >"$folder/$kind-create"
done

measure() { # kind, statement, protocol
  local options=""
  [ "$1" = walled ] && options="-c role=todo_walled"
  PGOPTIONS="$options" pgbench "$DATABASE_URL" --no-vacuum --client 4 --jobs 1 --time "$seconds" --protocol "$3" \
    --file "$folder/$1-$2" 2>/dev/null | sed -n 's/^tps = \([0-9]*\).*/\1/p'
}

echo "protocol statement turn without with"
for protocol in extended prepared; do
  for statement in read page create; do
    for turn in $(seq "$turns"); do
      without="$(measure plain "$statement" "$protocol")"
      echo "$protocol $statement $turn $without $(measure walled "$statement" "$protocol")"
    done
  done
done
