//! The answers to requests that fail.

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::access::Resource;
use super::faults::Fault;
use super::server::json_answer;
use crate::wire;

/// The words of the secondary limit.
const SECONDARY: &str = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";

/// A body of the REST API's errors.
pub(super) fn error_body(status: StatusCode, message: &str) -> Value {
    json!({
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": status.as_u16().to_string(),
    })
}

fn error(status: StatusCode, message: &str) -> Response {
    json_answer(status, &error_body(status, message))
}

/// 401: the token is not good.
pub(super) fn unauthorized() -> Response {
    error(StatusCode::UNAUTHORIZED, "Bad credentials")
}

/// 401: the App's JWT is not good.
pub(super) fn bad_jwt(why: &str) -> Response {
    error(StatusCode::UNAUTHORIZED, why)
}

/// 400: the body of the request is no JSON.
pub(super) fn bad_json() -> Response {
    error(StatusCode::BAD_REQUEST, "Problems parsing JSON")
}

/// 502: the ten seconds were over.
pub(super) fn out_of_time() -> Response {
    let message = "We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request and contact us if the problem persists.";
    json_answer(StatusCode::BAD_GATEWAY, &json!({ "message": message }))
}

/// The primary limit is used up: 403 from REST, 200 with an error from GraphQL.
pub(super) fn rate_limited(resource: Resource) -> Response {
    let message = "API rate limit exceeded for user ID 1.";
    match resource {
        Resource::Core => error(StatusCode::FORBIDDEN, message),
        Resource::Graphql => {
            let errors = json!([{ "type": "RATE_LIMITED", "message": message }]);
            json_answer(StatusCode::OK, &json!({ "errors": errors }))
        }
    }
}

fn retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    response
}

/// A secondary limit is exceeded: 403 with the seconds to wait.
pub(super) fn too_often(seconds: u64) -> Response {
    retry_after(error(StatusCode::FORBIDDEN, SECONDARY), seconds)
}

/// The answer to a request that meets a fault.
/// `path` is what was asked for, with its parameters.
pub(super) fn faulty(fault: &Fault, path: &str) -> Response {
    match fault {
        Fault::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            json_answer(status, &json!({ "message": "Something went wrong." }))
        }
        Fault::SecondaryLimit(seconds) => too_often(*seconds),
        Fault::TooManyRequests(seconds) => retry_after(error(StatusCode::TOO_MANY_REQUESTS, SECONDARY), *seconds),
        Fault::GraphqlRateLimited => retry_after(rate_limited(Resource::Graphql), 0),
        Fault::GraphqlSecondaryLimit(seconds) => {
            let errors = json!([{ "message": SECONDARY }]);
            retry_after(json_answer(StatusCode::OK, &json!({ "errors": errors })), *seconds)
        }
        Fault::BrokenJson => {
            (StatusCode::OK, [("content-type", "application/json")], "{\"data\":{\"repos").into_response()
        }
        Fault::Unauthorized => unauthorized(),
        other => wire::answer(other, path),
    }
}
