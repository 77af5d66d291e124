"""A day with an assistant, by the Python clients `mcp` and `fastmcp`, in both eras of the protocol.

`cargo xtask mcp-check` runs it: day.py <url>, with a token in TODO_TOKEN.
"""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager

import fastmcp
import httpx2
import mcp
from fastmcp.client.transports import StreamableHttpTransport
from mcp.client.streamable_http import streamable_http_client

URL = sys.argv[1]
HEADERS = {"Authorization": f"Bearer {os.environ['TODO_TOKEN']}"}
TOOLS = [
    "overview", "find_todos", "get_todos", "add_todos", "update_todos", "complete_todos", "move_todos",
    "delete_todos", "restore_todos", "what_changed",
]


@asynccontextmanager
async def sdk(mode):
    """The reference client; tells the version and how tools are called."""
    async with httpx2.AsyncClient(headers=HEADERS) as http:
        async with mcp.Client(streamable_http_client(URL, http_client=http), mode=mode) as client:
            async def call(name, **arguments):
                result = await client.call_tool(name, arguments)
                return result.is_error, result.structured_content, result.content[0].text

            yield client.protocol_version, [tool.name for tool in (await client.list_tools()).tools], call


@asynccontextmanager
async def fast(mode):
    """The same with FastMCP."""
    async with fastmcp.Client(StreamableHttpTransport(URL, headers=HEADERS), mode=mode) as client:
        async def call(name, **arguments):
            result = await client.call_tool(name, arguments, raise_on_error=False)
            return result.is_error, result.structured_content, result.content[0].text

        yield client.protocol_version, [tool.name for tool in await client.list_tools()], call


def good(outcome):
    """The structured content of a call that succeeded; the text says the same."""
    error, content, text = outcome
    assert not error, text
    assert json.loads(text) == content, (text, content)
    return content


def bad(outcome):
    """The problem document of a call that was refused."""
    error, _, text = outcome
    assert error, text
    return json.loads(text)


async def day(call):
    """Overview, add, find, change, complete, delete, undo; each step sees what the one before did."""
    before = good(await call("overview", tz="Europe/Berlin"))
    drafts = [{"title": "Buy milk", "tags": ["errand"], "priority": "low"},
              {"title": "Call Ada", "description": "About <b>Tuesday</b>"}]
    added = good(await call("add_todos", todos=drafts, idempotency_key=os.urandom(8).hex()))["todos"]
    milk, ada = (todo["id"] for todo in added)
    assert [todo["title"] for todo in added] == ["Buy milk", "Call Ada"], added
    after = good(await call("overview"))
    assert after["counts"]["total"] == before["counts"]["total"] + 2, (before, after)

    found = good(await call("find_todos", text="milk", status=["pending"], tag=["errand"], sort="due_date"))
    assert [item["id"] for item in found["items"]] == [milk], found
    problem = bad(await call("update_todos", todos=[{"id": milk, "priority": "whenever"}]))
    assert problem["errors"][0]["pointer"] == "/todos/0/priority", problem
    changed = good(await call("update_todos", todos=[{"id": milk, "priority": "high", "if_version": 1}]))["todos"]
    assert (changed[0]["priority"], changed[0]["version"]) == ("high", 2), changed
    problem = bad(await call("update_todos", todos=[{"id": milk, "title": "Buy oats", "if_version": 1}]))
    assert (problem["code"], problem["status"]) == ("stale_version", 412), problem

    completed = good(await call("complete_todos", ids=[milk, ada]))["todos"]
    assert all(todo["completed"] for todo in completed), completed
    assert good(await call("delete_todos", ids=[milk, ada]))["deleted"] == [milk, ada]
    gone = good(await call("get_todos", ids=[milk, ada]))
    assert gone == {"todos": [], "subtasks": [], "not_found": [milk, ada]}, gone
    restored = good(await call("restore_todos", ids=[milk, ada]))["todos"]
    assert [todo["id"] for todo in restored] == [milk, ada] and restored[0]["completed"], restored
    assert good(await call("get_todos", ids=[ada]))["todos"][0]["description"] == "About <b>Tuesday</b>"

    party = [{"title": "Party", "subtasks": [{"title": "Cake"}, {"title": "Music"}]}]
    party = good(await call("add_todos", todos=party))["todos"]
    assert [todo["title"] for todo in party] == ["Party", "Cake", "Music"], party
    whole = good(await call("get_todos", ids=[party[0]["id"]]))
    assert {todo["id"] for todo in whole["subtasks"]} == {party[1]["id"], party[2]["id"]}, whole
    done = good(await call("complete_todos", ids=[party[0]["id"]], subtasks="complete"))["todos"]
    assert done[0]["subtasks"] == {"total": 2, "completed": 2}, done
    told = good(await call("what_changed", since=before["now"], limit=3))["changes"]
    assert {(change["type"], change["title"]) for change in told} == {
        ("todo.completed", "Party"), ("todo.completed", "Cake"), ("todo.completed", "Music")}, told
    good(await call("delete_todos", ids=[milk, ada, party[0]["id"]]))


async def main():
    for name, connect in {"mcp": sdk, "fastmcp": fast}.items():
        for mode, version in {"legacy": "2025-11-25", "auto": "2026-07-28"}.items():
            async with connect(mode) as (spoken, tools, call):
                assert spoken == version, (spoken, version)
                assert tools == TOOLS, tools
                await day(call)
            print(f"{name}, {version}: ok")


asyncio.run(main())
