//! A real Chromium without a window, told what to do by its `DevTools` protocol on a loopback port.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::page::Page;

/// Nothing is waited for longer than this.
const PATIENCE: Duration = Duration::from_mins(2);

/// Starts the browser and ends it when its standard input closes: that is when `Browser` is dropped, and also when the
/// test process ends in any other way.
const SCRIPT: &str = "chromium \"$@\" & browser=$!; exec 2>/dev/null; trap '' INT TERM HUP; read -r _; \
                      kill -KILL $browser; wait $browser; until rm -rf \"$0\"; do sleep 0.1; done";

/// No window, no sandbox (which cannot be had as root), and no connection to anything but loopback.
const OPTIONS: [&str; 14] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-address=127.0.0.1",
    "--remote-debugging-port=0",
];

/// A running browser with a profile of its own. It is killed when this is dropped.
pub(crate) struct Browser {
    shell: Child,
    connection: Arc<Connection>,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Of the window, in CSS pixels.
    pub(crate) width: u32,
    /// Of the window, in CSS pixels.
    pub(crate) height: u32,
    /// Whether the reader prefers dark colours.
    pub(crate) dark: bool,
}

impl Browser {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        let profile = tempfile::Builder::new().prefix("chiplog-chromium").tempdir().unwrap().keep();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(&profile)
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = address(shell.stderr.take().unwrap());
        let address = said.await.unwrap().unwrap_or_else(|text| {
            panic!("chromium does not start: run `scripts/test` once, it installs what is missing\n{text}")
        });
        Self { shell, connection: Connection::open(&address).await }
    }

    /// Opens an address in a tab of its own, which shares nothing with other tabs, and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str, view: &View) -> Page {
        Page::open(self.connection.clone(), url, view).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// The address of the `DevTools` protocol, as soon as the browser says it; what it said instead, if it ends before.
fn address(stderr: ChildStderr) -> oneshot::Receiver<Result<String, String>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let mut sender = Some(sender);
        // Read to the end, so that the browser never waits for a reader.
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("DevTools listening on ") {
                let _ = sender.take().map(|sender| sender.send(Ok(address.to_owned())));
            } else if sender.is_some() {
                text.push_str(&line);
                text.push('\n');
            }
        }
        let _ = sender.map(|sender| sender.send(Err(text)));
    });
    receiver
}

/// The one connection to a browser; its tabs are sessions in it.
pub(crate) struct Connection {
    outgoing: mpsc::UnboundedSender<String>,
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>,
    events: watch::Sender<Vec<Value>>,
    last_id: AtomicU64,
}

impl Connection {
    async fn open(address: &str) -> Arc<Self> {
        let host = address.trim_start_matches("ws://").split('/').next().unwrap();
        let stream = TcpStream::connect(host).await.unwrap();
        // Screenshots are large.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = tokio_tungstenite::client_async_with_config(address, stream, Some(config)).await.unwrap();
        let (outgoing, incoming) = mpsc::unbounded_channel();
        let events = watch::Sender::new(Vec::new());
        let waiting = Arc::default();
        tokio::spawn(pump(socket, incoming, events.clone(), Arc::clone(&waiting)));
        Arc::new(Self { outgoing, waiting, events, last_id: AtomicU64::new(0) })
    }

    /// Sends a command, of a session unless it is for the browser as a whole.
    fn send(&self, session: Option<&str>, method: &str, parameters: &Value, answer: oneshot::Sender<Value>) {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting.lock().unwrap().insert(id, answer);
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        if self.outgoing.send(message.to_string()).is_err() {
            // The browser has ended: whoever waits for the answer learns it.
            self.waiting.lock().unwrap().remove(&id);
        }
    }

    /// Sends a command to the browser whose answer nobody waits for.
    pub(super) fn tell(&self, method: &str, parameters: &Value) {
        self.send(None, method, parameters, oneshot::channel().0);
    }

    /// Sends a command and returns its result.
    pub(super) async fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        let (sender, receiver) = oneshot::channel();
        self.send(session, method, &parameters, sender);
        let answer = tokio::time::timeout(PATIENCE, receiver).await;
        let mut answer = answer
            .unwrap_or_else(|_| panic!("the browser does not answer {method}"))
            .unwrap_or_else(|_| panic!("the browser ended before it answered {method}"));
        assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    /// The events of a session so far, in their order.
    pub(super) fn events(&self, session: &str) -> Vec<Value> {
        self.events.borrow().iter().filter(|event| event["sessionId"] == session).cloned().collect()
    }

    /// Waits until the events so far are what is waited for.
    pub(super) async fn wait_for(&self, what: &str, mut holds: impl FnMut(&[Value]) -> bool) {
        let mut events = self.events.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, events.wait_for(|events| holds(events))).await;
        assert!(arrived.is_ok_and(|it| it.is_ok()), "waited in vain: {what}");
    }
}

/// Carries messages both ways until one side ends.
async fn pump(
    mut socket: WebSocketStream<TcpStream>,
    mut outgoing: mpsc::UnboundedReceiver<String>,
    events: watch::Sender<Vec<Value>>,
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>,
) {
    loop {
        tokio::select! {
            text = outgoing.recv() => {
                let Some(text) = text else { break };
                if socket.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    match message["id"].as_u64() {
                        Some(id) => {
                            let sender = waiting.lock().unwrap().remove(&id);
                            let _ = sender.map(|sender| sender.send(message));
                        }
                        None => events.send_modify(|events| events.push(message)),
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
    // Those who wait learn that no answer comes, and so do those who ask from now on.
    outgoing.close();
    waiting.lock().unwrap().clear();
}
