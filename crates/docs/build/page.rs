//! Puts the pages together: a layout, a body of its own, and for the errors the lists in `src/problems.rs`.

use crate::problems::{FAULTS, PROBLEMS, ProblemEntry};
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fmt::Write as _, fs};

/// A finished page and the path it is served at.
pub struct Page {
    pub path: &'static str,
    pub html: String,
}

struct Source {
    path: &'static str,
    file: &'static str,
    title: &'static str,
    description: &'static str,
    /// More lines for the head of the page.
    head: &'static str,
    /// The class of the page's main part.
    class: &'static str,
}

const REFERENCE_HEAD: &str = r#"<link rel="stylesheet" href="{{asset swagger-ui.css}}">
<link rel="stylesheet" href="{{asset reference.css}}">
<script src="{{asset swagger-ui.js}}" defer></script>
<script src="{{asset reference.js}}" defer></script>"#;

/// The last two are sent with an error status; their paths are not served.
const SOURCES: [Source; 8] = [
    Source {
        path: "/docs",
        file: "reference.html",
        title: "API reference",
        description: "Every operation of the todo API, to read and to try.",
        head: REFERENCE_HEAD,
        class: "reference",
    },
    Source {
        path: "/docs/assistants",
        file: "assistants.html",
        title: "Assistants",
        description: "How to connect an assistant to the todo API, what its tools may do, and what to tell people.",
        head: "",
        class: "prose",
    },
    Source {
        path: "/docs/errors",
        file: "errors.html",
        title: "Errors",
        description: "Every problem code of the todo API: what it means and what to do.",
        head: "",
        class: "prose",
    },
    Source {
        path: "/docs/lists",
        file: "lists.html",
        title: "Lists, subtasks, order",
        description: "How lists, subtasks and an order of one's own work in the todo API, and their limits.",
        head: "",
        class: "prose",
    },
    Source {
        path: "/docs/migrating",
        file: "migrating.html",
        title: "Migrating to v2",
        description: "How to move from v1 to v2 of the todo API, route by route and field by field.",
        head: "",
        class: "prose",
    },
    Source {
        path: "/docs/sync",
        file: "sync.html",
        title: "Keeping a copy",
        description: "How to write a client that keeps a copy of a workspace of the todo API, and what goes wrong.",
        head: "",
        class: "prose",
    },
    Source {
        path: ":not-found",
        file: "not-found.html",
        title: "Page not found",
        description: "There is no such page.",
        head: "",
        class: "prose",
    },
    Source {
        path: ":method-not-allowed",
        file: "method-not-allowed.html",
        title: "Method not allowed",
        description: "These pages can only be read.",
        head: "",
        class: "prose",
    },
];

/// Renders every page; links to assets are still placeholders.
pub fn all() -> Result<Vec<Page>> {
    let layout = read("layout.html")?;
    SOURCES.iter().map(|source| render(&layout, source)).collect()
}

fn render(layout: &str, source: &Source) -> Result<Page> {
    let body = read(source.file)?
        .replace("{{contents}}", &contents())
        .replace("{{problems}}", &problems())
        .replace("{{faults}}", &faults());
    let mut html = layout
        .replace("{{title}}", source.title)
        .replace("{{description}}", source.description)
        .replace("{{class}}", source.class)
        .replace("{{head}}", source.head)
        .replace("{{body}}", &body);
    // The link to the page itself says so to a screen reader and to the stylesheet.
    html = html.replace(
        &format!(r#"<a href="{}" data-nav>"#, source.path),
        &format!(r#"<a href="{}" aria-current="page">"#, source.path),
    );
    Ok(Page { path: source.path, html: html.replace(" data-nav>", ">") })
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(format!("pages/{file}")).with_context(|| format!("reading pages/{file}"))
}

fn by_status() -> BTreeMap<u16, Vec<&'static ProblemEntry>> {
    let mut groups = BTreeMap::<u16, Vec<_>>::new();
    for problem in PROBLEMS {
        groups.entry(problem.status).or_default().push(problem);
    }
    groups
}

/// The table of contents: a line for each status.
fn contents() -> String {
    let mut html = String::from("<ul class=\"contents\">\n");
    for (status, group) in by_status() {
        let links: Vec<String> =
            group.iter().map(|problem| format!("<a href=\"#{0}\"><code>{0}</code></a>", problem.code)).collect();
        let _ = writeln!(
            html,
            "<li><span class=\"status s{}\">{status}</span> <span>{}</span></li>",
            status / 100,
            links.join(" ")
        );
    }
    html.push_str("</ul>");
    html
}

fn problems() -> String {
    let mut html = String::new();
    for problem in by_status().into_values().flatten() {
        let ProblemEntry { code, status, title, meaning, remedy } = problem;
        let _ = writeln!(
            html,
            "<section class=\"problem\" id=\"{code}\" aria-labelledby=\"{code}-title\">\n\
             <h3 id=\"{code}-title\"><span class=\"status s{}\">{status}</span> {}\n\
             <a class=\"anchor\" href=\"#{code}\"><code>{code}</code></a></h3>\n\
             <p>{}</p>\n<p class=\"remedy\"><strong>What to do.</strong> {}</p>\n</section>",
            status / 100,
            text(title),
            text(meaning),
            text(remedy),
        );
    }
    html
}

fn faults() -> String {
    let mut html = String::from("<dl class=\"faults\">\n");
    for fault in FAULTS {
        let _ = writeln!(
            html,
            "<dt id=\"fault-{0}\"><a class=\"anchor\" href=\"#fault-{0}\"><code>{0}</code></a></dt>\n<dd>{1}</dd>",
            fault.code,
            text(fault.meaning)
        );
    }
    html.push_str("</dl>");
    html
}

/// Escapes a text and sets what stands between backticks as code.
fn text(source: &str) -> String {
    let escaped = source.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped
        .split('`')
        .enumerate()
        .map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_string() })
        .collect()
}
