//! The documentation pages in a real browser: they render, list every operation, execute requests, log nothing to the
//! console and ask nothing of anybody but this service. Then a page of another origin, which has of the API of
//! Todo-Backend what its public specs demand; and these specs themselves, where their folder is given.
//!
//! `cargo xtask docs-check` runs this, and installs Chromium where it is missing. An ordinary test run leaves it out.
//! With `TODO_BASE_URL` and `TODO_ADMIN_TOKEN` it looks at a running server, else at a todo-host in this process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]

mod service;
mod webdriver;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use service::Service;
use webdriver::{Browser, SELECT_ALL};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: run `cargo xtask docs-check`"]
async fn the_documentation_works_in_a_browser() {
    let service = Service::start().await;
    let browser = Browser::start().await;
    let check = Check { service: &service, browser: &browser };
    let body = r#"{"title":"Water the plants"}"#;
    // Without a body of ours, the page sends the example of the document.
    check.reference("v2", &[("GET", "/api/v2/me", "", "200"), ("POST", "/api/v2/todos", "", "201")]).await;
    check.reference("v1", &[("GET", "/api/v1/todos", "", "200"), ("POST", "/api/v1/todos", body, "201")]).await;
    check.text_page("/docs/errors#stale_version", "stale_version").await;
    check.text_page("/docs/lists#order", "order").await;
    check.text_page("/docs/migrating#ids", "ids").await;
    check.text_page("/docs/assistants#tools", "tools").await;
    for path in [
        "/docs",
        "/docs?version=v1",
        "/docs/assistants",
        "/docs/errors",
        "/docs/lists",
        "/docs/migrating",
        "/docs/sync",
    ] {
        check.fits(path).await;
    }
    browser.quit().await;
    service.stop().await;
}

/// How many specs there are.
const SPECS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: run `cargo xtask docs-check`"]
async fn a_page_of_another_origin_has_what_todo_backend_demands() {
    let host = service::embedded("development", "off").await;
    let browser = Browser::start().await;
    let faults = async |collection: &str| {
        let page = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/tests/browser/todobackend.html");
        browser.open(&format!("{page}?{}{collection}", host.url())).await;
        let faults = browser.until("what is wrong", "return window.faults", json!([])).await;
        serde_json::from_value::<BTreeMap<String, String>>(faults).unwrap()
    };
    let mut found = faults("/todobackend").await;
    println!("tried of Todo-Backend by a page of another origin: {:#?}", found.keys());
    assert_eq!(found.len(), SPECS);
    found.retain(|_, fault| !fault.is_empty());
    assert!(found.is_empty(), "{found:#?}");
    // The browser shows such a page nothing else of the service.
    let found = faults("/api/v2/todos").await;
    assert!(found.values().all(|fault| fault.contains("Failed to fetch")), "{found:#?}");
    browser.quit().await;
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and the specs: run `cargo xtask docs-check --todo-backend FOLDER`"]
async fn the_public_specs_of_todo_backend_pass_in_a_browser() {
    let folder = std::env::var("TODO_BACKEND_SPECS").expect("run `cargo xtask docs-check --todo-backend FOLDER`");
    let host = service::embedded("development", "off").await;
    let browser = Browser::start().await;
    // A file's origin is another than the service's, as that of any client is.
    browser.open(&format!("file://{folder}/index.html?{}/todobackend", host.url())).await;
    // The specs hold a global variable that comes while they run against the service.
    let all = "document.querySelectorAll('#mocha-report .test').length";
    let began = Instant::now();
    while browser.value(all).await.as_u64().is_none_or(|count| count < SPECS as u64) {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the specs do not end: {}",
            browser.value("document.body.innerText").await
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = |outcome: &str| {
        format!(
            "[...document.querySelectorAll('#mocha-report .test.{outcome}')].map(test => test.innerText.slice(0, 500))"
        )
    };
    let failed = browser.value(&told("fail")).await;
    assert_eq!(failed, json!([]), "in {folder}");
    let passed: Vec<String> = serde_json::from_value(browser.value(&told("pass")).await).unwrap();
    let passed: Vec<&str> = passed.iter().filter_map(|text| text.lines().next()).collect();
    assert_eq!(passed.len(), SPECS, "{passed:#?}");
    println!("{} specs of Todo-Backend passed: {passed:#?}", passed.len());
    browser.quit().await;
    host.shutdown().await;
}

struct Check<'a> {
    service: &'a Service,
    browser: &'a Browser,
}

impl Check<'_> {
    /// The interactive page of a version: complete, and able to execute each of these operations (method, path, body)
    /// with the status given.
    async fn reference(&self, version: &str, calls: &[(&str, &str, &str, &str)]) {
        self.browser.screen(1280, "light").await;
        self.open(&format!("/docs?version={version}")).await;
        self.browser.until("operations", "return document.querySelectorAll('.opblock').length", json!([])).await;

        let document = self.service.get(&format!("/api/{version}/openapi.json")).await;
        let listed = self.browser.run(LISTED, json!([])).await;
        let listed: BTreeSet<_> =
            listed.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        assert_eq!(listed, operations(&document), "{version}: the page and the OpenAPI document differ");

        let (method, path, ..) = calls[0];
        self.authorize(method, path).await;
        for (method, path, body, status) in calls {
            let shown = self.execute(method, path, body).await;
            assert_eq!(shown, *status, "{method} {path} executed from the page");
        }
        self.picture(version).await;
        self.is_quiet(&format!("the reference of {version}")).await;
    }

    /// Hands the page a token, behind the lock of an operation: there it asks only for the scheme of that operation.
    async fn authorize(&self, method: &str, path: &str) {
        let place = self.place(method, path).await;
        self.browser.click(&self.browser.find(&format!("{place} .authorization__btn")).await).await;
        let field = self.browser.find(".modal-ux .auth-container input").await;
        self.browser.write(&field, &self.service.token).await;
        self.browser.click(&self.browser.find(".modal-ux .authorize").await).await;
        self.browser.click(&self.browser.find(".modal-ux .btn-done").await).await;
    }

    /// A selector of the block of an operation.
    async fn place(&self, method: &str, path: &str) -> String {
        let id = self.browser.until("the operation", OPERATION, json!([method, path])).await;
        format!("#{}", id.as_str().unwrap())
    }

    /// Unfolds an operation, writes its body if it has one, presses Execute and returns the status that the page shows.
    async fn execute(&self, method: &str, path: &str, body: &str) -> String {
        let place = self.place(method, path).await;
        self.browser.click(&self.browser.find(&format!("{place} .opblock-summary-control")).await).await;
        if !body.is_empty() {
            let field = self.browser.find(&format!("{place} textarea")).await;
            self.browser.write(&field, &format!("{SELECT_ALL}{body}")).await;
        }
        self.browser.click(&self.browser.find(&format!("{place} button.execute")).await).await;
        let cell = format!("{place} .live-responses-table .response .response-col_status");
        let script = "return (document.querySelector(arguments[0])?.innerText ?? '').trim().split(/\\s/)[0]";
        self.browser.until("a response", script, json!([cell])).await.as_str().unwrap().to_owned()
    }

    /// A page of text: it has a heading, and the anchor leads somewhere.
    async fn text_page(&self, path: &str, anchor: &str) {
        self.browser.screen(1280, "dark").await;
        self.open(path).await;
        self.browser.find("main h1").await;
        let target = self.browser.run("return document.querySelector(':target')?.id", json!([])).await;
        assert_eq!(target, anchor, "{path}");
        self.picture(anchor).await;
        self.is_quiet(path).await;
    }

    /// Nothing sticks out on a small phone.
    async fn fits(&self, path: &str) {
        self.browser.screen(360, "dark").await;
        self.open(path).await;
        if path.starts_with("/docs?") || path == "/docs" {
            self.browser.find(".opblock").await;
        }
        let excess = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(self.browser.run(excess, json!([])).await, 0, "{path} is wider than a phone by so many pixels");
        self.picture(&format!("phone-{}", path.trim_start_matches('/').replace(['/', '?', '='], "-"))).await;
        self.is_quiet(path).await;
    }

    async fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.service.url)).await;
    }

    /// Nothing on the console, and no request that leaves this service.
    async fn is_quiet(&self, what: &str) {
        let console = self.browser.console().await;
        assert!(console.is_empty(), "{what} writes to the console: {console:#?}");
        let requests = self.browser.requests().await;
        assert!(!requests.is_empty(), "{what}: no request was recorded, so nothing was checked");
        let own = format!("{}/", self.service.url);
        let foreign: Vec<_> =
            requests.iter().filter(|url| !url.starts_with(&own) && !url.starts_with("data:")).collect();
        assert!(foreign.is_empty(), "{what} asks others: {foreign:#?}");
    }

    /// Leaves a picture for people under `target/tmp/`.
    async fn picture(&self, name: &str) {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let png = BASE64_STANDARD.decode(self.browser.picture().await).unwrap();
        std::fs::write(format!("{}/docs-{name}.png", env!("CARGO_TARGET_TMPDIR")), png).unwrap();
    }
}

/// Every operation on the page, as `GET /path`. Line breaks of long paths are the page's own.
const LISTED: &str = "return [...document.querySelectorAll('.opblock')].map(block => \
     block.querySelector('.opblock-summary-method').innerText.trim() + ' ' + \
     block.querySelector('[data-path]').dataset.path)";

/// The id of the block of an operation, escaped for a selector.
const OPERATION: &str = "const [method, path] = arguments; \
     const block = [...document.querySelectorAll('.opblock')].find(block => \
     block.querySelector('.opblock-summary-method').innerText.trim() === method \
     && block.querySelector('[data-path]').dataset.path === path); \
     return block && CSS.escape(block.id)";

/// Every operation of an OpenAPI document, as `GET /path`.
fn operations(document: &Value) -> BTreeSet<String> {
    let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    let paths = document["paths"].as_object().expect("an OpenAPI document has paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let present = methods.iter().filter(|method| item.get(**method).is_some());
            present.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}
