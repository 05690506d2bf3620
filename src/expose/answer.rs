//! What requests of the API are refused with, and how their queries are read.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use super::requests::current_id;
use crate::facts::shortened;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorAnswer {
    /// What is wrong, and how to mend it.
    pub error: String,
    /// The id of the request, which the log knows it by.
    pub request_id: Option<String>,
}

/// The query, the month or the body cannot be read.
#[derive(IntoResponses)]
#[response(status = 400)]
pub struct Unreadable(pub ErrorAnswer);

/// The header `Authorization: Bearer TOKEN` lacks a token of `[reporters]`.
#[derive(IntoResponses)]
#[response(status = 401)]
pub struct NoToken(pub ErrorAnswer);

/// The token has no scope for what is sent.
#[derive(IntoResponses)]
#[response(status = 403)]
pub struct NoScope(pub ErrorAnswer);

/// What the path or the query names is not there: the answer tells what is.
#[derive(IntoResponses)]
#[response(status = 404)]
pub struct Missing(pub ErrorAnswer);

/// The body did not come in time.
#[derive(IntoResponses)]
#[response(status = 408)]
pub struct TooSlow(pub ErrorAnswer);

/// The body is too large.
#[derive(IntoResponses)]
#[response(status = 413)]
pub struct TooLarge(pub ErrorAnswer);

/// The body can be read, and says what may not be.
#[derive(IntoResponses)]
#[response(status = 422)]
pub struct Unusable(pub ErrorAnswer);

/// chiplog has not evaluated its facts yet, or the store fails: the same request may be answered later.
#[derive(IntoResponses)]
#[response(status = 503)]
pub struct NotYet(pub ErrorAnswer);

/// The answer to a request that is refused.
pub fn refusal(status: StatusCode, error: impl Into<String>) -> Response {
    let error = shortened(&error.into());
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!("{error}");
    }
    let body = Json(ErrorAnswer { error, request_id: current_id() });
    if status == StatusCode::UNAUTHORIZED {
        return (status, [(header::WWW_AUTHENTICATE, "Bearer")], body).into_response();
    }
    (status, body).into_response()
}

/// The answer to a request that is to be sent again in a moment.
pub fn later(text: &str) -> Response {
    let mut answer = refusal(StatusCode::SERVICE_UNAVAILABLE, text);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

/// A query whose mistakes are told as JSON.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(refusal(StatusCode::BAD_REQUEST, format!("the query cannot be read: {reason}")))
            }
        }
    }
}

/// What the path names, whose mistakes are told as JSON.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(rejection) => Err(refusal(rejection.status(), rejection.body_text())),
        }
    }
}

/// How long a body may take to come; tools themselves wait for ten seconds.
const LONGEST_READING: Duration = Duration::from_secs(30);

/// A body that is read once it is known who sends it.
#[derive(Debug)]
pub struct Sent(Request);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        Ok(Self(request))
    }
}

impl Sent {
    /// Reads it, within the limits of size and time.
    ///
    /// # Errors
    /// The answer that tells which limit it exceeds, or that it breaks off.
    pub async fn read(self) -> Result<Bytes, Response> {
        in_time(async {
            let read = Bytes::from_request(self.0, &()).await;
            read.map_err(|rejection| refusal(rejection.status(), rejection.body_text()))
        })
        .await
    }
}

/// Reads a body, if it comes in time.
///
/// # Errors
/// What the reading fails with, or the answer that tells of the time.
pub async fn in_time<Read>(read: impl Future<Output = Result<Read, Response>>) -> Result<Read, Response> {
    if let Ok(read) = tokio::time::timeout(LONGEST_READING, read).await {
        return read;
    }
    let text = format!("the body did not come within {} seconds", LONGEST_READING.as_secs());
    Err(refusal(StatusCode::REQUEST_TIMEOUT, text))
}

/// The query of what takes none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}
