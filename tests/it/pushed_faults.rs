//! Tools that only send: what comes cut off, mangled, slowly or with a wrong token leaves nothing behind, and what comes well
//! afterwards is all there, once.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use chiplog::facts::Moment;
use chiplog::store::Store;
use serde_json::{Value, json};

use crate::harness::cluster::{Member, all_facts, client};
use crate::harness::program::{Installation, until};
use crate::harness::{environment, now};
use crate::kills::Engine;

/// So many events of each tool.
const EVENTS: i64 = 6;

fn config(store: &str) -> String {
    format!(
        "server.listen = \"127.0.0.1:0\"\n[store]\nurl = \"{store}\"\n[alertmanager]\n[cdevents]\n\
         [reporters.tools]\ntoken_env = \"ARGO_CD_TOKEN\"\nscopes = [\"events/*\"]\n\
         [team.payments]\nrepositories = [\"acme/shop\"]\n\
         [service.shop]\nrepository = \"acme/shop\"\nteam = \"payments\"\ndeployments = {{ environment = \"production\" }}\n"
    )
}

fn alert(number: i64, now: Moment) -> Value {
    let began = (now - chrono::Duration::hours(number + 2)).to_rfc3339();
    json!({
        "version": "4", "groupKey": format!("{{}}:{{service=\"shop\", n=\"{number}\"}}"), "status": "firing", "receiver": "chiplog",
        "groupLabels": { "service": "shop" }, "commonLabels": { "service": "shop", "severity": "page" },
        "commonAnnotations": { "summary": "Slow" }, "externalURL": "http://alertmanager",
        "alerts": [{ "status": "firing", "startsAt": began, "labels": {}, "annotations": {} }],
    })
}

fn deployed(number: i64, now: Moment) -> Value {
    json!({
        "context": { "specversion": "0.5.0", "id": format!("e{number}"), "source": "/ci",
            "type": "dev.cdevents.service.deployed.0.3.0",
            "timestamp": (now - chrono::Duration::hours(number + 1)).to_rfc3339() },
        "subject": { "id": "shop", "source": "/ci", "content": { "environment": { "id": "production" },
            "artifactId": format!("pkg:generic/shop@{number:040}") } },
    })
}

/// How a request goes wrong.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    /// The connection ends in the midst of the body.
    CutOff,
    /// The connection ends in the midst of the headers.
    CutOffAtOnce,
    /// The body is half of it, and says that it is all.
    BrokenJson,
    /// Another document of JSON.
    Other(&'static str),
    Token(&'static str),
    NoToken,
    /// No text.
    NoText,
}

const WRONGS: [Wrong; 11] = [
    Wrong::CutOff,
    Wrong::CutOffAtOnce,
    Wrong::BrokenJson,
    Wrong::Other("[]"),
    Wrong::Other("null"),
    Wrong::Other("{\"hello\":[\"world\"]}"),
    Wrong::Other("{\"alerts\":7,\"context\":[],\"subject\":\"shop\"}"),
    Wrong::Other(""),
    Wrong::Token("a-wrong-token-of-length"),
    Wrong::NoToken,
    Wrong::NoText,
];

struct Sender {
    address: String,
    token: String,
}

impl Sender {
    /// Sends a request in pieces, and returns the status of the answer. `None` where there is none.
    fn send(&self, source: &str, token: Option<&str>, length: usize, pieces: &[&[u8]]) -> Option<u16> {
        let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!(
            "POST /api/v1/webhooks/{source} HTTP/1.1\r\nhost: chiplog\r\nconnection: close\r\n\
             content-type: application/json\r\n{authorization}content-length: {length}\r\n\r\n"
        );
        let mut connection = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        connection.set_nodelay(true).unwrap();
        connection.write_all(head.as_bytes()).unwrap();
        for piece in pieces {
            // Whoever is refused by the token may be hung up on before the body is sent.
            let _ = connection.write_all(piece);
        }
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() < length {
            let _ = connection.shutdown(Shutdown::Write);
        }
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
    }

    fn well(&self, source: &str, event: &Value) -> Option<u16> {
        let body = event.to_string().into_bytes();
        // Byte by byte: a slow sender is a good sender.
        let pieces: Vec<&[u8]> = body.chunks(1).collect();
        self.send(source, Some(&self.token), body.len(), &pieces)
    }

    fn wrongly(&self, source: &str, event: &Value, wrong: Wrong) -> Option<u16> {
        let body = event.to_string().into_bytes();
        let (half, token) = (&body[..body.len() / 2], Some(self.token.as_str()));
        match wrong {
            Wrong::CutOff => self.send(source, token, body.len(), &[half]),
            Wrong::CutOffAtOnce => {
                let mut connection = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
                connection.write_all(b"POST /api/v1/webhooks/").unwrap();
                None
            }
            Wrong::BrokenJson => self.send(source, token, half.len(), &[half]),
            Wrong::Other(text) => self.send(source, token, text.len(), &[text.as_bytes()]),
            Wrong::Token(wrong) => self.send(source, Some(wrong), body.len(), &[&body]),
            Wrong::NoToken => self.send(source, None, body.len(), &[&body]),
            Wrong::NoText => self.send(source, token, half.len(), &[&vec![0xff; half.len()]]),
        }
    }
}

/// Sends all events, each after everything that can go wrong with it where that is wanted, and returns what is stored then and how
/// many requests went wrong.
async fn facts_of(engine: Engine, goes_wrong: bool, now: Moment) -> (Vec<String>, usize) {
    let url = engine.store("sqlite:chiplog.db").await;
    let member = Member::start(Installation::new(&config(&url)), client()).await;
    let url = url.replace("chiplog.db", &member.installation.path("chiplog.db").display().to_string());
    let sender = Sender { address: member.address().to_owned(), token: environment("ARGO_CD_TOKEN").unwrap() };
    let sent = tokio::task::spawn_blocking(move || {
        let mut wrong_requests = 0;
        for number in 1..=EVENTS {
            for (source, event) in [("alertmanager", alert(number, now)), ("cdevents", deployed(number, now))] {
                for wrong in WRONGS.into_iter().filter(|_| goes_wrong) {
                    let status = sender.wrongly(source, &event, wrong);
                    assert!(status.is_none_or(|status| (400..500).contains(&status)), "{source} {wrong:?}: {status:?}");
                    wrong_requests += 1;
                }
                assert_eq!(sender.well(source, &event), Some(202), "{source} {number}");
                assert_eq!(sender.well(source, &event), Some(202), "{source} {number}, again");
            }
        }
        wrong_requests
    });
    let wrong_requests = sent.await.unwrap();
    let store = Store::open(&url).await.unwrap();
    until("all is processed", async || {
        let metrics = member.get("/metrics").await;
        let processed = |source: &str| {
            let name =
                format!("chiplog_webhook_deliveries_total{{outcome=\"processed\",source=\"{source}\"}} {EVENTS}\n");
            metrics.contains(&name)
        };
        processed("alertmanager") && processed("cdevents")
    })
    .await;
    assert!(!member.program.stderr().contains("panicked"), "{}", member.program.stderr());
    (all_facts(&store).await, wrong_requests)
}

async fn leaves_nothing_behind(engine: Engine) {
    let now = now();
    let (expected, _) = facts_of(engine, false, now).await;
    let (found, wrong) = facts_of(engine, true, now).await;
    assert!(expected.len() >= usize::try_from(EVENTS * 2).unwrap(), "{expected:?}");
    assert_eq!(found, expected);
    println!("{engine:?}: {wrong} requests went wrong, {} facts are the same", found.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_wrongly_leaves_nothing_behind_on_sqlite() {
    leaves_nothing_behind(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_wrongly_leaves_nothing_behind_on_postgresql() {
    leaves_nothing_behind(Engine::Postgres).await;
}
