"""What is edited here, with or without a network: looked at as the service will look at it, and put into the outbox."""

import math
import time
import uuid

from shown import LEVELS, NEW, PLACE, Shown, field_of, place_of


class Refused(Exception):
    """An edit that the service would refuse."""


def add(store, kind, body):
    """Gives the id, which is chosen here. The position is chosen, too, so that what is added here next comes after it:
    the seconds now, as the service does."""
    id = str(uuid.uuid4())
    with store.transaction():
        shown = Shown(store)
        body = {**body, "position": now() if body.get("position") is None else body["position"]}
        base = {"list_id": check_place(shown, {**NEW["todo"], "id": id}, body)} if kind == "todo" else {}
        store.enqueue(kind, "add", id, body, base)
    return id


def edit(store, id, body):
    with store.transaction():
        shown = Shown(store)
        kind, thing = find(shown, id)
        base = {name: field_of(thing, name) for name in body if kind == "list" or name not in PLACE}
        if kind == "todo":
            list_id = check_place(shown, thing, body)
            if any(name in body for name in PLACE):
                base["place"] = place_of(thing)
            if "parent_id" in body and body["parent_id"] is None:
                body = {**body, "list_id": list_id}  # As it is shown, wherever others have taken the parent since.
        store.enqueue(kind, "edit", id, body, base)


def move(store, id, to):
    """Into another list, below another todo, or elsewhere among the siblings; to: `list`, `parent`, one of `after`,
    `before` and `place` (first, last)."""
    if to.keys() - {"list", "parent", "after", "before", "place"} or len(to.keys() & {"after", "before", "place"}) > 1:
        raise Refused("a move takes list, parent, and one of after, before, first and last")
    with store.transaction():
        shown = Shown(store)
        todo = of_todo(shown, id)
        anchor_id = to.get("after") or to.get("before")
        there = of_todo(shown, anchor_id) if anchor_id else todo
        parent_id = to.get("parent", None if "list" in to else there["parent_id"])
        body = {"parent_id": parent_id} if parent_id else None
        body = body or {"parent_id": None, "list_id": to.get("list", there["list_id"])}
        check_place(shown, todo, body)
        siblings = [other for other in shown.ordered.get(parent_id or body["list_id"], []) if other["id"] != id]
        if anchor_id and there not in siblings:
            raise Refused(f"{anchor_id} is not a sibling there")
        action, base = "edit", {"place": place_of(todo)}
        if anchor_id or "place" in to:
            if anchor_id:
                at = siblings.index(there) + ("after" in to)
            else:
                at = 0 if to["place"] == "first" else len(siblings)
            former, next = siblings[at - 1] if at else None, siblings[at] if at < len(siblings) else None
            position = between(former and former["position"], next and next["position"])
            if position is None or (parent_id or body["list_id"]) in shown.crowded:
                # The service makes room, which moves the siblings. From then on nobody here knows their numbers.
                action, base["position"] = "move", former["position"] if former else position
                body.update({"after": former["id"]} if former else {"place": "first"})
            else:
                body["position"] = position
        store.enqueue("todo", action, id, body, base)


def delete(store, id):
    """With all that is shown below it. The deletion carries one's own edits of that: those of what it leaves are sent
    after it."""
    with store.transaction():
        shown = Shown(store)
        kind, _ = find(shown, id)
        ids = shown.below(id) if kind == "todo" else {id}
        if kind == "list" and shown.ordered.get(id):
            raise Refused("there are todos in the list")
        carried = []
        for entry in store.outbox():
            # Those that bring something below it are sent before the deletion.
            edits = entry["action"] in ("edit", "move") and entry["id"] in ids
            if edits and (entry["id"] == id or "parent_id" not in entry["body"]):
                store.drop(entry)
                carried.append(entry)
        things = Shown(store).things(kind)
        base = {other: stamp(store, kind, things[other]) for other in ids}
        store.enqueue(kind, "delete", id, {"edits": carried}, base)


def stamp(store, kind, shown):
    """The state in which something was deleted; None if one's own edits, which are sent before, are still to change
    it."""
    known = store.item(kind, shown["id"])
    return known["updated_at"] if known and known.get("list_id") == shown.get("list_id") else None


def restore(store, id):
    try:
        id = str(uuid.UUID(id))  # It becomes part of a path.
    except ValueError:
        raise Refused(f"{id} is not an id") from None
    with store.transaction():
        store.enqueue("todo", "restore", id, {}, {})


# ── What the service would refuse ─────────────────────────────────────────────────────────────────────────────────────


def find(shown, id):
    for kind in ("todo", "list"):
        if id in shown.things(kind):
            return kind, shown.things(kind)[id]
    raise Refused(f"there is no todo and no list {id}")


def of_todo(shown, id):
    if id not in shown.todos:
        raise Refused(f"there is no todo {id}")
    return shown.todos[id]


def check_place(shown, todo, body):
    """Gives the list in which a todo is after an edit."""
    list_id, parent_id = body.get("list_id", todo["list_id"]), body.get("parent_id", todo["parent_id"])
    if body.get("parent_id") is not None:
        of_todo(shown, parent_id)
    parent = shown.todos.get(parent_id)
    if parent:
        if "list_id" in body and list_id != parent["list_id"]:
            raise Refused("a todo is in the list of its parent; parent_id=null takes it out of there")
        list_id = parent["list_id"]
    if body.get("parent_id") is not None:
        levels = shown.levels(todo["id"])
        if any(parent_id in level for level in levels):
            raise Refused("a todo cannot be below itself")
        if len(shown.above(parent_id)) + len(levels) > LEVELS:
            raise Refused(f"todos stand on {LEVELS} levels at most")
    if list_id not in shown.lists and list_id is not None and any(name in body for name in PLACE):
        raise Refused(f"there is no list {list_id}")
    if shown.lists.get(list_id, {}).get("archived"):
        raise Refused("the list is archived")
    if not isinstance(body.get("position", 0), (int, float)):
        raise Refused("a position is a number")
    return list_id


# ── Positions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def now():
    return round(time.time(), 5)


def between(former, next):
    """A position between two, of which either may be None; None if no room is left.

    It has as few digits as it takes and fifteen at most, which every reader and writer of JSON keeps exactly."""
    if former is None and next is None:
        return now()
    if former is None:
        return math.ceil(next) - 1
    if next is None:
        return now() if former < now() else math.floor(former) + 1
    for digits in range(1, 16):
        middle = float(f"{former + (next - former) / 2:.{digits}g}")
        if former < middle < next:
            return middle
    return None
