"""What is edited here goes to the service: in order, each by a request that may be repeated.

A sender gives what is known now ([(id, state, None if gone)]) and the problem, if there is one.
"""

from shown import PLACE, field_of, is_at, place_after, place_of


def push(remote, store):
    """Sends the outbox. An edit that came too late is kept as a conflict, and the service's state stands. The edits
    that a deletion carries go back into the outbox, except those of what is gone."""
    while entry := next(iter(store.outbox()), None):
        known, problem = SENDERS[entry["action"]](remote, entry)
        carried = entry["body"].pop("edits", []) if entry["action"] == "delete" else []
        gone = {id for id, state in known if not state}
        with store.transaction():
            if problem:
                store.conflict(entry, problem)
            for id, state in known:
                if not problem and state:
                    rebase(store, entry, state)
                store.learn(entry["kind"], id, state)
            store.drop(entry)
            for edit in carried:
                if edit["id"] not in gone:
                    store.enqueue(**{name: value for name, value in edit.items() if name != "number"})


def rebase(store, entry, after):
    """What waits behind an edit was made upon it, as it is shown here. The service may have cleaned a text or chosen a
    position, and the version is another one."""
    before = store.item(entry["kind"], entry["id"]) or {"version": 0, "updated_at": None}
    alone = after["version"] == before["version"] + 1  # Nobody else has changed it.
    moved = entry["action"] == "move"
    for later in store.outbox():
        base = dict(later["base"])
        seen = later["action"] == "delete" and base.get(entry["id"])
        if seen and alone and seen == before["updated_at"]:
            base[entry["id"]] = after["updated_at"]
        elif later["id"] == entry["id"] and later["number"] > entry["number"]:
            for name in base:
                if name == "place" and (alone or moved) and base[name] == place_after(entry):
                    base[name] = place_of(after)
                elif name in entry["body"] and alone and base[name] == field_of(entry["body"], name):
                    base[name] = field_of(after, name)
        elif moved and base.get("place", [])[:2] == place_of(after)[:2]:
            base["place"] = [*base["place"][:2], None]  # To make room the service has moved siblings.
        if base != later["base"]:
            store.rebase({**later, "base": base})


def path_of(entry):
    return f"/api/v2/{entry['kind']}s/{entry['id']}"


def refused(answer):
    """Why the service will never take it; what may pass later has been raised before."""
    faults = "; ".join(f"{fault.get('pointer', '')} {fault['detail']}" for fault in answer.body.get("errors", []))
    return f"{answer.code}: {faults or answer.body.get('detail', answer.status)}"


def send_add(remote, entry):
    """The id was chosen here: a second attempt finds what the first has made (412)."""
    id, path, problem = entry["id"], path_of(entry), None
    for body in places(entry):
        answer = remote.call("PUT", path, body, {"If-None-Match": "*"})
        if not misplaced(answer):
            break
        problem = f"{refused(answer)}; it was added elsewhere"
    if answer.status == 412:
        answer = remote.call("GET", path)
    if answer.gone:  # Created by an earlier attempt and deleted since.
        return [(id, None)], None
    return ([(id, answer.body)], problem) if answer.ok else ([(id, None)], refused(answer))


def places(entry):
    """If there is no such parent any more, or never was: below none, in the list in which it was shown; then in the
    inbox."""
    body = entry["body"]
    yield body
    if body.get("parent_id") and entry["base"]["list_id"]:
        yield {**body, "parent_id": None, "list_id": entry["base"]["list_id"]}
    if body.get("parent_id") or body.get("list_id"):
        yield {**body, "parent_id": None, "list_id": None}


def misplaced(answer):
    pointers = [fault.get("pointer") for fault in answer.body.get("errors", [])] if answer.status == 422 else []
    return answer.code == "list_archived" or "/parent_id" in pointers or "/list_id" in pointers


def send_edit(remote, entry):
    """Reads, merges field by field, and writes only if nobody has written between (If-Match)."""
    id, path = entry["id"], path_of(entry)
    while True:
        current = remote.call("GET", path)
        if current.gone:
            return [(id, None)], f"somebody has deleted the {entry['kind']}"
        now = current.expect(200)
        patch, lost = merge(now, entry)
        problem = f"somebody has changed {', '.join(lost)}" if lost else None
        if not patch:
            return [(id, now)], problem
        answer = remote.call("PATCH", path, patch, {"If-Match": current.etag})
        if answer.ok:
            return [(id, answer.body)], problem
        if not answer.gone and answer.status != 412:
            return [(id, now)], refused(answer)


def merge(now, entry):
    """What is left to write, and the fields in which others were faster. A value that is as wanted needs no writing: an
    earlier attempt whose answer was lost has written it, or somebody had the same idea. List, parent and position are
    one field."""
    wanted, base = entry["body"], entry["base"]
    patch, lost = {}, []
    for name, value in wanted.items():
        if entry["kind"] == "todo" and name in PLACE or field_of(now, name) == field_of(wanted, name):
            continue
        if field_of(now, name) == base[name]:
            patch[name] = value
        else:
            lost.append(name)
    if "place" in base and not is_at(now, place_after(entry)):
        if is_at(now, base["place"]):
            patch.update((name, wanted[name]) for name in PLACE if name in wanted)
        else:
            lost.append("the place")
    return patch, lost


def send_move(remote, entry):
    """To a place for which there is no number left: the service makes room. At first under a condition that nothing
    fulfils, so that only the answer of an earlier attempt comes, by its key."""
    id, path, etag = entry["id"], path_of(entry), '"0-none"'
    while True:
        headers = {"If-Match": etag, "Idempotency-Key": entry["key"]}
        answer = remote.call("POST", f"{path}/move", entry["body"], headers)
        if answer.ok:
            return [(id, answer.body)], None
        if not answer.gone and answer.status != 412:
            return [], refused(answer)
        current = remote.call("GET", path)
        if current.gone:
            return [(id, None)], "somebody has deleted the todo"
        if not is_at(current.expect(200), entry["base"]["place"]):
            return [(id, current.body)], "somebody has changed the place"
        etag = current.etag


def send_delete(remote, entry):
    """Only in the state that was looked at, with all that is below."""
    id, path, base = entry["id"], path_of(entry), entry["base"]
    while True:
        current = remote.call("GET", path)
        if current.gone:
            return gone_with(remote, entry, {id}), None
        current.expect(200)
        seen = list(subtree(remote, id)) if entry["kind"] == "todo" else [current.body]
        for thing in seen:
            name = thing.get("title", thing.get("name"))
            if thing["id"] not in base:
                return [], f"somebody has put “{name}” below it, so it was not deleted"
            if base[thing["id"]] not in (None, thing["updated_at"]):
                return [], f"somebody has changed “{name}” since, so it was not deleted"
        answer = remote.call("DELETE", path, headers={"If-Match": current.etag})
        if answer.ok:
            return gone_with(remote, entry, {thing["id"] for thing in seen}), None
        if not answer.gone and answer.status != 412:
            return [], refused(answer)


def gone_with(remote, entry, gone):
    """What is gone after a deletion, as `push` takes it: also todos with edits that others had deleted before. A todo
    that others had moved elsewhere is left, and its edits are sent."""
    for id in {edit["id"] for edit in entry["body"].get("edits", [])} - gone:
        if remote.call("GET", path_of({**entry, "id": id})).gone:
            gone.add(id)
    return [(id, None) for id in gone]


def subtree(remote, id):
    """A todo and all below it, in short."""
    query = {"root": id, "archived": "true", "limit": 100}
    while query.get("cursor", "") is not None:
        page = remote.call("GET", "/api/v2/todos", query=query).expect(200)
        yield from page["items"]
        query["cursor"] = page["next_cursor"]


def send_restore(remote, entry):
    """A POST is made repeatable by its key, which was stored before the first attempt."""
    answer = remote.call("POST", f"{path_of(entry)}/restore", headers={"Idempotency-Key": entry["key"]})
    return ([(entry["id"], answer.body)], None) if answer.ok else ([], refused(answer))


SENDERS = {"add": send_add, "edit": send_edit, "move": send_move, "delete": send_delete, "restore": send_restore}
