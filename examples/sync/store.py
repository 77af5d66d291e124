"""What is kept in the SQLite file: the last known state of everything, the cursor, and what is still to be sent.

The state of the service (`items`) and what was edited here (`outbox`) are apart, and only shown together (shown.py): so
whatever comes from the service is simply stored, and an edit that is refused needs no undoing.
"""

import fcntl
import json
import sqlite3
import uuid
from contextlib import contextmanager

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS items (
    type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER, data TEXT NOT NULL,
    tag_ids TEXT,  -- of a todo: the tags whose names it shows, in their order
    PRIMARY KEY (type, id)
);
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,  -- 'todo' or 'list'
    action TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
    base TEXT NOT NULL,  -- what the edit was made upon, as it was shown
    key  TEXT NOT NULL   -- the idempotency key
);
CREATE TABLE IF NOT EXISTS conflicts (kind TEXT, action TEXT, id TEXT, body TEXT, problem TEXT);
"""


class Store:
    """The file."""

    def __init__(self, path):
        self.path = path
        # Transactions are begun here alone, and a write waits for that of another process.
        self.db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.db.row_factory = sqlite3.Row
        self.db.executescript(SCHEMA)

    @contextmanager
    def alone(self):
        """One process at a time speaks with the service. The lock ends with the process, however that ends."""
        with open(self.path + ".lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def transaction(self):
        """All or nothing, also if the process is killed."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def get(self, name):
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row and row["value"]

    def set(self, name, value):
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # ── What the service says ─────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, item):
        """An item of the feed, the state of one thing, whole: it is stored or removed, and twice is as good as once."""
        key = (item["type"], item["id"])
        before = self.item(*key)
        if item["deleted"]:
            self.db.execute("DELETE FROM items WHERE type = ? AND id = ?", key)
        else:
            row = (*key, item["version"], json.dumps(item["data"]), json.dumps(item.get("tag_ids", [])))
            self.db.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?)", row)
        if item["type"] == "tag":
            self.retag(item["id"], item["data"], item.get("replaced_by"))
        elif before:
            self.rename(item["type"], item["data"])

    def learn(self, kind, id, data):
        """What an answer tells of a todo or a list, None if it is gone.

        An answer does not name the ids of tags. In the version that is known it tells nothing new, and what is known
        stays; in a newer one the todo comes again in the feed, with them."""
        known = self.item(kind, id)
        if data and known and data["version"] <= known["version"]:
            return
        if data:
            data = {name: value for name, value in data.items() if name != "count"}  # Of a list: it changes without it.
        version = data and data["version"]
        self.apply({"type": kind, "id": id, "version": version, "deleted": data is None, "data": data})

    def retag(self, id, tag, successor):
        """Todos show names of tags, and do not come again when only a name has changed. By the ids, not by the names:
        another tag may have got the name meanwhile."""
        if tag is None and successor:
            # It became one with that tag, which may come later than this: until then it is shown under the old name.
            tag = self.item("tag", successor) or {"id": successor}
        query = "SELECT id, data, tag_ids FROM items WHERE type = 'todo' AND instr(tag_ids, ?) > 0"
        for row in self.db.execute(query, (id,)).fetchall():
            todo, ids = json.loads(row["data"]), json.loads(row["tag_ids"])
            tags = dict(zip(ids, todo["tags"]))
            former = tags.pop(id)
            if tag:
                tags.setdefault(tag["id"], former)
                tags[tag["id"]] = tag.get("name", tags[tag["id"]])
            tags = sorted(tags.items(), key=lambda pair: pair[1].casefold())
            todo["tags"] = [name for _, name in tags]
            update = "UPDATE items SET data = ?, tag_ids = ? WHERE type = 'todo' AND id = ?"
            self.db.execute(update, (json.dumps(todo), json.dumps([known for known, _ in tags]), row["id"]))

    def rename(self, kind, after):
        """The same of people and departments, which todos and employees show whole."""
        if kind == "employee" and after:
            for todo in self.all("todo"):
                if (todo["assignee"] or {}).get("id") == after["id"]:
                    todo["assignee"] = {name: after.get(name) for name in ("id", "name", "email", "department")}
                    self.put("todo", todo)
        if kind == "department" and after:
            copy = {"id": after["id"], "name": after["name"]}
            for employee in self.all("employee"):
                if (employee["department"] or {}).get("id") == after["id"]:
                    employee["department"] = copy
                    self.put("employee", employee)
            for todo in self.all("todo"):
                if ((todo["assignee"] or {}).get("department") or {}).get("id") == after["id"]:
                    todo["assignee"]["department"] = copy
                    self.put("todo", todo)

    def item(self, kind, id):
        row = self.db.execute("SELECT data FROM items WHERE type = ? AND id = ?", (kind, id)).fetchone()
        return row and json.loads(row["data"])

    def all(self, kind):
        return [json.loads(row["data"]) for row in self.db.execute("SELECT data FROM items WHERE type = ?", (kind,))]

    def put(self, kind, data):
        self.db.execute("UPDATE items SET data = ? WHERE type = ? AND id = ?", (json.dumps(data), kind, data["id"]))

    def forget(self):
        """Before everything comes anew: only what has edits to be sent is kept, to be shown meanwhile."""
        with self.transaction():
            self.db.execute("DELETE FROM items WHERE id NOT IN (SELECT id FROM outbox)")
            self.db.execute("DELETE FROM meta WHERE name = 'cursor'")

    def clear(self):
        for table in ("items", "meta", "conflicts"):
            self.db.execute(f"DELETE FROM {table}")

    # ── What was edited here ──────────────────────────────────────────────────────────────────────────────────────────

    def enqueue(self, kind, action, id, body, base, key=None):
        """Notes an edit, with what is needed to send it as often as it takes."""
        row = (kind, action, id, json.dumps(body), json.dumps(base), key or str(uuid.uuid4()))
        self.db.execute("INSERT INTO outbox (kind, action, id, body, base, key) VALUES (?, ?, ?, ?, ?, ?)", row)

    def outbox(self):
        rows = self.db.execute("SELECT * FROM outbox ORDER BY number").fetchall()
        return [{**dict(row), "body": json.loads(row["body"]), "base": json.loads(row["base"])} for row in rows]

    def rebase(self, entry):
        update = "UPDATE outbox SET base = ? WHERE number = ?"
        self.db.execute(update, (json.dumps(entry["base"]), entry["number"]))

    def drop(self, entry):
        self.db.execute("DELETE FROM outbox WHERE number = ?", (entry["number"],))

    def conflict(self, entry, problem):
        row = (entry["kind"], entry["action"], entry["id"], json.dumps(entry["body"]), problem)
        self.db.execute("INSERT INTO conflicts VALUES (?, ?, ?, ?, ?)", row)

    def conflicts(self):
        return [dict(row) for row in self.db.execute("SELECT * FROM conflicts")]
