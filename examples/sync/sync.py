#!/usr/bin/env python3
"""Mirrors a workspace into a SQLite file, and sends what was edited offline. Needs Python 3.9 and nothing else.

    export TODO_URL=http://127.0.0.1:3000 TODO_TOKEN=tdo_…
    python3 sync.py sync                       # send, then fetch, until both sides are the same
    python3 sync.py follow                     # the same for ever, waiting for changes
    python3 sync.py add "Buy milk" priority=high
    python3 sync.py edit ID status=completed due_date=null
    python3 sync.py delete ID · restore ID · list · conflicts

`add`, `edit`, `delete`, `restore`, `list` and `conflicts` never use the network.

It may be killed at any moment. What a page of changes says is stored in one transaction with the cursor of the next page, so a
page is applied as a whole or fetched again. What is sent stays in the outbox until its answer is stored, and each request is
one that may be repeated. Why it does what it does, in the order of the code: store.py (what is kept), remote.py (HTTP), here (the
two directions).
"""

import json
import os
import sys
import time
import uuid

from remote import Away, Remote, Stop
from store import Store, field_of

WAIT = 25  # seconds that the service may hold an answer back until something changes
FIRST = "/api/v2/changes"


# ── From the service ──────────────────────────────────────────────────────────────────────────────────────────────────


def pull(remote, store, wait=0):
    """Applies pages until there are no more. First sync and every later one are the same loop."""
    while True:
        cursor = store.get("cursor")
        query = {"limit": 200}
        if cursor:
            query["cursor"] = cursor
            query["wait"] = wait
        answer = remote.call("GET", FIRST, query=query, timeout=wait + 30)
        if cursor and (answer.status == 410 or answer.code == "invalid_cursor"):
            # Too old, or of a database that was restored: everything that is not waiting to be sent comes anew.
            store.forget()
            continue
        page = answer.expect(200)
        with store.transaction():
            for item in page["items"]:
                store.apply(item)
            store.set("cursor", page["next_cursor"])
        if not page["more"]:
            time.sleep(answer.retry_after)  # As many wait there already as may.
            return
        wait = 0


def same_workspace(remote, store):
    """A cursor and an outbox belong to one workspace; a token may have been exchanged for one of another."""
    workspace = remote.call("GET", "/api/v2/me").expect(200)["workspace"]
    known = store.get("workspace")
    if known == workspace["id"]:
        return
    if known and store.outbox():
        raise Stop("the token is of another workspace, and edits of the former one are waiting; use another file")
    with store.transaction():
        store.clear()
        store.set("workspace", workspace["id"])


# ── To the service ────────────────────────────────────────────────────────────────────────────────────────────────────


def push(remote, store):
    """Sends the outbox in order. An edit that came too late is kept as a conflict, and the service's state stands."""
    for entry in store.outbox():
        outcome, problem = SENDERS[entry["action"]](remote, entry)
        with store.transaction():
            if problem:
                store.conflict(entry, problem)
            if outcome is not None:
                store.apply(outcome)
            store.sent(entry)


def item(todo):
    return {"type": "todo", "id": todo["id"], "version": todo["version"], "deleted": False, "data": todo}


def gone(entry):
    return {"type": "todo", "id": entry["todo"], "version": None, "deleted": True, "data": None}


def refused(answer):
    """Why the service will never take it; what may pass later has been raised before."""
    faults = "; ".join(f"{fault.get('pointer', '')} {fault['detail']}" for fault in answer.body.get("errors", []))
    return f"{answer.code}: {faults or answer.body.get('detail', answer.status)}"


def send_add(remote, entry):
    """The id was chosen here: a second attempt finds the todo of the first (412)."""
    path = f"/api/v2/todos/{entry['todo']}"
    answer = remote.call("PUT", path, entry["body"], {"If-None-Match": "*"})
    if answer.status == 412:
        answer = remote.call("GET", path)
    if answer.status == 404 or answer.code == "todo_deleted":  # Created by an earlier attempt and deleted since.
        return gone(entry), None
    return (item(answer.body), None) if answer.ok else (gone(entry), refused(answer))


def send_edit(remote, entry):
    """Reads, merges field by field, and writes only if nobody has written between (If-Match)."""
    path = f"/api/v2/todos/{entry['todo']}"
    while True:
        current = remote.call("GET", path)
        if current.status == 404:
            return gone(entry), "somebody has deleted the todo"
        todo = current.expect(200)
        patch, lost = merge(todo, entry["body"], entry["base"])
        problem = f"somebody has changed {', '.join(lost)}" if lost else None
        if not patch:
            return item(todo), problem
        answer = remote.call("PATCH", path, patch, {"If-Match": current.etag})
        if answer.status == 412:
            continue
        if answer.status == 404:
            return gone(entry), "somebody has deleted the todo"
        return (item(answer.body), problem) if answer.ok else (item(todo), refused(answer))


def merge(todo, wanted, base):
    """What is left to write, and the fields in which others were faster. A value that is as wanted needs no writing: an earlier
    attempt whose answer was lost has written it, or somebody had the same idea."""
    patch, lost = {}, []
    for name, value in wanted.items():
        now = field_of(todo, name)
        if now == field_of(wanted, name):
            continue
        if now == base[name]:
            patch[name] = value
        else:
            lost.append(name)
    return patch, lost


def send_delete(remote, entry):
    """Only in the version that was looked at."""
    path = f"/api/v2/todos/{entry['todo']}"
    current = remote.call("GET", path)
    if current.status == 404:
        return gone(entry), None
    todo = current.expect(200)
    if entry["base"]["version"] not in (None, todo["version"]):
        return item(todo), "somebody has changed the todo since, so it was not deleted"
    answer = remote.call("DELETE", path, headers={"If-Match": current.etag})
    if answer.status == 412:
        return send_delete(remote, entry)
    return (gone(entry), None) if answer.status in (204, 404) else (item(todo), refused(answer))


def send_restore(remote, entry):
    """A POST is made repeatable by its key, which was stored before the first attempt."""
    path = f"/api/v2/todos/{entry['todo']}/restore"
    answer = remote.call("POST", path, headers={"Idempotency-Key": entry["key"]})
    return (item(answer.body), None) if answer.ok else (gone(entry), refused(answer))


SENDERS = {"add": send_add, "edit": send_edit, "delete": send_delete, "restore": send_restore}


# ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def fields(arguments):
    """`name=value`; null, numbers and lists in JSON, everything else is text."""
    parsed = {}
    for argument in arguments:
        name, separator, text = argument.partition("=")
        if not separator:
            raise Stop(f"not name=value: {argument}")
        try:
            parsed[name] = json.loads(text)
        except ValueError:
            parsed[name] = text
    return parsed


def sync(remote, store):
    same_workspace(remote, store)
    push(remote, store)
    pull(remote, store)


def follow(remote, store):
    """For ever; where the service is away, with growing pauses."""
    pause = 1
    while True:
        try:
            sync(remote, store)
            while True:
                pull(remote, store, 0 if store.outbox() else WAIT)
                push(remote, store)
                pause = 1
        except Away as away:
            print(f"{away}; trying again in {away.pause or pause} s", file=sys.stderr)
            time.sleep(away.pause or pause)
            pause = min(pause * 2, 60)


def main(arguments):
    store = Store(os.environ.get("TODO_FILE", "todo.sqlite"))
    command, *rest = arguments or ["help"]
    if command in ("sync", "follow"):
        with store.alone():
            remote = Remote(os.environ["TODO_URL"], os.environ["TODO_TOKEN"])
            (sync if command == "sync" else follow)(remote, store)
    elif command == "add" and rest:
        body = {"title": rest[0], **fields(rest[1:])}
        print(store.enqueue("add", str(uuid.uuid4()), body))
    elif command == "edit" and len(rest) > 1:
        store.enqueue("edit", rest[0], fields(rest[1:]))
    elif command in ("delete", "restore") and len(rest) == 1:
        store.enqueue(command, rest[0], {})
    elif command == "list":
        for todo in store.todos():
            mark = "*" if todo["pending"] else " "
            print(f"{mark} {todo['id']}  {todo.get('status', 'pending'):11}  {todo['title']}")
    elif command == "conflicts":
        for conflict in store.conflicts():
            print(f"{conflict['todo']}  {conflict['action']} {conflict['body']}: {conflict['problem']}")
    else:
        print(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Stop, Away, KeyError) as error:
        sys.exit(f"sync: {error}")
