// A day with an assistant, by the command line of the Inspector, in both eras of the protocol: overview, add, find,
// complete with subtasks, undo, what changed. `--strict` also holds the definitions of the tools against what clients
// are known to refuse. `cargo xtask mcp-check` runs it: inspector.mjs <url>, with a token in TODO_TOKEN.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(
  new URL("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", import.meta.url));
// In a file that others cannot read: a list of processes shows arguments.
const config = fileURLToPath(new URL("inspector.json", import.meta.url));
const headers = { Authorization: `Bearer ${process.env.TODO_TOKEN}` };
const server = { type: "streamable-http", url: process.argv[2], headers };
writeFileSync(config, JSON.stringify({ mcpServers: { todo: server } }), { mode: 0o600 });

function inspect(era, ...args) {
  const all = [program, "--cli", "--config", config, "--server", "todo",
    "--protocol-era", era, "--format", "json", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: "utf8", timeout: 60_000 });
  return { status, stdout, stderr };
}

/** What a method gave: the one line of JSON that the program prints. */
function result(era, ...args) {
  const { status, stdout, stderr } = inspect(era, ...args);
  assert.equal(status, 0, `${args}: ${stdout}${stderr}`);
  return JSON.parse(stdout).result ?? JSON.parse(stdout);
}

function call(era, name, args) {
  const given = result(era, "--method", "tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(args));
  assert.deepEqual(JSON.parse(given.content[0].text), given.structuredContent);
  return given.structuredContent;
}

function day(era) {
  const { tools } = result(era, "--method", "tools/list", "--strict");
  assert.equal(tools.length, 10);
  const before = call(era, "overview", { tz: "Europe/Berlin" });
  const trip = { title: "Trip", subtasks: [{ title: "Pack" }, { title: "Tickets", tags: [era] }] };
  const [root, , tickets] = call(era, "add_todos", { todos: [trip] }).todos.map((todo) => todo.id);
  const found = call(era, "find_todos", { tag: [era], parent: root });
  assert.deepEqual(found.items.map((item) => item.id), [tickets]);
  const done = call(era, "complete_todos", { ids: [root], subtasks: "complete" });
  assert.deepEqual(done.todos[0].subtasks, { total: 2, completed: 2 });
  assert.deepEqual(call(era, "delete_todos", { ids: [root] }).deleted, [root]);
  assert.equal(call(era, "restore_todos", { ids: [root] }).todos[0].title, "Trip");
  const told = call(era, "what_changed", { since: before.now, limit: 1 });
  assert.equal(told.changes[0].type, "todo.restored");
  call(era, "delete_todos", { ids: [root] });
}

try {
  for (const era of ["legacy", "modern"]) {
    day(era);
    console.log(`@modelcontextprotocol/inspector, ${era}: ok`);
  }
} finally {
  rmSync(config, { force: true });
}
