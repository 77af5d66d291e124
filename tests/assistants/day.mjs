// A day with an assistant, by the TypeScript clients: `@modelcontextprotocol/sdk` speaks the era of the handshake,
// `@modelcontextprotocol/client` the one after it. `cargo xtask mcp-check` runs it: day.mjs <url>, with a token in
// TODO_TOKEN.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const url = new URL(process.argv[2]);
const requestInit = { headers: { Authorization: `Bearer ${process.env.TODO_TOKEN}` } };
const self = { name: "day", version: "1" };

/** The outcome of a call: the structured content, which the text repeats, or the problem document. */
async function call(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  const text = JSON.parse(result.content[0].text);
  if (!result.isError) assert.deepEqual(result.structuredContent, text);
  return { problem: result.isError ? text : undefined, ...text };
}

async function day(client) {
  const { tools } = await client.listTools();
  assert.equal(tools.length, 10);
  const before = await call(client, "overview", { tz: "Europe/Berlin" });
  const drafts = [{ title: "Water the plants", due_date: `${before.today}T23:59:59Z` },
    { title: "Read", tags: ["evening"] }];
  const key = randomUUID();
  const added = await call(client, "add_todos", { todos: drafts, idempotency_key: key });
  const again = await call(client, "add_todos", { todos: drafts, idempotency_key: key });
  assert.deepEqual(again, added, "the same key happens once");
  const ids = added.todos.map((todo) => todo.id);
  const found = await call(client, "find_todos", { tag: ["evening"], created_after: before.now });
  assert.deepEqual(found.items.map((item) => item.id), [ids[1]]);
  const wrong = await call(client, "update_todos", { todos: [{ id: ids[0], title: "" }] });
  assert.equal(wrong.problem.errors[0].pointer, "/todos/0/title");
  const changed = await call(client, "update_todos", { todos: [{ id: ids[0], priority: "urgent", due_date: null }] });
  assert.deepEqual([changed.todos[0].priority, changed.todos[0].due_date], ["urgent", null]);
  const done = await call(client, "complete_todos", { ids });
  assert.ok(done.todos.every((todo) => todo.completed));
  assert.deepEqual((await call(client, "delete_todos", { ids })).deleted, ids);
  const restored = await call(client, "restore_todos", { ids });
  assert.deepEqual(restored.todos.map((todo) => todo.id), ids);
  const moved = await call(client, "move_todos", { todos: [{ id: ids[1], parent_id: ids[0] }] });
  assert.equal(moved.todos[0].parent_id, ids[0]);
  const told = await call(client, "what_changed", { since: before.now, limit: 1 });
  assert.deepEqual([told.changes[0].type, told.changes[0].title], ["todo.moved", "Read"]);
  const party = { title: "Party", subtasks: [{ title: "Food", subtasks: [{ title: "Cake" }] }, { title: "Music" }] };
  const [root, food, cake, music] = (await call(client, "add_todos", { todos: [party] })).todos.map((todo) => todo.id);
  const whole = await call(client, "get_todos", { ids: [root, food] });
  assert.deepEqual(whole.todos.map((todo) => todo.title), ["Party", "Food"]);
  assert.deepEqual(whole.subtasks.map((todo) => todo.id), [music, cake], "what was asked for itself comes once");
  const all = await call(client, "complete_todos", { ids: [root], subtasks: "complete" });
  assert.deepEqual(all.todos[0].subtasks, { total: 2, completed: 2 });
  const below = await call(client, "find_todos", { root, completed: true });
  assert.deepEqual(new Set(below.items.map((item) => item.id)), new Set([root, food, cake, music]));
  await call(client, "delete_todos", { ids: [ids[0], root] });
}

const clients = {
  "@modelcontextprotocol/sdk, 2025-11-25": [new OldClient(self), new OldTransport(url, { requestInit })],
  "@modelcontextprotocol/client, 2025-11-25": [
    new Client(self), new StreamableHTTPClientTransport(url, { requestInit })],
  "@modelcontextprotocol/client, 2026-07-28": [
    new Client(self, { versionNegotiation: { mode: { pin: "2026-07-28" } } }),
    new StreamableHTTPClientTransport(url, { requestInit }),
  ],
};
for (const [name, [client, transport]] of Object.entries(clients)) {
  await client.connect(transport);
  await day(client);
  await client.close();
  console.log(`${name}: ok`);
}
