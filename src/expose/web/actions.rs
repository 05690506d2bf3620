//! The team's own words in a review: written through the page's form or the API, with a token that may.

use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::post;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::lookup::{self, Failure};
use super::queries::MonthPath;
use super::{WebState, pages};
use crate::clock;
use crate::expose::answer::{
    Asked, Missing, Named, NoQuery, NoScope, NoToken, NotYet, Sent, TooLarge, Unreadable, Unusable,
};
use crate::report::review::Actions;

/// Three actions with their outcomes are far smaller.
const LARGEST_BODY: usize = 64 * 1024;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::default()
        .route("/teams/{team}/reviews/{month}/actions", post(from_form))
        .routes(routes!(from_api))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
}

#[derive(Deserialize)]
struct Written {
    text: String,
    token: String,
    /// The text that the page showed: what others saved since must not be lost.
    #[serde(default)]
    loaded: Option<String>,
}

/// The form's answer is the review itself. Another site cannot write here: it does not know the token.
async fn from_form(
    State(state): State<WebState>,
    Path((team, month)): Path<(String, String)>,
    Form(written): Form<Written>,
) -> Response {
    let writing = Writing { team: &team, month: &month, text: &written.text, loaded: written.loaded.as_deref() };
    match keep(&state, &writing, Some(&written.token)).await {
        Ok(_) => Redirect::to(&format!("/teams/{team}/reviews/{month}#actions")).into_response(),
        Err(failure) => pages::failure(&failure, Some(&written.text)),
    }
}

/// Write what the team resolved on
///
/// Plain text: a line is an action, at most three; an indented line below it is what came of it. What was written before
/// is replaced. The token needs the scope `reviews/TEAM`.
#[utoipa::path(
    put, path = "/api/v1/teams/{team}/reviews/{month}/actions", tag = "reviews", operation_id = "write_actions",
    params(MonthPath), request_body(content = String, content_type = "text/plain"), security(("token" = [])),
    responses(
        (status = 200, description = "What is kept.", body = Actions),
        Unreadable, NoToken, NoScope, Missing, TooLarge, Unusable, NotYet,
    ),
)]
async fn from_api(
    State(state): State<WebState>,
    Named(path): Named<MonthPath>,
    Asked(NoQuery {}): Asked<NoQuery>,
    headers: HeaderMap,
    Sent(body): Sent,
) -> Result<Json<Actions>, Failure> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    let text = std::str::from_utf8(&body).map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let writing = Writing { team: &path.team, month: &path.month, text, loaded: None };
    Ok(Json(keep(&state, &writing, token).await?))
}

/// What is to be written where.
struct Writing<'a> {
    team: &'a str,
    month: &'a str,
    text: &'a str,
    loaded: Option<&'a str>,
}

async fn keep(state: &WebState, writing: &Writing<'_>, token: Option<&str>) -> Result<Actions, Failure> {
    let Writing { team, month, text, loaded } = *writing;
    lookup::team(&*lookup::known(state)?, team)?;
    lookup::month(month)?;
    let reporter = token.map(str::trim).and_then(|token| state.reporters.iter().find(|it| it.has_token(token)));
    let scope = format!("reviews/{team}");
    match reporter {
        None => {
            let text = "a token of [reporters] is needed to write a team's actions";
            return Err(Failure::new(StatusCode::UNAUTHORIZED, text));
        }
        Some(reporter) if !reporter.may(&scope) => {
            let text = format!("this token has no scope for {scope}: add it to its scopes in [reporters]");
            return Err(Failure::new(StatusCode::FORBIDDEN, text));
        }
        Some(_) => {}
    }
    let actions = Actions::parse(text).map_err(|problem| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, problem))?;
    let stored = state.reviewer.store.review_actions(team, month).await?;
    if loaded.is_some_and(|loaded| Actions::parse(loaded) != Actions::parse(&stored)) {
        let text = "somebody saved other actions since you opened the page: open it again and add yours to them";
        return Err(Failure::new(StatusCode::CONFLICT, text));
    }
    state.reviewer.store.set_review_actions(team, month, &actions.text(), clock::now()).await?;
    Ok(actions)
}
