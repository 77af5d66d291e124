//! The example client in `examples/sync`, as a process: a mirror of a workspace in a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Output};

use serde_json::{Value, json};

use super::follower::{Follower, settle, sort_tags, state};
use super::{Workspace, uuid};

/// With what lines of Python begin.
const HEAD: &str = "import json, os, shlex, sys, edits, sync; store = sync.Store(os.environ['TODO_FILE'])";

/// The file of a mirror, with the token it uses.
pub struct Mirror {
    url: String,
    /// The token.
    pub token: String,
    folder: PathBuf,
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Mirror {
    /// The folder of the program.
    pub fn program() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/sync")
    }

    /// An empty file.
    pub fn of(ws: &Workspace) -> Self {
        let folder = std::env::temp_dir().join(format!("mirror-{}", uuid()));
        std::fs::create_dir(&folder).unwrap();
        Self { url: ws.server.url.clone(), token: ws.token.clone().unwrap(), folder }
    }

    fn python(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.env("TODO_URL", &self.url).env("TODO_TOKEN", &self.token).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("TODO_FILE", self.folder.join("todo.sqlite")).env("PYTHONPATH", Self::program()).args(arguments);
        command
    }

    /// Begins a command, to be killed.
    pub fn start(&self, command: &str) -> Child {
        let program = Self::program().join("sync.py");
        self.python(&[program.to_str().unwrap(), command]).spawn().unwrap()
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let program = Self::program().join("sync.py");
        self.python(&[&[program.to_str().unwrap()], arguments].concat()).output().unwrap()
    }

    /// What a command prints.
    pub fn run(&self, arguments: &[&str]) -> String {
        printed(&self.output(arguments))
    }

    /// What a command says that must fail.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What several commands print, each on a line as in a shell; one process runs them all.
    pub fn runs(&self, lines: &str) -> String {
        let program = "for line in filter(str.strip, sys.argv[1].splitlines()): sync.main(shlex.split(line))";
        printed(&self.python(&["-c", &format!("{HEAD}\n{program}"), lines]).output().unwrap())
    }

    /// Runs lines of Python in which the modules of the program and the file, `store`, are there; what they print as
    /// JSON.
    pub fn script(&self, lines: &str) -> Value {
        let text = printed(&self.python(&["-c", &format!("{HEAD}\n{lines}")]).output().unwrap());
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    /// Runs a statement in the file; its rows, each a list.
    pub fn sql(&self, statement: &str) -> Vec<Value> {
        let program = "import json, os, sqlite3, sys\n\
            with sqlite3.connect(os.environ['TODO_FILE']) as db: print(json.dumps(db.execute(sys.argv[1]).fetchall()))";
        serde_json::from_str(&printed(&self.python(&["-c", program, statement]).output().unwrap())).unwrap()
    }

    /// How many edits are still to be sent.
    pub fn waiting(&self) -> u64 {
        self.sql("select count(*) from outbox")[0][0].as_u64().unwrap()
    }

    /// What `list --json` gives.
    pub fn shown(&self) -> Value {
        serde_json::from_str(&self.run(&["list", "--json"])).unwrap()
    }

    /// The titles that are shown, in their order.
    pub fn titles(&self) -> Vec<String> {
        let shown = self.shown();
        shown["todos"].as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap().to_owned()).collect()
    }

    /// Syncs; then the file holds what the workspace holds, with the tags by their ids, shows it with what is counted,
    /// and nothing is left to be sent.
    pub async fn syncs(&self, ws: &Workspace) {
        settle(ws).await;
        self.run(&["sync"]);
        // What it has sent may have changed others, too.
        settle(ws).await;
        self.is_whole_after("sync.main(['sync'])", ws).await;
    }

    /// Asserts the same of a file that is synced.
    pub async fn is_whole(&self, ws: &Workspace) {
        self.is_whole_after("", ws).await;
    }

    async fn is_whole_after(&self, first: &str, ws: &Workspace) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let parsed = |value: &Value| serde_json::from_str::<Value>(value.as_str().unwrap()).unwrap();
        let lines = "shown = sync.Shown(store)
rows = [list(row) for row in store.db.execute('select type, id, data, tag_ids from items')]
todos, lists = list(shown.todos.values()), list(shown.lists.values())
print(json.dumps({'rows': rows, 'outbox': store.outbox(), 'todos': todos, 'lists': lists}))";
        let mut mirror = self.script(&format!("{first}\n{lines}"));
        assert_eq!(mirror["outbox"], json!([]));
        let item = |row: &Value| {
            let mut data = parsed(&row[2]);
            if row[0] == "todo" {
                data["tag_ids"] = parsed(&row[3]);
            }
            ((text(&row[0]), text(&row[1])), data)
        };
        let copy = mirror["rows"].as_array().unwrap().iter().map(item).collect();
        let held = Follower::holding(copy);
        let names = |data: &Value| -> Vec<Value> {
            let ids = data["tag_ids"].as_array().unwrap().iter();
            ids.map(|id| held.copy[&("tag".to_owned(), text(id))]["name"].clone()).collect()
        };
        for data in held.copy.values().filter(|data| data.get("tag_ids").is_some()) {
            assert_eq!(data["tags"], json!(names(data)), "{data}");
        }
        let state = state(ws).await;
        assert_eq!(held.sorted(), state);
        let mut by_id = |kind: &str| -> BTreeMap<String, Value> {
            let things = mirror[kind].as_array_mut().unwrap().iter_mut();
            things
                .map(|thing| {
                    assert_eq!(thing.as_object_mut().unwrap().remove("pending"), Some(json!(false)));
                    sort_tags(thing);
                    (text(&thing["id"]), thing.take())
                })
                .collect()
        };
        let (todos, lists) = (by_id("todos"), by_id("lists"));
        let expected = state.into_iter().filter(|((kind, _), _)| kind == "todo").map(|((_, id), todo)| (id, todo));
        assert_eq!(todos, expected.collect());
        let expected = ws.all("/api/v2/lists", &[]).await.into_iter().map(|list| (text(&list["id"]), list));
        assert_eq!(lists, expected.collect());
    }
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}
