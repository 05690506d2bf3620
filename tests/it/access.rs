//! Who may read and who may write, by the real program: passwords, a proxy, TLS, tokens, and what browsers are told.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::{Client, RequestBuilder, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::program::{Installation, Program};

const PASSWORD: &str = "correct horse battery";

/// What is read.
const READ: &[&str] = &[
    "/",
    "/metrics",
    "/collection",
    "/data-quality",
    "/teams/payments",
    "/api/v1/teams",
    "/api/v1/openapi.json",
    "/nowhere",
];

struct Running {
    installation: Installation,
    program: Program,
    address: String,
    client: Client,
}

impl Running {
    async fn start(server: &str, files: &[(&str, &[u8])]) -> Self {
        chiplog::sources::http::install_crypto_provider();
        let installation = Installation::new(&format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n{server}\n[store]\nurl = \"sqlite:chiplog.db\"\n\
             [alertmanager]\nmatch = {{ severity = \"page\" }}\n[team.payments]\nrepositories = [\"acme/ledger\"]\n"
        ));
        for (name, contents) in files {
            std::fs::write(installation.path(name), contents).unwrap();
        }
        let mut program = installation.start(&["serve"]);
        let address = program.address().await;
        let mut client = Client::builder();
        if let Some((_, certificate)) = files.iter().find(|(name, _)| *name == "tls.crt") {
            client = client.tls_certs_only([reqwest::Certificate::from_pem(certificate).unwrap()]);
        }
        Self { installation, program, address, client: client.build().unwrap() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.address))
    }

    async fn status(&self, path: &str, with: impl Fn(RequestBuilder) -> RequestBuilder) -> u16 {
        with(self.get(path)).send().await.unwrap().status().as_u16()
    }
}

/// The line of the configuration that knows the user `grafana`, as the program itself makes it.
fn user() -> String {
    let installation = Installation::new("");
    let mut hashing =
        installation.command(&["hash-password"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    hashing.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    let hash = String::from_utf8(hashing.wait_with_output().unwrap().stdout).unwrap();
    format!("basic_auth_users = {{ grafana = \"{}\" }}", hash.trim())
}

fn challenge(answer: &Response) -> Option<&str> {
    answer.headers().get("www-authenticate")?.to_str().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_needs_the_password_and_whoever_asks_for_health_does_not() {
    let running = Running::start(&user(), &[]).await;
    for path in READ {
        let answer = running.get(path).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), challenge(&answer)),
            (401, Some("Basic realm=\"chiplog\", charset=\"UTF-8\"")),
            "{path}"
        );
        let allowed = running.status(path, |request| request.basic_auth("grafana", Some(PASSWORD))).await;
        assert!(matches!(allowed, 200 | 404 | 503), "{path}: {allowed}");
        assert_eq!(running.status(path, |request| request.basic_auth("grafana", Some("a guess"))).await, 401, "{path}");
    }
    assert_eq!(running.status("/-/healthy", |request| request).await, 200);
    assert!(matches!(running.status("/-/ready", |request| request).await, 200 | 503));
    // Who writes is asked for a token, not for the password, and is told nothing about teams without one.
    for team in ["payments", "nobody"] {
        let url = format!("{}/api/v1/teams/{team}/reviews/2026-10/actions", running.address);
        let answer = running.client.put(url).body("Deploy smaller").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), challenge(&answer)), (401, Some("Bearer")), "{team}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_not_looked_at_for_ever() {
    let running = Running::start(&user(), &[]).await;
    let right = |request: RequestBuilder| request.basic_auth("grafana", Some(PASSWORD));
    assert_eq!(running.status("/-/healthy", right).await, 200);
    assert_eq!(running.status("/api/v1/openapi.json", right).await, 200);
    let mut statuses = Vec::new();
    for guess in 0..21 {
        statuses
            .push(running.status("/metrics", |request| request.basic_auth("grafana", Some(guess.to_string()))).await);
    }
    assert_eq!(statuses.pop(), Some(429));
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    assert_eq!(running.status("/api/v1/openapi.json", right).await, 200, "who was in before is not locked out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_believed_where_it_is_configured_and_nowhere_else() {
    let named = |request: RequestBuilder| request.header("X-Forwarded-User", "somebody");
    let here = Running::start("trusted_proxy = { addresses = [\"127.0.0.0/8\"] }", &[]).await;
    assert_eq!(here.status("/api/v1/openapi.json", named).await, 200);
    assert_eq!(here.status("/api/v1/openapi.json", |request| request).await, 403);
    assert_eq!(here.status("/api/v1/openapi.json", |request| request.header("X-Forwarded-User", "")).await, 403);
    assert!(!here.program.stderr().contains("somebody"));

    let elsewhere = Running::start(&format!("trusted_proxy = {{ addresses = [\"10.1.2.3\"] }}\n{}", user()), &[]).await;
    assert_eq!(elsewhere.status("/metrics", named).await, 401, "anybody can send the header");
    let allowed = elsewhere.status("/metrics", |request| request.basic_auth("grafana", Some(PASSWORD))).await;
    assert_eq!(allowed, 200, "either suffices");
}

/// A certificate of its own for loopback, and its key.
fn certificate(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let (key, certificate) = (folder.join("new.key"), folder.join("new.crt"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=chiplog", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (std::fs::read(certificate).unwrap(), std::fs::read(key).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_serves_with_the_certificate_and_says_what_is_wrong_with_another() {
    let folder = tempfile::tempdir().unwrap();
    let ((certificate, key), (_, other_key)) = (certificate(folder.path()), certificate(folder.path()));
    let server = "tls = { cert_file = \"tls.crt\", key_file = \"tls.key\" }";
    let mut running = Running::start(server, &[("tls.crt", &certificate), ("tls.key", &key)]).await;
    assert!(running.address.starts_with("https://127.0.0.1:"), "{}", running.address);
    assert_eq!(running.status("/metrics", |request| request).await, 200);
    let plain = Client::builder().build().unwrap().get(running.address.replace("https:", "http:")).send().await;
    assert!(plain.is_err(), "{plain:?}");
    let health = running.installation.run_well(&["health", "--url", &format!("{}/-/healthy", running.address)]);
    assert_eq!(health, "chiplog is healthy.\n");
    assert_eq!(running.program.terminate(), Some(0));

    for (file, contents, expected) in [
        ("tls.key", other_key.as_slice(), "cannot be used together"),
        ("tls.key", b"nothing", "a private key"),
        ("tls.crt", b"nothing", "cannot be used together"),
    ] {
        std::fs::write(running.installation.path("tls.crt"), &certificate).unwrap();
        std::fs::write(running.installation.path("tls.key"), &key).unwrap();
        std::fs::write(running.installation.path(file), contents).unwrap();
        let output = running.installation.run(&["serve"]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(expected) && text.contains("[server.tls]"), "{text}");
    }
    std::fs::remove_file(running.installation.path("tls.crt")).unwrap();
    let text = String::from_utf8(running.installation.run(&["config", "check"]).stderr).unwrap();
    assert!(text.contains("server.tls.cert_file") && text.contains("chiplog.toml:3"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_which_only_the_digest_is_configured_sends_and_no_other() {
    let made = Installation::new("").run_well(&["token"]);
    let token = made.lines().nth(1).unwrap().trim();
    let digest = made.lines().last().unwrap().trim();
    let running =
        Running::start(&format!("[reporters.people-team]\n{digest}\nscopes = [\"reports/team_*\"]"), &[]).await;
    let send = async |token: &str| {
        let url = format!("{}/api/v1/reports/team_engagement?dry_run=true", running.address);
        let rows = "id,team,date,score,answers\na,payments,2026-10-01,4,6\n";
        let request = running.client.post(url).bearer_auth(token).header("content-type", "text/csv").body(rows);
        request.send().await.unwrap().status().as_u16()
    };
    assert!(
        token.len() > 64
            && !std::fs::read_to_string(running.installation.path("chiplog.toml")).unwrap().contains(token)
    );
    assert_eq!((send(token).await, send(&token.replace("chiplog_", "")).await, send(digest).await), (200, 401, 401));
}

/// What is answered to the head of a request whose body never comes.
async fn answer_to_head(address: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_looked_at_before_the_body() {
    let running =
        Running::start("[reporters.ci]\ntoken_env = \"CI_TOKEN\"\nscopes = [\"test_reports/acme/*\"]", &[]).await;
    for (method, path) in [
        ("POST", "/api/v1/reports/team_engagement"),
        ("POST", "/api/v1/events/alertmanager"),
        ("POST", "/api/v1/webhooks/alertmanager"),
        ("POST", "/api/v1/coverage_reports/acme/ledger"),
        ("POST", "/api/v1/test_reports/other/ledger"),
        ("PUT", "/api/v1/teams/payments/reviews/2026-10/actions"),
    ] {
        for (token, status) in [("wrong-token-of-length", "401"), ("ci-reports-what-it-measured", "403")] {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: chiplog\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n"
            );
            let answer = answer_to_head(&running.address, &head).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_may_run_or_load_anything() {
    let running = Running::start("", &[]).await;
    for path in READ.iter().chain(&["/-/healthy", "/-/ready", "/api/v1/nowhere"]) {
        let answer = running.get(path).send().await.unwrap();
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("script-src") && !policy.contains("style-src 'unsafe-inline'"), "{path}: {policy}");
        assert_eq!(
            (header("x-content-type-options").as_str(), header("referrer-policy").as_str()),
            ("nosniff", "same-origin"),
            "{path}"
        );
    }
}
