//! A tab of the browser, and what can be asked of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::browser::{Connection, View};

/// What is looked for inside a page, in its own language.
const IN_PAGE: &str = include_str!("in_page.js");

/// More elements than any page has: a walk that is longer goes round in circles.
const LONGEST_WALK: usize = 5000;

/// A tab with one page. It is closed when this is dropped.
pub(crate) struct Page {
    connection: Arc<Connection>,
    context: String,
    session: String,
    view: View,
}

/// What a walk through a page by keyboard found.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Descriptions of all elements that Tab reached, in their order.
    pub(crate) reached: Vec<String>,
    /// Elements that Tab should have reached, or that don't show that they have the focus.
    pub(crate) problems: Vec<String>,
}

impl Page {
    pub(super) async fn open(connection: Arc<Connection>, url: &str, view: &View) -> Self {
        let context = connection.call(None, "Target.createBrowserContext", json!({})).await;
        let context = text(&context["browserContextId"]);
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = connection.call(None, "Target.createTarget", target).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = text(&connection.call(None, "Target.attachToTarget", attach).await["sessionId"]);
        let page = Self { connection, context, session, view: *view };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true })).await;
        // Each tab behaves as if it were the one in front.
        page.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
        page.resize(view.width).await;
        page.emulate("screen").await;
        let started = page.call("Page.navigate", json!({ "url": url })).await;
        assert!(started.get("errorText").is_none(), "{url}: {}", started["errorText"]);
        page.wait_for_load(&format!("{url} is loaded"), |event| event["params"]["loaderId"] == started["loaderId"])
            .await;
        page.settle().await;
        page
    }

    async fn call(&self, method: &str, parameters: Value) -> Value {
        self.connection.call(Some(&self.session), method, parameters).await
    }

    /// Makes the window wider or narrower.
    pub(crate) async fn resize(&self, width: u32) {
        let metrics = json!({ "width": width, "height": self.view.height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Shows the page on a medium: `screen` or `print`. Nothing moves, so that nothing has to be waited for.
    async fn emulate(&self, medium: &str) {
        let scheme = if self.view.dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "media": medium, "features": features })).await;
    }

    /// Waits until a document is loaded that is the wanted one.
    async fn wait_for_load(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let is_it = |event: &Value| {
            event["sessionId"] == self.session
                && event["method"] == "Page.lifecycleEvent"
                && event["params"]["name"] == "load"
                && wanted(event)
        };
        self.connection.wait_for(what, |events| events.iter().any(is_it)).await;
    }

    /// Waits until fonts are there and the page has been painted.
    async fn settle(&self) {
        let painted = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))";
        self.evaluate(&format!("document.fonts.ready.then(() => {painted}).then(() => null)")).await;
    }

    /// The value of an expression of JavaScript; a promise is waited for.
    pub(crate) async fn evaluate(&self, javascript: &str) -> Value {
        let parameters = json!({ "expression": javascript, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", parameters).await;
        let thrown = answer.get("exceptionDetails");
        assert!(thrown.is_none(), "{}: {thrown:?}", javascript.chars().take(200).collect::<String>());
        answer["result"]["value"].take()
    }

    /// The value of an expression that may use what `in_page.js` defines.
    pub(super) async fn script(&self, expression: &str) -> Value {
        self.evaluate(&format!("(() => {{\n{IN_PAGE}\nreturn {expression};\n}})()")).await
    }

    /// What the browser complained about since the page was opened: errors and warnings on the console, exceptions that
    /// nobody caught, requests that failed, and what a content security policy forbade.
    pub(crate) async fn console_problems(&self) -> Vec<String> {
        // What the page had to say before this answer has arrived with it.
        self.evaluate("null").await;
        let events = self.connection.events(&self.session);
        let addresses: BTreeMap<String, String> = events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .map(|event| (text(&event["params"]["requestId"]), text(&event["params"]["request"]["url"])))
            .collect();
        events.iter().filter_map(|event| problem(event, &addresses)).collect()
    }

    /// What axe-core finds of serious or critical impact on people who see, hear or move differently: a text for each
    /// rule that is broken, with some of the places.
    pub(crate) async fn accessibility_violations(&self) -> Vec<String> {
        let path = project_path("target/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{} is missing ({error}): run `scripts/test` once", path.display()));
        self.evaluate(&format!("{axe}\n;null")).await;
        let tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
        let options = json!({
            "runOnly": { "type": "tag", "values": tags },
            // Off by default in axe-core, though it is part of WCAG 2.2 AA.
            "rules": { "target-size": { "enabled": true } },
        });
        let found = self.evaluate(&format!("axe.run(document, {options})")).await;
        assert!(found["passes"].as_array().is_some_and(|it| !it.is_empty()), "axe-core checked nothing");
        let violations = found["violations"].as_array().unwrap().iter();
        violations
            .filter(|it| it["impact"] == "serious" || it["impact"] == "critical")
            .map(|violation| {
                let nodes = violation["nodes"].as_array().unwrap();
                let places: Vec<String> = nodes.iter().take(3).map(|node| node["target"].to_string()).collect();
                let others = if nodes.len() > 3 { format!(" and {} more", nodes.len() - 3) } else { String::new() };
                let summary = text(&nodes[0]["failureSummary"]).replace('\n', " ");
                let (id, impact) = (text(&violation["id"]), text(&violation["impact"]));
                format!("{id} ({impact}) at {}{others}: {summary}", places.join(", "))
            })
            .collect()
    }

    /// Presses a key and lets it go.
    pub(crate) async fn press(&self, key: &str) {
        let (code, printed) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            " " => (32, Some(" ")),
            _ => panic!("add the code of the key {key}"),
        };
        let mut event = json!({ "type": "rawKeyDown", "key": key, "code": key, "windowsVirtualKeyCode": code });
        if let Some(printed) = printed {
            event["type"] = "keyDown".into();
            event["text"] = printed.into();
        }
        self.call("Input.dispatchKeyEvent", event.clone()).await;
        event["type"] = "keyUp".into();
        event.as_object_mut().unwrap().remove("text");
        self.call("Input.dispatchKeyEvent", event).await;
    }

    /// Presses a key that leads to another page, and waits until that is loaded.
    pub(crate) async fn press_and_load(&self, key: &str) {
        let loads = |events: &[Value]| {
            let of_this = events.iter().filter(|event| event["sessionId"] == self.session);
            of_this.filter(|event| event["method"] == "Page.loadEventFired").count()
        };
        let before = loads(&self.connection.events(&self.session));
        self.press(key).await;
        let what = format!("{key} leads to another page");
        self.connection.wait_for(&what, |events| loads(events) > before).await;
        self.settle().await;
    }

    /// Says which element has the focus.
    pub(crate) async fn focused(&self) -> String {
        text(&self.script("describe(document.activeElement)").await)
    }

    /// Walks through the whole page with Tab.
    pub(crate) async fn walk(&self) -> Walk {
        self.script("walkBegins()").await;
        let mut walk = Walk { reached: Vec::new(), problems: Vec::new() };
        for _ in 0..LONGEST_WALK {
            self.press("Tab").await;
            let step = self.script("walkStep()").await;
            if step.is_null() {
                break;
            }
            if let Some(reached) = step["reached"].as_str() {
                if step["indicated"] == false {
                    walk.problems.push(format!("{reached} does not show that it has the focus"));
                }
                walk.reached.push(reached.to_owned());
            }
        }
        let missed = self.script("walkEnds()").await;
        walk.problems.extend(texts(&missed).into_iter().map(|it| format!("{it} is not reached by keyboard")));
        walk
    }

    /// What makes the page scroll sideways at its width, and what scrolls sideways itself but not by keyboard.
    pub(crate) async fn overflowing(&self) -> Vec<String> {
        texts(&self.script("overflowing()").await)
    }

    /// Writes an image of the whole page as PNG.
    pub(crate) async fn screenshot(&self, path: &Path) {
        let size = self.call("Page.getLayoutMetrics", json!({})).await["cssContentSize"].take();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let options = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let image = self.call("Page.captureScreenshot", options).await;
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, BASE64.decode(text(&image["data"])).unwrap()).unwrap();
    }

    /// The page as it is printed on A4, unless its own `@page` says otherwise.
    pub(crate) async fn print_to_pdf(&self) -> Vec<u8> {
        let options = json!({
            "paperWidth": 8.27,
            "paperHeight": 11.69,
            "printBackground": false,
            "preferCSSPageSize": true,
        });
        self.emulate("print").await;
        let printed = self.call("Page.printToPDF", options).await;
        self.emulate("screen").await;
        BASE64.decode(text(&printed["data"])).unwrap()
    }

    /// The value of an expression of `in_page.js` while the page is laid out as for print.
    pub(super) async fn script_in_print(&self, expression: &str) -> Value {
        self.emulate("print").await;
        let width = self.script("printedWidth()").await.as_f64().unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a page is some hundred pixels wide"
        )]
        self.resize(width as u32).await;
        let value = self.script(expression).await;
        self.resize(self.view.width).await;
        self.emulate("screen").await;
        value
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.connection.tell("Target.disposeBrowserContext", &json!({ "browserContextId": self.context }));
    }
}

/// A path inside the project.
pub(crate) fn project_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What an event complains about, if it does. The addresses are those of the requests by their ids.
fn problem(event: &Value, addresses: &BTreeMap<String, String>) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" => {
            let kind = parameters["type"].as_str()?;
            let said = parameters["args"].as_array()?.iter();
            let said: Vec<String> = said.map(|it| text(it.get("value").unwrap_or(&it["description"]))).collect();
            matches!(kind, "error" | "warning" | "assert").then(|| format!("console, {kind}: {}", said.join(" ")))
        }
        "Runtime.exceptionThrown" => {
            let details = &parameters["exceptionDetails"];
            Some(format!("exception: {} {}", text(&details["text"]), text(&details["exception"]["description"])))
        }
        "Log.entryAdded" => {
            let entry = &parameters["entry"];
            let level = entry["level"].as_str()?;
            // What the network says here is told by its own events, below.
            let counts = matches!(level, "error" | "warning") && entry["source"] != "network";
            counts.then(|| format!("{}, {level}: {}", text(&entry["source"]), text(&entry["text"])))
        }
        "Network.loadingFailed" => {
            let address = addresses.get(&text(&parameters["requestId"])).cloned().unwrap_or_default();
            // A page that is left cancels what it still loads.
            let failed = parameters["canceled"] != true || parameters.get("blockedReason").is_some();
            failed.then(|| format!("a request failed: {} for {address}", text(&parameters["errorText"])))
        }
        "Network.responseReceived" => {
            let status = parameters["response"]["status"].as_u64()?;
            (status >= 400).then(|| format!("a request failed: {status} for {}", text(&parameters["response"]["url"])))
        }
        _ => None,
    }
}

/// A text as it is, nothing as an empty text, anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A list of texts.
pub(super) fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}
