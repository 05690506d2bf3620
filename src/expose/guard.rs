//! What every request and answer goes through: how many at once, for how long, and what browsers may do with an answer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use super::answer::later;

/// So many requests are answered at once; the next are asked to come again.
const MOST_AT_ONCE: usize = 1024;

/// No answer takes longer, not even that to a large report.
const LONGEST: Duration = Duration::from_mins(5);

/// What holds of every answer that does not say otherwise: nothing that comes out of chiplog is a program, or loads one.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// How many requests are answered at once, and for how long each.
#[derive(Clone)]
pub struct Limits {
    places: Arc<Semaphore>,
    longest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(MOST_AT_ONCE, LONGEST)
    }
}

impl Limits {
    fn of(most_at_once: usize, longest: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(most_at_once)), longest }
    }
}

/// Answers a request within the limits, and guards the answer.
pub async fn guard(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let mut answer = match limits.places.try_acquire() {
        Ok(_place) => match tokio::time::timeout(limits.longest, next.run(request)).await {
            Ok(answer) => answer,
            Err(_) => later("the answer takes too long: send less at once"),
        },
        Err(_) => later("too many requests are being answered: try again in a moment"),
    };
    for (name, value) in HEADERS {
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn answered(limits: Limits, handler: axum::routing::MethodRouter) -> Response {
        let routes: Router = Router::new().route("/", handler).layer(from_fn_with_state(limits, guard));
        routes.oneshot(Request::new(Body::empty())).await.unwrap()
    }

    #[tokio::test]
    async fn a_request_beyond_the_most_is_asked_to_come_again() {
        let handler = || get(|| async { "an answer" });
        assert_eq!(answered(Limits::of(1, LONGEST), handler()).await.status(), 200);
        let full = answered(Limits::of(0, LONGEST), handler()).await;
        assert_eq!((full.status().as_u16(), &full.headers()["retry-after"]), (503, &HeaderValue::from_static("5")));
        assert!(full.headers().contains_key("content-security-policy"), "refusals are guarded too");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_gives_its_place_back() {
        let limits = Limits::of(1, Duration::ZERO);
        let never = get(|| async { std::future::pending::<&str>().await });
        assert_eq!(answered(limits.clone(), never).await.status(), 503);
        assert_eq!(limits.places.available_permits(), 1);
    }

    #[tokio::test]
    async fn what_an_answer_says_of_itself_stands() {
        let own = [(header::CONTENT_SECURITY_POLICY, "default-src 'self'")];
        let answer = answered(Limits::default(), get(move || async move { (own, "a page") })).await;
        assert_eq!(answer.headers()["content-security-policy"], "default-src 'self'");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
}
