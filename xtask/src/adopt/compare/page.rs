//! What a page should hold, by what the todos themselves tell.

use serde_json::Value;

/// The page that both give where none is asked for.
const DEFAULT_PAGE: usize = 50;

/// What filters ask of a todo.
pub struct Known {
    pub id: i64,
    pub status: String,
    pub priority: String,
}

impl Known {
    /// As the todo tells it.
    pub fn of(todo: &Value) -> Self {
        let word = |field: &str| todo.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { id: todo["id"].as_i64().unwrap_or_default(), status: word("status"), priority: word("priority") }
    }
}

/// A page to ask for.
#[derive(Default)]
pub struct Page<'a> {
    pub status: Option<&'a str>,
    pub priority: Option<&'a str>,
    pub skip: usize,
    /// The last id of the page before, which the application after its owners' plan asks for instead of `skip`.
    pub behind: i64,
    pub limit: Option<usize>,
}

impl Page<'_> {
    /// Its address.
    pub fn path(&self) -> String {
        self.from(&format!("skip={}", self.skip))
    }

    /// Its address in the application after its owners' plan.
    pub fn path_of_plan(&self) -> String {
        self.from(&format!("cursor={}", self.behind))
    }

    fn from(&self, place: &str) -> String {
        let mut path = format!("/todos?{place}");
        for (name, word) in [("status", self.status), ("priority", self.priority)] {
            path += &word.map_or(String::new(), |word| format!("&{name}={word}"));
        }
        path + &self.limit.map_or(String::new(), |limit| format!("&limit={limit}"))
    }

    /// The ids that it has if these are all todos.
    pub fn of(&self, known: &[Known]) -> Vec<i64> {
        let wanted = |asked: Option<&str>, word: &str| asked.is_none_or(|asked| asked == word);
        let matching =
            known.iter().filter(|todo| wanted(self.status, &todo.status) && wanted(self.priority, &todo.priority));
        matching.map(|todo| todo.id).skip(self.skip).take(self.limit.unwrap_or(DEFAULT_PAGE)).collect()
    }
}
