"""What is shown: the state of the service with one's own edits over it, as it will be when everything is sent.

Todos stand in lists and below each other, at most five levels deep; a todo below another is in its list. Null is the
inbox. What the feed does not tell again is counted here.
"""

import re
from collections import Counter
from datetime import datetime
from functools import cached_property

LEVELS = 5
OPEN = ("pending", "in_progress")
PLACE = ("list_id", "parent_id", "position")  # Together they are one field.
NEW = {
    "todo": {
        "title": "", "description": None, "status": "pending", "completed": False, "priority": "medium",
        "due_date": None, "tags": [], "assignee": None, "list_id": None, "parent_id": None,
    },
    "list": {"name": "", "color": None, "archived": False, "archived_at": None},
}


def field_of(thing, name):
    """The value of a field as it is written, so that what is wanted and what is there compare."""
    if name == "assignee_id" and name not in thing:
        return (thing.get("assignee") or {}).get("id")
    value = thing.get(name)
    if name == "tags" and isinstance(value, list):
        return sorted(str(tag).casefold() for tag in value)
    if name == "due_date" and isinstance(value, str):
        # Before Python 3.11 a fraction has three or six digits.
        text = re.sub(r"\.(\d+)", lambda fraction: "." + fraction[1][:6].ljust(6, "0"), value)
        try:
            return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
        except ValueError:
            return value
    return value.strip() if isinstance(value, str) else value


def place_of(todo):
    """Where a todo stands. Below another one the list says nothing: it is the parent's."""
    return [None if todo["parent_id"] else todo["list_id"], todo["parent_id"], todo["position"]]


def is_at(todo, place):
    """Whether a todo stands there; without a position: somewhere among these siblings."""
    here = place_of(todo)
    return here[:2] == place[:2] and place[2] in (None, here[2])


def place_after(entry):
    """Where a todo stands after an edit, as it is shown here."""
    before = dict(zip(PLACE, entry["base"].get("place", [entry["base"].get("list_id"), None, None])))
    before["position"] = entry["base"].get("position", before["position"])
    return place_of({name: entry["body"].get(name, before[name]) for name in PLACE})


class Shown:
    """Lists and todos by their ids."""

    def __init__(self, store):
        self.people = {person["id"]: person for person in store.all("employee")}
        self.lists = {known["id"]: {**known, "pending": False} for known in store.all("list")}
        self.todos = {todo["id"]: {**todo, "pending": False} for todo in store.all("todo")}
        self.between = {}  # The keys in the order of what was moved to where no number is left,
        self.crowded = set()  # and the ids of the todos and lists below which that is.
        for entry in store.outbox():
            things = self.things(entry["kind"])
            if entry["action"] == "add":
                known = {"id": entry["id"], "position": entry["body"]["position"], **entry["base"]}
                things[entry["id"]] = {**NEW[entry["kind"]], **known}
            if entry["id"] not in things:  # Gone, or not back from the bin yet.
                continue
            if entry["action"] == "delete":
                for id in self.below(entry["id"]) if entry["kind"] == "todo" else {entry["id"]}:
                    del things[id]
            else:
                self.overlay(things[entry["id"]], entry)
        for todo in self.todos.values():  # What is below another one is in its list.
            todo["list_id"] = self.todos[self.above(todo["id"])[-1]]["list_id"]
        self.count()

    def things(self, kind):
        return self.todos if kind == "todo" else self.lists

    # ── One's own edits ───────────────────────────────────────────────────────────────────────────────────────────────

    def overlay(self, thing, entry):
        fields = {name: value for name, value in entry["body"].items() if entry["kind"] == "list" or name not in PLACE}
        thing.update(fields, pending=True)
        if entry["kind"] == "todo":
            thing["completed"] = thing["status"] == "completed"
            if "assignee_id" in thing:
                id = thing.pop("assignee_id")
                thing["assignee"] = id and {"id": id, **self.person(id)}
            self.move(thing, entry)

    def person(self, id):
        return {name: self.people.get(id, {}).get(name) for name in ("name", "email", "department")}

    def move(self, todo, entry):
        """To where an edit says. If others have taken that place away, the todo stays where it is."""
        body = entry["body"]
        parent_id = body.get("parent_id")
        if parent_id and (parent_id not in self.todos or todo["id"] in self.above(parent_id)):
            return
        todo.update((name, body[name]) for name in PLACE if name in body)
        if "position" in body or entry["action"] == "move":
            self.between.pop(todo["id"], None)
        if entry["action"] == "move":
            todo["position"] = entry["base"]["position"]
            self.crowded.add(self.under(todo))
            if body.get("after") in self.todos:  # Right after that one, and before what was moved there earlier.
                self.between[todo["id"]] = (*self.key(self.todos[body["after"]]), -entry["number"])

    # ── The tree ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def levels(self, id):
        """The ids of a todo and of all below it, by level. While pages are fetched there may be rings for a moment."""
        levels, seen = [{id}], {id}
        while levels[-1]:
            below = {todo["id"] for todo in self.todos.values() if todo["parent_id"] in levels[-1]} - seen
            levels.append(below)
            seen |= below
        return levels[:-1]

    def below(self, id):
        return set().union(*self.levels(id))

    def above(self, id):
        """The ids of a todo and of those above it."""
        ids = []
        while id in self.todos and id not in ids:
            ids.append(id)
            id = self.todos[id]["parent_id"]
        return ids

    def key(self, thing):
        """Of two at one position the service puts the older one first."""
        created = (thing.get("created_at") or "new").rstrip("Z")
        return self.between.get(thing["id"]) or (thing["position"], created, thing["id"])

    def under(self, todo):
        """The id of the todo, or else of the list, right below which it is shown; null in the inbox."""
        if todo["parent_id"] in self.todos:
            return todo["parent_id"]
        return todo["list_id"] if todo["list_id"] in self.lists else None

    @cached_property
    def ordered(self):
        """The todos right below each todo and in each list, in their order."""
        ordered = {}
        for todo in sorted(self.todos.values(), key=self.key):
            ordered.setdefault(self.under(todo), []).append(todo)
        return ordered

    def tree(self, under, depth=0):
        """The todos below a todo or in a list, in their order, each with how deep it stands."""
        for todo in self.ordered.get(under, []):
            yield depth, todo
            yield from self.tree(todo["id"], depth + 1)

    def ordered_lists(self):
        return sorted(self.lists.values(), key=self.key)

    def count(self):
        """The subtasks of a todo and the open todos of a list change without it: so the feed does not tell of them."""
        for todo in self.todos.values():
            todo["subtasks"] = {"total": 0, "completed": 0}
        for todo in self.todos.values():
            if todo["parent_id"] in self.todos:
                subtasks = self.todos[todo["parent_id"]]["subtasks"]
                subtasks["total"] += 1
                subtasks["completed"] += todo["completed"]
        still_open = Counter(todo["list_id"] for todo in self.todos.values() if todo["status"] in OPEN)
        for known in self.lists.values():
            known["count"] = still_open[known["id"]]
