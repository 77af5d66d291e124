"""The example against a stand-in of the service, which loses answers and is changed by others: `python3 -m unittest` in this
folder."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from store import Store  # noqa: E402


class Service:
    """What of the contract the example needs. A cursor is `epoch:lines of the log that were told`."""

    def __init__(self):
        self.workspace, self.epoch, self.life = str(uuid.uuid4()), 1, 10**9
        self.items, self.log, self.bin, self.keys, self.merged = {}, [], {}, {}, {}
        self.lock = threading.Lock()
        self.lose = 0  # the answer to every so many-th write is lost; 0: none
        self.writes = 0
        self.delay = 0.0
        self.calls = []

    def write(self, kind, id, data):
        version = self.items.get((kind, id), {"version": 0})["version"] + 1
        self.items[kind, id] = {"version": version, "data": data and {**data, "id": id, "version": version}}
        self.log.append((kind, id))

    def todo(self, title, id=None, **more):
        id = id or str(uuid.uuid4())
        usual = {"status": "pending", "priority": "medium", "description": None, "due_date": None, "tags": [], "assignee": None}
        self.write("todo", id, {**usual, "title": title, **more})
        return id

    def tag_id(self, name):
        known = (id for (kind, id), tag in self.items.items() if kind == "tag" and (tag["data"] or {}).get("name") == name)
        return next(known, name)

    def changes(self, query):
        epoch, told = query.get("cursor", f"{self.epoch}:0").split(":")
        told = int(told)
        if epoch != str(self.epoch) or len(self.log) - told > self.life:
            return 410, {"code": "resync_required", "detail": "begin without a cursor"}
        lines = self.log[told : told + 3]
        items = []
        for kind, id in dict.fromkeys(lines):
            now = self.items[kind, id]
            shown = {"type": kind, "id": id, "version": now["version"], "deleted": now["data"] is None, "data": now["data"]}
            if kind == "todo" and now["data"]:
                shown["tag_ids"] = [self.tag_id(name) for name in now["data"]["tags"]]
            if id in self.merged:
                shown["replaced_by"] = self.merged[id]
            items.append(shown)
        told += len(lines)
        return 200, {"items": items, "next_cursor": f"{self.epoch}:{told}", "more": told < len(self.log)}

    def answer(self, method, path, query, headers, body):
        if path == "/api/v2/me":
            return 200, {"workspace": {"id": self.workspace, "name": "test"}}
        if path == "/api/v2/changes":
            return self.changes(query)
        id = path.split("/")[4]
        now = self.items.get(("todo", id), {"data": None, "version": 0})
        if method == "POST":
            key = headers["Idempotency-Key"]
            if key not in self.keys:
                self.write("todo", id, self.bin.pop(id))
                self.keys[key] = self.items["todo", id]["data"]
            return 200, self.keys[key]
        if method == "PUT":
            if now["data"]:
                return 412, {"code": "todo_exists", "detail": "it exists"}
            if not body["title"]:
                return 422, {"code": "invalid_body", "detail": "x", "errors": [{"pointer": "/title", "detail": "is empty"}]}
            self.todo(id=id, **body)
            return 201, self.items["todo", id]["data"]
        if now["data"] is None:
            return 404, {"code": "todo_not_found", "detail": "todo not found"}
        if method == "GET":
            return 200, now["data"]
        if headers["If-Match"] != f'"{now["version"]}-x"':
            return 412, {"code": "stale_version", "detail": "stale"}
        if method == "DELETE":
            self.bin[id] = now["data"]
            self.write("todo", id, None)
            return 204, None
        self.write("todo", id, {**now["data"], **body})
        return 200, self.items["todo", id]["data"]

    def serve(service):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                split = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(split.query).items()}
                text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                time.sleep(service.delay)
                with service.lock:
                    service.calls.append(f"{self.command} {split.path}")
                    body = json.loads(text) if text else None
                    status, answer = service.answer(self.command, split.path, query, self.headers, body)
                    service.writes += self.command != "GET"
                    lost = service.lose and self.command != "GET" and service.writes % service.lose == 0
                if lost:
                    self.close_connection = True
                    return
                content = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if isinstance(answer, dict) and "version" in answer:
                    self.send_header("ETag", f'"{answer["version"]}-x"')
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


class SyncTest(unittest.TestCase):
    def setUp(self):
        self.service = Service()
        self.server = self.service.serve()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "todo.sqlite")

    def start(self, *arguments):
        url = f"http://127.0.0.1:{self.server.server_port}"
        env = {**os.environ, "TODO_URL": url, "TODO_TOKEN": "tdo_x", "TODO_FILE": self.file}
        command = [sys.executable, str(HERE / "sync.py"), *arguments]
        return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run_(self, *arguments, fails=False):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode != 0, fails, err)
        return err.strip() if fails else out.strip()

    def mirrored(self):
        """What the file holds is what the service holds."""
        store = Store(self.file)
        self.addCleanup(store.db.close)
        held = {(row["type"], row["id"]): json.loads(row["data"]) for row in store.db.execute("SELECT * FROM items")}
        self.assertEqual(held, {key: now["data"] for key, now in self.service.items.items() if now["data"]})
        self.assertEqual(store.outbox(), [])
        return store

    def test_a_first_sync_and_every_later_one_give_the_state_of_the_service(self):
        ids = [self.service.todo(f"todo {number}") for number in range(10)]
        self.run_("sync")
        self.mirrored()
        self.service.todo("changed", ids[0])
        self.service.write("todo", ids[1], None)
        self.service.todo("new")
        self.run_("sync")
        self.mirrored()
        self.run_("sync")
        self.assertEqual(self.service.calls[-1], "GET /api/v2/changes")

    def test_a_killed_sync_loses_nothing(self):
        for number in range(60):
            self.service.todo(f"todo {number}")
        added = [self.run_("add", f"offline {number}") for number in range(10)]
        self.service.delay, self.service.lose = 0.01, 3
        for _ in range(12):
            process = self.start("sync")
            time.sleep(random.uniform(0.1, 0.5))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        self.service.delay = self.service.lose = 0
        self.run_("sync")
        self.assertEqual(self.mirrored().conflicts(), [])
        for number, id in enumerate(added):
            self.assertEqual(self.service.items["todo", id]["data"]["title"], f"offline {number}")
        self.assertEqual(len(self.service.items), 70, "nothing was added twice")

    def test_lost_answers_do_nothing_twice(self):
        ids = [self.service.todo(f"todo {number}") for number in range(6)]
        self.run_("sync")
        for id in ids[:3]:
            self.run_("edit", id, "priority=high", 'tags=["home"]')
        self.run_("delete", ids[3])
        self.service.lose = 2
        self.run_("sync")
        self.run_("restore", ids[3])
        self.run_("sync")
        self.assertEqual(self.mirrored().conflicts(), [])
        versions = [self.service.items["todo", id]["version"] for id in ids]
        self.assertEqual(versions, [2, 2, 2, 3, 1, 1])

    def test_edits_of_other_fields_are_merged_and_of_the_same_field_the_first_stays(self):
        id = self.service.todo("milk")
        self.run_("sync")
        self.run_("edit", id, "title=bread", "priority=high")
        self.service.write("todo", id, {**self.service.items["todo", id]["data"], "title": "oat milk", "status": "completed"})
        self.run_("sync")
        todo = self.service.items["todo", id]["data"]
        self.assertEqual((todo["title"], todo["priority"], todo["status"]), ("oat milk", "high", "completed"))
        self.mirrored()
        self.assertIn("somebody has changed title", self.run_("conflicts"))

    def test_what_was_added_offline_can_be_edited_and_deleted_offline(self):
        first, second = self.run_("add", "first"), self.run_("add", "second")
        self.run_("edit", first, "status=in_progress", "title=First")
        self.assertIn("in_progress  First", self.run_("list"))
        self.run_("edit", second, "priority=low")
        self.run_("delete", second)
        self.assertNotIn(second, self.run_("list"))
        self.run_("sync")
        self.assertEqual(self.mirrored().conflicts(), [])
        self.assertEqual(self.service.items["todo", first]["data"]["title"], "First")
        self.assertIsNone(self.service.items["todo", second]["data"])

    def test_a_deletion_that_others_have_overtaken_is_not_made(self):
        id = self.service.todo("milk")
        self.run_("sync")
        self.run_("delete", id)
        self.service.todo("oat milk", id)
        self.run_("sync")
        self.assertEqual(self.service.items["todo", id]["data"]["title"], "oat milk")
        self.assertIn("was not deleted", self.run_("conflicts"))

    def test_what_the_service_refuses_does_not_stop_the_rest(self):
        self.run_("add", "")
        good = self.run_("add", "good")
        self.run_("sync")
        self.mirrored()
        self.assertIn("invalid_body: /title is empty", self.run_("conflicts"))
        self.assertEqual(self.service.items["todo", good]["data"]["title"], "good")

    def test_a_cursor_that_is_too_old_begins_anew_and_keeps_what_waits(self):
        ids = [self.service.todo(f"todo {number}") for number in range(5)]
        self.run_("sync")
        self.run_("edit", ids[0], "title=mine")
        self.service.epoch += 1
        del self.service.items["todo", ids[4]]
        self.service.log = list(self.service.items)
        self.run_("sync")
        self.mirrored()
        self.assertEqual(self.service.items["todo", ids[0]]["data"]["title"], "mine")

    def test_a_token_of_another_workspace_never_mixes_two(self):
        self.service.todo("milk")
        self.run_("sync")
        self.run_("add", "waiting")
        self.service.workspace = str(uuid.uuid4())
        self.assertIn("of another workspace", self.run_("sync", fails=True))
        self.assertEqual(len(Store(self.file).outbox()), 1)
        os.remove(self.file)
        self.run_("sync")
        self.mirrored()

    def test_copies_of_names_follow_their_owners(self):
        self.service.write("tag", "t1", {"name": "House"})
        self.service.write("employee", "e1", {"name": "Ada", "email": "a@example.com", "department": None})
        person = {"id": "e1", "name": "Ada", "email": "a@example.com", "department": None}
        id = self.service.todo("milk", tags=["House", "shop"], assignee=person)
        self.run_("sync")
        self.service.write("tag", "t1", {"name": "Home"})
        self.service.write("employee", "e1", {"name": "Ada King", "email": "a@example.com", "department": None})
        self.run_("sync")
        todo = Store(self.file).item("todo", id)
        self.assertEqual((todo["tags"], todo["assignee"]["name"]), (["Home", "shop"], "Ada King"))
        self.service.write("tag", "t2", {"name": "Errands"})
        self.service.merged["t1"] = "t2"
        self.service.write("tag", "t1", None)
        self.run_("sync")
        self.assertEqual(Store(self.file).item("todo", id)["tags"], ["Errands", "shop"])
        # A name that is free again is another tag's; the one that is told later does not take it away.
        self.service.write("tag", "t3", {"name": "Home"})
        other = self.service.todo("bread", tags=["Home"])
        self.run_("sync")
        self.service.write("tag", "t2", None)
        self.run_("sync")
        self.assertEqual(Store(self.file).item("todo", other)["tags"], ["Home"])
        self.assertEqual(Store(self.file).item("todo", id)["tags"], ["shop"])


if __name__ == "__main__":
    unittest.main()
