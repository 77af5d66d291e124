//! As much of WebDriver (W3C) as the check needs, over chromedriver: one browser, one page.
//!
//! A client library was the road not taken: the protocol is a handful of JSON calls, and what matters here, the console
//! and the list of requests, are Chromium's own extensions, which the libraries pass through as JSON anyway.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// A headless Chromium with an empty profile.
pub struct Browser {
    driver: Child,
    http: Client,
    session: String,
}

/// An element of the page.
pub struct Element(String);

/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Typed before a text, it replaces what is there: Control and A, as WebDriver spells the keys.
pub const SELECT_ALL: &str = "\u{e009}a\u{e000}";

/// How long the page may take to do what it is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

impl Browser {
    /// Starts chromedriver on a port of its choice, and the browser.
    pub async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is not installed: `cargo xtask docs-check` installs it");
        let announced = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok).find_map(|line| {
            let port = line.split_once("started successfully on port ")?.1;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = announced.expect("chromedriver did not say where it listens");
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let mut browser = Self { driver, http, session: format!("http://127.0.0.1:{port}/session") };
        let created = browser.call(Method::POST, "", capabilities()).await;
        let _ = write!(browser.session, "/{}", created["sessionId"].as_str().expect("a session has an id"));
        browser
    }

    /// Opens a page and waits until it has loaded.
    pub async fn open(&self, url: &str) {
        self.call(Method::POST, "/url", json!({ "url": url })).await;
    }

    /// Runs a function body in the page and returns what it returns.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.call(Method::POST, "/execute/sync", json!({ "script": script, "args": arguments })).await
    }

    /// Waits until the script returns something true.
    pub async fn until(&self, what: &str, script: &str, arguments: Value) -> Value {
        let began = Instant::now();
        loop {
            let value = self.run(script, arguments.clone()).await;
            if !matches!(value, Value::Null | Value::Bool(false)) && value != json!(0) && value != json!("") {
                return value;
            }
            assert!(began.elapsed() < PATIENCE, "the page never showed {what}; its text is: {}", self.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn text(&self) -> Value {
        self.run("return document.body.innerText.slice(0, 2000)", json!([])).await
    }

    /// Waits for an element that a CSS selector finds.
    pub async fn find(&self, selector: &str) -> Element {
        let found = self.until(selector, "return document.querySelector(arguments[0])", json!([selector])).await;
        Element(found[ELEMENT].as_str().expect("an element").to_owned())
    }

    /// Clicks as a person does: it fails if something covers the element.
    pub async fn click(&self, element: &Element) {
        self.run("arguments[0].scrollIntoView({block: 'center'})", json!([{ ELEMENT: element.0 }])).await;
        self.call(Method::POST, &format!("/element/{}/click", element.0), json!({})).await;
    }

    /// Types into a field.
    pub async fn write(&self, element: &Element, text: &str) {
        self.call(Method::POST, &format!("/element/{}/value", element.0), json!({ "text": text })).await;
    }

    /// What the console has shown since the last call, Chromium's own complaints (policy, network) included.
    pub async fn console(&self) -> Vec<Value> {
        self.log("browser").await
    }

    /// The URL of each request the page has made since the last call.
    pub async fn requests(&self) -> Vec<String> {
        let entries = self.log("performance").await.into_iter();
        entries
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok())
            .filter(|event| event["message"]["method"] == "Network.requestWillBeSent")
            .filter_map(|event| event["message"]["params"]["request"]["url"].as_str().map(str::to_owned))
            .collect()
    }

    /// Pretends a screen of this width, in CSS pixels, and a colour scheme.
    pub async fn screen(&self, width: u32, scheme: &str) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// A picture of the page, as PNG in base64.
    pub async fn picture(&self) -> String {
        self.call(Method::GET, "/screenshot", Value::Null).await.as_str().unwrap_or_default().to_owned()
    }

    /// The value of an expression, asked for past WebDriver, whose scripts leave global variables in the page.
    pub async fn value(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.devtools("Runtime.evaluate", parameters).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.call(Method::POST, "/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.call(Method::POST, "/se/log", json!({ "type": kind })).await;
        log.as_array().cloned().unwrap_or_default()
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("chromedriver, {path}: {error:?}"));
        let good = answer.status().is_success();
        let mut answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(good, "{path}: {}: {}", answer["value"]["error"], answer["value"]["message"]);
        answer["value"].take()
    }

    /// Ends the browser and its driver.
    pub async fn quit(self) {
        self.call(Method::DELETE, "", Value::Null).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver takes its browser with it.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn capabilities() -> Value {
    // No sandbox: the check often runs as root in a container. Nothing but the service under test is opened. The rest
    // keeps Chromium itself from asking its maker's servers for anything.
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--window-size=1280,900",
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    } } })
}
