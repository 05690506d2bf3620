//! Who may read: anyone, those who know a password, or those whom a proxy has let in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::answer::refusal;
use crate::config::Readers;

/// So many wrong passwords from one address are checked in [`WINDOW`].
const MOST_FAILURES: u32 = 20;

/// How long a wrong password is held against its address.
const WINDOW: Duration = Duration::from_mins(1);

/// How browsers are told to ask for a password.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"chiplog\", charset=\"UTF-8\"");

/// Lets readers in, or not.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    readers: Readers,
    /// Digests of what was right, so that a hash which is made to take long is not computed for each scrape.
    right: Mutex<HashMap<String, [u8; 32]>>,
    failures: Mutex<Failures>,
    /// One password is checked at a time: guessing never takes more than one core.
    turn: Semaphore,
}

/// Whether a password is right.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// It was not looked at: too many wrong ones came from the same address.
    TooMany,
}

impl Access {
    /// Lets in whom the configuration tells.
    pub fn new(readers: Readers) -> Self {
        let (right, failures) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { readers, right, failures, turn: Semaphore::new(1) }))
    }

    async fn verdict(&self, user: &str, password: &str, address: IpAddr) -> Verdict {
        let hashes = &self.0.readers.password_hashes;
        // Somebody who is not known takes as long as somebody who is.
        let (hash, is_known) = match hashes.get(user) {
            Some(hash) => (Some(hash), true),
            None => (hashes.values().next(), false),
        };
        let Some(hash) = hash.cloned() else { return Verdict::Wrong };
        let digest: [u8; 32] = Sha256::digest(format!("{hash}\n{password}")).into();
        let is_remembered = |right: &HashMap<String, [u8; 32]>| right.get(user) == Some(&digest);
        if is_remembered(&self.0.right.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Verdict::Right;
        }
        let Ok(_turn) = self.0.turn.acquire().await else { return Verdict::Wrong };
        if self.failures(|failures| failures.are_too_many(address, Instant::now())) {
            return Verdict::TooMany;
        }
        let password = password.to_owned();
        let check = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false));
        if !(check.await.unwrap_or(false) && is_known) {
            self.failures(|failures| failures.note(address, Instant::now()));
            return Verdict::Wrong;
        }
        self.0.right.lock().unwrap_or_else(PoisonError::into_inner).insert(user.to_owned(), digest);
        Verdict::Right
    }

    fn failures<T>(&self, on: impl FnOnce(&mut Failures) -> T) -> T {
        on(&mut self.0.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets a request through if whoever sends it may read.
pub async fn admit(State(access): State<Access>, request: Request, next: Next) -> Response {
    let readers = &access.0.readers;
    if readers.are_anyone() {
        return next.run(request).await;
    }
    let peer = peer(&request);
    if let Some(proxy) = readers.trusted_proxy.as_ref().filter(|proxy| proxy.is_at(peer))
        && request.headers().get(&proxy.header).is_some_and(|user| !user.is_empty())
    {
        return next.run(request).await;
    }
    if readers.password_hashes.is_empty() {
        let text = "chiplog is read through the proxy of [server.trusted_proxy], signed in there";
        return refusal(StatusCode::FORBIDDEN, text);
    }
    let verdict = match credentials(request.headers()) {
        Some((user, password)) => access.verdict(&user, &password, peer).await,
        None => Verdict::Wrong,
    };
    match verdict {
        Verdict::Right => next.run(request).await,
        Verdict::Wrong => {
            let mut answer =
                refusal(StatusCode::UNAUTHORIZED, "a user of [server.basic_auth_users] and the password are needed");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, BASIC);
            answer
        }
        Verdict::TooMany => {
            let mut answer = refusal(StatusCode::TOO_MANY_REQUESTS, "too many wrong passwords: try again in a minute");
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(WINDOW.as_secs()));
            answer
        }
    }
}

/// The address that a request comes from.
fn peer(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip())
}

/// User and password of a request.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Wrong passwords of late, by address. Since each is checked in its turn, few of them fit into the window.
#[derive(Default)]
struct Failures {
    by_address: HashMap<IpAddr, (Instant, u32)>,
}

impl Failures {
    fn are_too_many(&self, address: IpAddr, now: Instant) -> bool {
        let lately = self.by_address.get(&address).filter(|(since, _)| now.duration_since(*since) < WINDOW);
        lately.is_some_and(|(_, count)| *count >= MOST_FAILURES)
    }

    fn note(&mut self, address: IpAddr, now: Instant) {
        self.by_address.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        self.by_address.entry(address).or_insert((now, 0)).1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    fn with_password() -> Access {
        let hash = bcrypt::hash("correct horse", 4).unwrap();
        Access::new(Readers { password_hashes: [("grafana".to_owned(), hash)].into(), trusted_proxy: None })
    }

    #[tokio::test]
    async fn only_the_users_own_password_is_right() {
        let access = with_password();
        for (user, password, verdict) in [
            ("grafana", "correct horse", Verdict::Right),
            ("grafana", "correct horse", Verdict::Right),
            ("grafana", "correct horse ", Verdict::Wrong),
            ("grafana", "", Verdict::Wrong),
            ("Grafana", "correct horse", Verdict::Wrong),
            ("", "correct horse", Verdict::Wrong),
        ] {
            assert_eq!(access.verdict(user, password, HERE).await, verdict, "{user} {password}");
        }
    }

    #[tokio::test]
    async fn guessing_is_stopped_for_its_address_and_nobody_who_is_in_is_locked_out() {
        let access = with_password();
        assert_eq!(access.verdict("grafana", "correct horse", HERE).await, Verdict::Right);
        for guess in 0..MOST_FAILURES {
            assert_eq!(access.verdict("grafana", &guess.to_string(), HERE).await, Verdict::Wrong);
        }
        assert_eq!(access.verdict("grafana", "one more", HERE).await, Verdict::TooMany);
        assert_eq!(access.verdict("grafana", "correct horse", HERE).await, Verdict::Right, "it was right before");
        assert_eq!(access.verdict("grafana", "one more", THERE).await, Verdict::Wrong, "another address");
    }

    #[test]
    fn wrong_passwords_are_forgotten_after_the_window() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        (0..MOST_FAILURES).for_each(|_| failures.note(HERE, now));
        assert!(failures.are_too_many(HERE, now) && !failures.are_too_many(THERE, now));
        assert!(!failures.are_too_many(HERE, now + WINDOW));
        failures.note(THERE, now + WINDOW);
        assert_eq!(failures.by_address.len(), 1);
    }

    #[test]
    fn credentials_are_read_as_browsers_and_prometheus_send_them() {
        let of = |text: &str| credentials(&HeaderMap::from_iter([(header::AUTHORIZATION, text.parse().unwrap())]));
        let encoded = STANDARD.encode("grafana:a:b");
        let both = Some(("grafana".to_owned(), "a:b".to_owned()));
        assert_eq!(of(&format!("Basic {encoded}")), both);
        assert_eq!(of(&format!("basic {encoded}")), both);
        for other in
            ["Basic", "Basic %", &format!("Bearer {encoded}"), &format!("Basic {}", STANDARD.encode("grafana"))]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
