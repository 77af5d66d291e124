"""The example against a stand-in of the service, which loses answers and is changed by others: `python3 -m unittest` in
this folder."""

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from pathlib import Path
from unittest import mock

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import remote  # noqa: E402
import sync  # noqa: E402
from edits import Refused  # noqa: E402
from remote import Away, Stop  # noqa: E402
from shown import field_of  # noqa: E402
from stand_in import Service  # noqa: E402
from store import Store  # noqa: E402


class SyncTest(unittest.TestCase):
    def setUp(self):
        self.service = Service()
        self.server = self.service.serve()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "todo.sqlite")
        url = f"http://127.0.0.1:{self.server.server_port}"
        for patched in (
            mock.patch.dict(os.environ, TODO_URL=url, TODO_TOKEN="tdo_x", TODO_FILE=self.file),
            mock.patch("remote.time"),  # Without pauses.
        ):
            patched.start()
            self.addCleanup(patched.stop)

    def start(self, *arguments):
        """The program as a process of its own, to be killed."""
        command = [sys.executable, str(HERE / "sync.py"), *arguments]
        return subprocess.Popen(command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def run_(self, *arguments):
        """What a command prints."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            sync.main(arguments)
        return out.getvalue().strip()

    def fails(self, *arguments):
        """What a command says that must fail."""
        with self.assertRaises((Stop, Refused)) as raised:
            self.run_(*arguments)
        return str(raised.exception)

    def shown(self):
        """What `list --json` gives: lists by name, todos by title, and the titles in order."""
        shown = json.loads(self.run_("list", "--json"))
        todos = {todo["title"]: todo for todo in shown["todos"]}
        return {known["name"]: known for known in shown["lists"]}, todos, [todo["title"] for todo in shown["todos"]]

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
        milk = self.service.items["todo", id]["data"]
        self.service.write("todo", id, {**milk, "title": "oat milk", "status": "completed"})
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
        self.assertIn("of another workspace", self.fails("sync"))
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

    def test_answers_leave_the_tags_that_are_known(self):
        for tag in ("t1", "t2"):
            self.service.write("tag", tag, {"name": {"t1": "House", "t2": "Errands"}[tag]})
        ids = [self.service.todo(title, tags=["House"]) for title in ("same", "refused", "lost", "not deleted")]
        self.run_("sync")
        self.run_("edit", ids[0], "title=same")
        self.run_("edit", ids[1], "title=")
        self.run_("edit", ids[2], "title=mine")
        self.run_("delete", ids[3])
        self.service.edit(ids[2], title="theirs")
        self.service.edit(ids[3], title="theirs, too")
        self.run_("sync")
        self.assertEqual(len(Store(self.file).conflicts()), 3)
        self.service.write("tag", "t1", {"name": "Home"})
        self.run_("sync")
        for id in ids:
            self.assertEqual(Store(self.file).item("todo", id)["tags"], ["Home"], id)
        self.service.merged["t1"] = "t2"
        self.service.write("tag", "t1", None)
        self.run_("sync")
        for id in ids:
            self.assertEqual(Store(self.file).item("todo", id)["tags"], ["Errands"], id)

    def test_lists_and_trees_made_offline_arrive_as_they_were_shown(self):
        self.service.lose = 2
        garden = self.run_("add-list", "Garden")
        plants = self.run_("add", "Plants", f"list_id={garden}")
        for title in ("roses", "ivy", "ferns"):
            self.run_("add", title, f"parent_id={plants}")
        todos = self.shown()[1]
        self.run_("move", todos["ferns"]["id"], "first")
        self.run_("move", todos["roses"]["id"], f"after={todos['ivy']['id']}")
        self.run_("move", todos["roses"]["id"], f"before={todos['ivy']['id']}")
        self.run_("edit", todos["ivy"]["id"], "status=completed")
        self.run_("edit", garden, "name=The garden")
        lists, todos, order = self.shown()
        self.assertEqual(order, ["Plants", "ferns", "roses", "ivy"])
        self.assertEqual(lists["The garden"]["count"], 3)
        self.assertEqual(todos["Plants"]["subtasks"], {"total": 3, "completed": 1})
        self.assertTrue(all(todo["list_id"] == garden for todo in todos.values()))
        self.assertIn("Plants (1/3)", self.run_("list"))
        self.run_("sync")
        self.assertEqual(self.mirrored().conflicts(), [])
        self.assertEqual(self.shown()[2], order)
        self.assertEqual(self.shown()[0]["The garden"]["count"], 3)

    def test_a_move_is_made_as_a_whole_or_not_at_all(self):
        garden, kitchen = self.service.list("Garden"), self.service.list("Kitchen")
        id, other = self.service.todo("ladder"), self.service.todo("pots", list_id=kitchen)
        below = self.service.todo("rungs", parent_id=id)
        self.run_("sync")
        self.run_("move", id, f"list={garden}", "first")
        self.assertEqual(self.shown()[1]["rungs"]["list_id"], garden)
        self.run_("edit", id, "title=the ladder")
        self.service.edit(id, parent_id=other, list_id=kitchen)
        self.run_("sync")
        todo = self.service.data("todo", id)
        self.assertEqual((todo["title"], todo["list_id"], todo["parent_id"]), ("the ladder", kitchen, other))
        self.assertEqual(self.service.data("todo", below)["list_id"], kitchen)
        self.assertEqual(self.run_("conflicts").count("somebody has changed the place"), 1)
        self.mirrored()

    def test_where_no_number_is_left_the_service_makes_room(self):
        ids = [self.service.todo(title, position=1.0) for title in "abc"]
        moved = [self.service.todo(title, position=9) for title in ("d", "e", "f")]
        self.run_("sync")
        self.service.lose = 2
        for id in moved:
            self.run_("move", id, f"after={ids[0]}")
        self.assertEqual(self.shown()[2], ["a", "f", "e", "d", "b", "c"])
        self.run_("move", moved[0], f"before={ids[0]}")
        self.run_("move", moved[2], "last")
        self.assertEqual(self.shown()[2], ["d", "a", "e", "b", "c", "f"])
        self.run_("sync")
        self.assertEqual(self.mirrored().conflicts(), [])
        self.assertEqual(self.shown()[2], ["d", "a", "e", "b", "c", "f"])

    def test_what_is_added_here_is_behind_what_was_just_moved_to_the_end(self):
        ids = [self.service.todo(title) for title in "ab"]
        self.run_("sync")
        for id in ids:
            self.run_("move", id, "last")
        self.run_("add", "c")
        self.assertEqual(self.shown()[2], ["a", "b", "c"])

    def test_what_was_deleted_goes_with_all_that_was_seen_below_it_and_no_more(self):
        titles = ("parent", "with a new child", "with a changed child", "moved")
        parents = [self.service.todo(title) for title in titles]
        children = [self.service.todo("child", parent_id=parent) for parent in parents]
        outside, garden = self.service.todo("outside"), self.service.list("Garden")
        self.run_("sync")
        for child in children[:3]:
            self.run_("edit", child, "priority=high")
        self.run_("move", outside, f"parent={parents[0]}")
        self.run_("add", "added here", f"parent_id={parents[0]}")
        self.run_("move", parents[3], f"list={garden}")
        self.run_("move", children[3], "first")
        for parent in parents[:3]:
            self.run_("delete", parent)
        self.run_("delete", children[3])
        self.assertEqual(self.shown()[2], ["moved"])
        self.service.todo("new", parent_id=parents[1])
        self.service.edit(children[2], title="changed")
        self.service.lose = 2
        self.run_("sync")
        conflicts = self.run_("conflicts").splitlines()
        self.assertEqual(len(conflicts), 2, conflicts)
        self.assertIn("somebody has put “new” below it", conflicts[0])
        self.assertIn("somebody has changed “changed”", conflicts[1])
        self.mirrored()
        for child in children[1:3]:
            self.assertEqual(self.service.data("todo", child)["priority"], "high", "the edit is not lost")
        self.assertEqual(len(self.service.live("todo")), 3 + 2 + 1)
        self.run_("restore", parents[0])
        self.run_("sync")
        self.mirrored()
        self.assertEqual(self.shown()[1]["parent"]["subtasks"]["total"], 3)

    def test_edits_of_what_a_deletion_leaves_are_sent_after_all(self):
        parents = [self.service.todo(title) for title in ("deleted", "deleted by others")]
        taken_out, gone = (
            [self.service.todo(title, parent_id=parent) for parent in parents] for title in ("taken out", "gone"))
        garden = self.service.list("Garden")
        self.run_("sync")
        for id in (*taken_out, *gone):
            self.run_("edit", id, "priority=high")
        self.run_("edit", garden, "name=Yard")
        for id in (*parents, garden):
            self.run_("delete", id)
        for id in taken_out:
            self.service.edit(id, parent_id=None)
        for id in (gone[0], parents[1]):
            self.service.delete(id)
        self.service.todo("here now", list_id=garden)
        self.run_("sync")
        self.mirrored()
        self.assertEqual([self.service.data("todo", id) for id in (*parents, *gone)], [None] * 4)
        self.assertEqual([self.service.data("todo", id)["priority"] for id in taken_out], ["high", "high"])
        self.assertEqual(self.service.data("list", garden)["name"], "Yard")
        conflicts = self.run_("conflicts")
        self.assertIn("delete {}: list_not_empty", conflicts)
        self.assertEqual(len(conflicts.splitlines()), 1, conflicts)

    def meets_404s(self, *requests):
        """Each request in its turn meets a 404 of something before the service: nothing is taken for gone, and the edit
        waits."""
        for request in requests:
            self.service.before[request] = 404, {}
            with mock.patch.object(sync.Remote, "ATTEMPTS", 1), self.assertRaises(Away):
                self.run_("sync")
            self.assertEqual(self.service.before, {}, request)
            self.assertEqual(len(Store(self.file).outbox()), 1, request)
        self.run_("sync")
        self.assertEqual(self.mirrored().conflicts(), [])

    def test_an_add_that_meets_a_404_of_something_else_is_made(self):
        id = self.run_("add", "milk")
        self.meets_404s(f"PUT /api/v2/todos/{id}")
        self.assertEqual(self.service.data("todo", id)["title"], "milk")
        again = self.run_("add", "bread")
        self.service.todo("bread", again)  # By an earlier attempt.
        self.meets_404s(f"GET /api/v2/todos/{again}")

    def test_an_edit_that_meets_a_404_of_something_else_is_made(self):
        id = self.service.todo("milk")
        self.run_("sync")
        self.run_("edit", id, "title=bread")
        self.meets_404s(f"GET /api/v2/todos/{id}", f"PATCH /api/v2/todos/{id}")
        self.assertEqual(self.service.data("todo", id)["title"], "bread")

    def test_a_deletion_that_meets_a_404_of_something_else_is_made(self):
        id, garden = self.service.todo("milk"), self.service.list("Garden")
        self.run_("sync")
        self.run_("delete", id)
        self.meets_404s(f"GET /api/v2/todos/{id}", "GET /api/v2/todos", f"DELETE /api/v2/todos/{id}")
        self.run_("delete", garden)
        self.meets_404s(f"GET /api/v2/lists/{garden}", f"DELETE /api/v2/lists/{garden}")
        self.assertEqual((self.service.data("todo", id), self.service.data("list", garden)), (None, None))
        self.run_("restore", id)
        self.meets_404s(f"POST /api/v2/todos/{id}/restore")
        self.assertEqual(self.service.data("todo", id)["title"], "milk")

    def test_a_move_that_meets_a_404_of_something_else_is_made(self):
        ids = [self.service.todo(title, position=1) for title in "abc"]
        self.run_("sync")
        self.run_("move", ids[2], f"after={ids[0]}")
        self.meets_404s(f"POST /api/v2/todos/{ids[2]}/move", f"GET /api/v2/todos/{ids[2]}")
        self.assertEqual(self.shown()[2], ["a", "c", "b"])

    def test_a_pause_is_in_seconds_and_any_other_is_the_usual_one(self):
        for said, pause in {"7": 7, "Wed, 21 Oct 2099 07:28:00 GMT": 0.4, "-1": 0.4, "²": 0.4}.items():
            self.service.before["GET /api/v2/me"] = 503, {"Retry-After": said}
            self.run_("sync")
            remote.time.sleep.assert_called_with(pause)

    def test_what_has_no_place_any_more_is_added_elsewhere(self):
        garden, shed = self.service.list("Garden"), self.service.list("Shed")
        gone = self.service.todo("gone", list_id=garden)
        self.run_("sync")
        self.run_("add", "in the list of its parent", f"parent_id={gone}")
        refused = self.run_("add", "", f"list_id={garden}")
        self.run_("add", "of a parent that was refused", f"parent_id={refused}")
        self.run_("add", "in the inbox", f"list_id={shed}")
        taken = self.run_("add-list", "garden")
        self.run_("add", "of a list that was refused", f"list_id={taken}")
        self.service.delete(gone)
        self.service.write("list", shed, {**self.service.data("list", shed), "archived": True})
        self.service.lose = 2
        self.run_("sync")
        self.mirrored()
        _, todos, _ = self.shown()
        self.assertEqual({todo["parent_id"] for todo in todos.values()}, {None})
        self.assertEqual({title for title, todo in todos.items() if todo["list_id"] == garden},
                         {"in the list of its parent", "of a parent that was refused"})
        self.assertEqual({title for title, todo in todos.items() if todo["list_id"] is None},
                         {"in the inbox", "of a list that was refused"})
        conflicts = self.run_("conflicts")
        self.assertEqual(conflicts.count("it was added elsewhere"), 4, conflicts)
        self.assertIn("list_name_taken", conflicts)

    def test_lists_are_changed_and_deleted_offline(self):
        garden, shed, empty = (self.service.list(name) for name in ("Garden", "Shed", "Empty"))
        self.run_("sync")
        self.run_("edit", garden, "name=Yard", "color=#118833")
        self.run_("edit", shed, "archived=true")
        self.run_("delete", empty)
        self.assertEqual(set(self.shown()[0]), {"Yard", "Shed"})
        self.service.write("list", garden, {**self.service.data("list", garden), "name": "Park"})
        self.service.todo("here now", list_id=empty)
        self.run_("sync")
        self.mirrored()
        garden = self.service.data("list", garden)
        self.assertEqual((garden["name"], garden["color"]), ("Park", "#118833"))
        self.assertTrue(self.service.data("list", shed)["archived"])
        conflicts = self.run_("conflicts")
        self.assertIn("somebody has changed name", conflicts)
        self.assertIn("list_not_empty", conflicts)
        self.assertEqual(self.shown()[0]["Empty"]["count"], 1)

    def test_what_the_service_would_refuse_is_not_queued(self):
        garden, old = self.service.list("Garden"), self.service.list("Old", archived=True)
        levels = [self.service.todo("level 1", list_id=garden)]
        for level in range(2, 6):
            levels.append(self.service.todo(f"level {level}", parent_id=levels[-1], list_id=garden))
        alone, archived = self.service.todo("alone"), self.service.todo("archived", list_id=old)
        self.run_("sync")
        for problem, *command in [
            ("there is no todo x", "add", "y", "parent_id=x"),
            ("there is no todo and no list x", "edit", "x", "title=y"),
            ("there is no list x", "move", alone, "list=x"),
            ("5 levels at most", "add", "y", f"parent_id={levels[4]}"),
            ("below itself", "edit", levels[0], f"parent_id={levels[2]}"),
            ("5 levels at most", "move", levels[0], f"parent={alone}"),
            ("is not an id", "restore", "a/b"),
            ("in the list of its parent", "edit", levels[1], "list_id=null"),
            ("the list is archived", "add", "y", f"list_id={old}"),
            ("the list is archived", "edit", archived, "title=y"),
            ("a position is a number", "edit", alone, "position=null"),
            ("there are todos in the list", "delete", garden),
            ("one of after, before", "move", alone, "first", f"after={levels[0]}"),
            ("not a sibling there", "move", alone, f"after={levels[1]}", f"list={garden}"),
        ]:
            self.assertIn(problem, self.fails(*command))
        self.assertEqual(Store(self.file).outbox(), [])
        self.run_("edit", levels[1], "parent_id=null", "list_id=null")
        self.run_("delete", archived)
        self.run_("sync")
        self.assertEqual(self.mirrored().conflicts(), [])
        self.assertEqual([self.service.data("todo", id)["list_id"] for id in levels], [garden, None, None, None, None])

    def test_ones_own_edits_are_no_conflict(self):
        id = self.run_("add", "milk", "due_date=2030-01-01T12:00:00.5Z", "tags=[\"b\", \"A\"]")
        for fields in (["position=5"], ["position=6", "title=bread"], ["due_date=2030-01-01T13:00:00.500+01:00"],
                       ["due_date=null"]):
            self.run_("edit", id, *fields)
        self.run_("sync")
        self.assertEqual(self.mirrored().conflicts(), [])
        todo = self.service.data("todo", id)
        self.assertEqual((todo["title"], todo["position"], todo["due_date"]), ("bread", 6, None))

    def test_instants_compare_however_their_fractions_are_written(self):
        for text in ("2030-01-01T12:00:00.5Z", "2030-01-01T12:00:00.500Z", "2030-01-01T13:00:00.5000000001+01:00"):
            self.assertEqual(field_of({"due_date": text}, "due_date"), 1893499200.5, text)


if __name__ == "__main__":
    unittest.main()
