//! One credential's way to one GitHub: authentication and transport by octocrab.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use octocrab::Octocrab;
use octocrab::models::{AppId, InstallationId};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::super::config::{Credential, Secret};
use super::super::governor::Governor;
use crate::sources::http::LARGEST_ANSWER;
use crate::sources::source::ConfigureError;

/// A request that may have to be made several times.
pub(super) enum Request<'a> {
    /// A query with its variables.
    Graphql(&'a Value),
    /// A path of the REST API, with headers.
    Get(&'a str, HeaderMap),
}

/// One attempt, read to its end.
pub(super) struct Attempt {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// The way to GitHub is broken. A sentence's beginning.
    Broken(String),
    /// GitHub gives an App no token: it is not installed there, is suspended, or its key is another's. A whole sentence.
    NoToken(String),
}

/// One credential.
pub(super) struct Member {
    pub(super) label: String,
    pub(super) name: String,
    pub(super) governor: Arc<Governor>,
    pub(super) is_app: bool,
    rest: Octocrab,
    graphql: Octocrab,
    /// An App's token comes from below `/api/v3`, also where GraphQL lies beside it.
    graphql_is_beside: bool,
    /// How long an answer may take, from the request to the end of the body.
    timeout: Duration,
    /// Requests that need an App's token at the same time fetch it once.
    token: tokio::sync::Mutex<()>,
}

/// An answer whose body is still to be read.
type Answer = Response<http_body_util::combinators::BoxBody<axum::body::Bytes, octocrab::Error>>;

impl Member {
    pub(super) fn new(
        base_url: &str,
        credential: &Credential,
        governor: Arc<Governor>,
        timeout: Duration,
    ) -> Result<Self, ConfigureError> {
        // An Enterprise Server has GraphQL beside `/api/v3`, not below it.
        let graphql_base = base_url.strip_suffix("/v3");
        Ok(Self {
            label: credential.label.clone(),
            name: credential.name.clone(),
            governor,
            is_app: matches!(credential.secret, Secret::App { .. }),
            rest: octocrab(base_url, &credential.secret)?,
            graphql: octocrab(graphql_base.unwrap_or(base_url), &credential.secret)?,
            graphql_is_beside: graphql_base.is_some(),
            timeout,
            token: tokio::sync::Mutex::default(),
        })
    }

    /// Makes a request once.
    pub(super) async fn attempt(&self, request: &Request<'_>) -> Result<Attempt, Failure> {
        let attempt = tokio::time::timeout(self.timeout, self.read(request)).await;
        attempt.unwrap_or_else(|_| Err(Failure::Broken("GitHub does not answer in time".to_owned())))
    }

    async fn read(&self, request: &Request<'_>) -> Result<Attempt, Failure> {
        let answer = self.perform(request).await.map_err(|error| self.no_answer(error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| {
            Failure::Broken(if error.is::<LengthLimitError>() {
                format!("GitHub sends more than {LARGEST_ANSWER} bytes in one answer")
            } else {
                "GitHub's answer breaks off".to_owned()
            })
        })?;
        Ok(Attempt { status: parts.status, headers: parts.headers, body: body.to_bytes().to_vec() })
    }

    /// What it means that octocrab has no answer: the statuses of requests are read elsewhere, those of an App's token here.
    fn no_answer(&self, error: octocrab::Error) -> Failure {
        let octocrab::Error::GitHub { source, .. } = error else {
            return Failure::Broken("GitHub cannot be reached".to_owned());
        };
        let no_token =
            format!("GitHub gives {} no token ({} {})", self.name, source.status_code.as_u16(), source.message);
        let is_final = source.status_code.is_client_error()
            && source.status_code != StatusCode::TOO_MANY_REQUESTS
            && !source.message.contains("rate limit");
        if is_final {
            Failure::NoToken(format!(
                "{no_token}: check id, installation_id and the private key, and that the App is installed and not suspended"
            ))
        } else {
            Failure::Broken(no_token)
        }
    }

    async fn perform(&self, request: &Request<'_>) -> octocrab::Result<Answer> {
        let token = if self.is_app {
            let _alone = self.token.lock().await;
            Some(self.rest.installation_token().await?)
        } else {
            None
        };
        match (request, token) {
            (Request::Graphql(body), Some(token)) if self.graphql_is_beside => {
                self.graphql.user_access_token(token)?._post("/graphql", Some(*body)).await
            }
            (Request::Graphql(body), _) => self.graphql._post("/graphql", Some(*body)).await,
            (Request::Get(path, headers), _) => self.rest._get_with_headers(*path, Some(headers.clone())).await,
        }
    }
}

fn octocrab(base_url: &str, secret: &Secret) -> Result<Octocrab, ConfigureError> {
    let problem = |key: &str, problem: String| ConfigureError::Value { key: key.to_owned(), problem };
    let builder = Octocrab::builder()
        .base_uri(base_url)
        .map_err(|_| problem("base_url", "is no URL".to_owned()))?
        .set_connect_timeout(Some(Duration::from_secs(10)));
    match secret {
        Secret::Token(token) => builder
            .personal_token(token.expose_secret().to_owned())
            .build()
            .map_err(|error| problem("token_env", format!("cannot be used: {error}"))),
        Secret::App { id, installation_id, private_key } => builder
            .app_from_rsa_pem(AppId(*id), private_key.expose_secret().as_bytes())
            .map_err(|_| {
                problem("app", "private_key is no RSA key in PEM form: download it anew from the App's page".to_owned())
            })?
            .build()
            .and_then(|app| app.installation(InstallationId(*installation_id)))
            .map_err(|error| problem("app", format!("cannot be used: {error}"))),
    }
}
