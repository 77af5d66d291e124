#!/usr/bin/env bash
# What the log of changes costs: the same statements with its lines and without them, in turns on the same data. Prints
# the mean time of a statement in milliseconds, one line per statement and turn.
#
# DATABASE_URL names a database that is migrated and may be spoilt, on a server where its role may do everything: that
# of `cargo xtask up`, for example. What is made here stays in it; the log writes again when the script ends.
set -euo pipefail
: "${DATABASE_URL:?names a migrated database that may be spoilt}"
turns="${1:-5}" seconds="${2:-8}"
folder="$(mktemp -d)"
run() { psql "$DATABASE_URL" --quiet --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 "$@"; }
lines() { run --command "ALTER TABLE events $1 TRIGGER no_lines"; }
trap 'lines DISABLE; rm -rf "$folder"' EXIT

run --file "$(dirname "${BASH_SOURCE[0]}")/no-lines.sql"
run <<'SQL'
SET client_min_messages = warning;
SET statement_timeout = 0;
INSERT INTO workspaces (uid, name) VALUES (gen_random_uuid(), 'measured log') ON CONFLICT DO NOTHING;
INSERT INTO todos (workspace_id, uid, title, description, priority, created_at)
SELECT w.id, gen_random_uuid(), 'todo ' || n, repeat('some words ', 20), 1 + n % 4, now() - n * interval '1 minute'
FROM workspaces w, generate_series(1, 100000) n
WHERE w.name = 'measured log' AND NOT EXISTS (SELECT FROM todos t WHERE t.workspace_id = w.id);
SELECT count_todos_v1(w.id, ARRAY(SELECT id FROM todos WHERE workspace_id = w.id), 1) FROM workspaces w
WHERE w.name = 'measured log' AND NOT EXISTS (SELECT FROM todo_counts c WHERE c.workspace_id = w.id);
VACUUM ANALYZE;
SQL
w="$(run --command "SELECT id FROM workspaces WHERE name = 'measured log'")"
todos="$(run --command "SELECT min(id) || ', ' || max(id) FROM todos WHERE workspace_id = $w")"

# A statement as the service sends it: by whom, the workspace, its arguments.
as="FROM as_actor_v1($w, 't:7a3f0b52-7d63-4a4c-9a3c-5a0f2f6c1d11', 'measured') AS w (workspace)"
new='{"title": "x", "status": "pending", "priority": 2, "tags": [TAG]}'
tag='{"name": "home", "folded": "home", "uid": "0198c1de-0000-7000-8000-000000000001"}'
create() {
  local todo=${new/TAG/$1}
  echo "SELECT outcome $as, LATERAL todo_create_v1(w.workspace, NULL, NULL, NULL, false, gen_random_uuid(), '$todo');"
}
create "" >"$folder/create"
create "$tag" >"$folder/create-with-tag"
{
  printf '\\set i random(%s)\n\\set p random(1, 4)\n' "$todos"
  echo "SELECT outcome $as, LATERAL todo_update_v1(w.workspace, NULL, NULL, NULL, false, :i, NULL, NULL," \
    "jsonb_build_object('update', jsonb_build_object('priority', :p::int)));"
} >"$folder/patch"
# As the worker does it, 2,000 todos at once.
{
  printf '\\set i random(%s)\n\\set p random(1, 4)\n' "$todos"
  echo "SELECT c.outcome $as, LATERAL change_todos_v1(w.workspace, ARRAY(SELECT id FROM todos WHERE workspace_id = $w" \
    "AND id >= :i ORDER BY id LIMIT 2000)," \
    "jsonb_build_object('set_priority', (ARRAY['low', 'medium', 'high', 'urgent'])[:p::int]), NULL, 20, false) c;"
} >"$folder/chunk"

measure() { # statement
  pgbench "$DATABASE_URL" --no-vacuum --client 1 --time "$seconds" --protocol prepared --file "$folder/$1" 2>/dev/null |
    sed -n 's/^latency average = \([0-9.]*\) ms$/\1/p'
}

echo "statement turn without with"
for statement in create create-with-tag patch chunk; do
  for turn in $(seq "$turns"); do
    lines ENABLE
    without="$(measure "$statement")"
    lines DISABLE
    echo "$statement $turn $without $(measure "$statement")"
  done
done
