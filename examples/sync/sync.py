#!/usr/bin/env python3
"""Mirrors a workspace into a SQLite file, and sends what was edited offline. Needs Python 3.9 and nothing else.

    export TODO_URL=http://127.0.0.1:3000 TODO_TOKEN=tdo_…
    python3 sync.py sync                       # send, then fetch, until both sides are the same
    python3 sync.py follow                     # the same for ever, waiting for changes

Without the network:

    python3 sync.py add "Buy milk" priority=high list_id=LIST parent_id=ID
    python3 sync.py add-list "Garden" color=#118833
    python3 sync.py edit ID status=completed due_date=null      # or name=… archived=true of a list
    python3 sync.py move ID list=LIST parent=ID after=ID        # or before=ID, first, last
    python3 sync.py delete ID · restore ID
    python3 sync.py list · list --json · conflicts

It may be killed at any moment. What a page of changes says is stored in one transaction with the cursor of the next
page, so a page is applied as a whole or fetched again. What is sent stays in the outbox until its answer is stored, and
each request is one that may be repeated. Why it does what it does, in the order of the code: store.py (what is kept),
shown.py (what is shown), edits.py (what is edited here), remote.py (HTTP), send.py (to the service), here (from the
service, and the commands).
"""

import json
import os
import sys
import time

import edits
from edits import Refused
from remote import Away, Remote, Stop
from send import push
from shown import Shown
from store import Store

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


def print_tree(shown):
    """By list and in order, what is below a todo below it; * marks what is still to be sent."""
    for known in [None, *shown.ordered_lists()]:
        if known:
            archived = ", archived" if known["archived"] else ""
            print(f"{mark(known)} {known['id']}  {known['name']} ({known['count']} open{archived})")
        for depth, todo in shown.tree(known and known["id"]):
            subtasks = todo["subtasks"]
            below = f" ({subtasks['completed']}/{subtasks['total']})" if subtasks["total"] else ""
            print(f"{mark(todo)} {todo['id']}  {todo['status']:11}  {'  ' * depth}{todo['title']}{below}")


def mark(thing):
    return "*" if thing["pending"] else " "


def print_json(shown):
    ids = [None, *(known["id"] for known in shown.ordered_lists())]
    todos = [todo for id in ids for _, todo in shown.tree(id)]
    print(json.dumps({"lists": shown.ordered_lists(), "todos": todos}))


def main(arguments):
    store = Store(os.environ.get("TODO_FILE", "todo.sqlite"))
    command, *rest = arguments or ["help"]
    if command in ("sync", "follow"):
        with store.alone():
            remote = Remote(os.environ["TODO_URL"], os.environ["TODO_TOKEN"])
            (sync if command == "sync" else follow)(remote, store)
    elif command == "add" and rest:
        print(edits.add(store, "todo", {"title": rest[0], **fields(rest[1:])}))
    elif command == "add-list" and rest:
        print(edits.add(store, "list", {"name": rest[0], **fields(rest[1:])}))
    elif command == "edit" and len(rest) > 1:
        edits.edit(store, rest[0], fields(rest[1:]))
    elif command == "move" and len(rest) > 1:
        named = [f"place={word}" if word in ("first", "last") else word for word in rest[1:]]
        edits.move(store, rest[0], fields(named))
    elif command in ("delete", "restore") and len(rest) == 1:
        (edits.delete if command == "delete" else edits.restore)(store, rest[0])
    elif command == "list":
        with store.transaction():  # As of one moment, whatever `follow` stores.
            shown = Shown(store)
        (print_json if rest == ["--json"] else print_tree)(shown)
    elif command == "conflicts":
        for conflict in store.conflicts():
            print(f"{conflict['id']}  {conflict['action']} {conflict['body']}: {conflict['problem']}")
    else:
        print(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Stop, Away, Refused) as error:
        sys.exit(f"sync: {error}")
