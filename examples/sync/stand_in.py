"""A stand-in of the service for the tests: what of the contract the example needs. It loses answers if it is told
to."""

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


def invalid(pointer, detail):
    return 422, {"code": "invalid_body", "detail": "x", "errors": [{"pointer": pointer, "detail": detail}]}


class Service:
    """A cursor is `epoch:lines of the log that were told`."""

    def __init__(self):
        self.workspace, self.epoch, self.life = str(uuid.uuid4()), 1, 10**9
        self.items, self.log, self.bin, self.keys, self.merged = {}, [], {}, {}, {}
        self.lock = threading.Lock()
        self.lose = 0  # the answer to every so many-th write is lost; 0: none
        self.writes = 0
        self.before = {}  # by "METHOD path": the status and headers that something before the service answers, once
        self.delay = 0.0
        self.calls = []

    # ── What it holds ─────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, kind, id, data):
        version = self.items.get((kind, id), {"version": 0})["version"] + 1
        stamp = f"2030-01-01T00:00:00.{len(self.log):06}Z"
        changed = {"id": id, "version": version, "updated_at": stamp}
        self.items[kind, id] = {"version": version, "data": data and {"created_at": stamp, **data, **changed}}
        self.log.append((kind, id))

    def todo(self, title, id=None, **more):
        id = id or str(uuid.uuid4())
        usual = {"status": "pending", "completed": False, "priority": "medium", "description": None, "due_date": None}
        place = {"list_id": None, "parent_id": None, "position": time.time()}
        self.write("todo", id, {**usual, "tags": [], "assignee": None, **place, "title": title, **more})
        return id

    def list(self, name, id=None, **more):
        id = id or str(uuid.uuid4())
        self.write("list", id, {"color": None, "position": 1, "archived": False, "name": name, **more})
        return id

    def data(self, kind, id):
        return self.items.get((kind, id), {"data": None})["data"]

    def live(self, kind):
        return [item["data"] for (known, _), item in self.items.items() if known == kind and item["data"]]

    def below(self, id):
        ids = [id]
        for known in ids:
            ids += [todo["id"] for todo in self.live("todo") if todo["parent_id"] == known]
        return ids

    def edit(self, id, **fields):
        """What somebody else changes of a todo; the list of what is below follows."""
        self.write("todo", id, {**self.data("todo", id), **fields})
        list_id = self.data("todo", id)["list_id"]
        for child in self.below(id)[1:]:
            if self.data("todo", child)["list_id"] != list_id:
                self.write("todo", child, {**self.data("todo", child), "list_id": list_id})

    def delete(self, id):
        self.bin[id] = {known: self.data("todo", known) for known in self.below(id)}
        for known in self.bin[id]:
            self.write("todo", known, None)

    def tag_id(self, name):
        return next((tag["id"] for tag in self.live("tag") if tag["name"] == name), name)

    # ── What it answers ───────────────────────────────────────────────────────────────────────────────────────────────

    def changes(self, query):
        epoch, told = query.get("cursor", f"{self.epoch}:0").split(":")
        told = int(told)
        if epoch != str(self.epoch) or len(self.log) - told > self.life:
            return 410, {"code": "resync_required", "detail": "begin without a cursor"}
        lines = self.log[told : told + 3]
        items = []
        for kind, id in dict.fromkeys(lines):
            now = self.items[kind, id]
            shown = {"type": kind, "id": id, "version": now["version"],
                     "deleted": now["data"] is None, "data": now["data"]}
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
        if path == "/api/v2/todos":
            return 200, {"items": [self.data("todo", id) for id in self.below(query["root"])], "next_cursor": None}
        _, _, _, kinds, id, *action = path.split("/")
        kind = kinds[:-1]
        now = self.items.get((kind, id), {"data": None, "version": 0})
        stale = headers.get("If-Match") not in (None, f'"{now["version"]}-x"')
        key = headers.get("Idempotency-Key")
        if key in self.keys:
            return 200, self.keys[key]
        if method == "PUT" and now["data"]:
            return 412, {"code": f"{kind}_exists", "detail": "it exists"}
        if method != "PUT" and now["data"] is None and action != ["restore"]:
            return 404, {"code": f"{kind}_not_found", "detail": "it is not there"}
        if stale:
            return 412, {"code": "stale_version", "detail": "stale"}
        if method != "GET":
            problem = self.problem(kind, id, now["data"], method, body)
            if problem:
                return problem
        if method == "DELETE":
            self.delete(id) if kind == "todo" else self.write("list", id, None)
            return 204, None
        if action == ["restore"]:
            for known, data in self.bin.pop(id).items():
                self.write("todo", known, data)
        elif action == ["move"]:
            self.move(id, body)
        elif kind == "list" and method != "GET":
            self.write("list", id, {"color": None, "archived": False, **(now["data"] or {}), **body})
        elif method == "PUT":
            self.todo(id=id, **{**body, "list_id": self.home(None, body)})
        elif method == "PATCH" and any(now["data"].get(name) != value for name, value in body.items()):
            self.edit(id, **{**body, "list_id": self.home(now["data"], body)})
        if key:
            self.keys[key] = self.data(kind, id)
        return 201 if method == "PUT" else 200, self.data(kind, id)

    def home(self, now, body):
        """The list of a todo after a write."""
        parent = body.get("parent_id", now and now["parent_id"])
        return self.data("todo", parent)["list_id"] if parent else body.get("list_id", now and now["list_id"])

    def problem(self, kind, id, now, method, body):
        if kind == "list":
            others = [known for known in self.live("list") if known["id"] != id]
            if method == "DELETE" and any(todo["list_id"] == id for todo in self.live("todo")):
                return 409, {"code": "list_not_empty", "detail": "todos are in it"}
            if body and any(known["name"].casefold() == body.get("name", "").casefold() for known in others):
                return 409, {"code": "list_name_taken", "detail": "there is such a list"}
            return None
        if method == "DELETE" or body is None:
            return None
        if body.get("title") == "":
            return invalid("/title", "is empty")
        if body.get("parent_id") and self.data("todo", body["parent_id"]) is None:
            return invalid("/parent_id", "there is no such todo")
        if body.get("parent_id") in self.below(id):
            return invalid("/parent_id", "it is below itself")
        home = self.home(now, body)
        if body.get("list_id", home) != home or home and self.data("list", home) is None:
            return invalid("/list_id", "there is no such list, or it is not that of the parent")
        if home and self.data("list", home)["archived"]:
            return 409, {"code": "list_archived", "detail": "it is archived"}
        return None

    def move(self, id, body):
        """First or after another todo; to make room the siblings get other positions."""
        place = {"parent_id": body.get("parent_id"), "list_id": self.home(self.data("todo", id), body)}
        is_there = (todo for todo in self.live("todo")
                    if all(todo[name] == place[name] for name in place) and todo["id"] != id)
        order = [todo["id"] for todo in sorted(is_there, key=lambda todo: (todo["position"], todo["created_at"]))]
        order.insert(order.index(body["after"]) + 1 if "after" in body else 0, id)
        for position, known in enumerate(order, -10):
            self.edit(known, position=position, **(place if known == id else {}))

    def serve(service):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                split = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(split.query).items()}
                text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                time.sleep(service.delay)
                if f"{self.command} {split.path}" in service.before:
                    return self.respond(*service.before.pop(f"{self.command} {split.path}"), b"default backend - 404")
                with service.lock:
                    service.calls.append(f"{self.command} {split.path}")
                    body = json.loads(text) if text else None
                    status, answer = service.answer(self.command, split.path, query, self.headers, body)
                    service.writes += self.command != "GET"
                    lost = service.lose and self.command != "GET" and service.writes % service.lose == 0
                if lost:
                    self.close_connection = True
                    return
                headers = {"ETag": f'"{answer["version"]}-x"'} if answer and "version" in answer else {}
                self.respond(status, headers, b"" if answer is None else json.dumps(answer).encode())

            def respond(self, status, headers, content):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server
