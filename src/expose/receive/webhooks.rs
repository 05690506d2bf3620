//! Webhooks: checked, stored, answered. What they tell is read afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use utoipa::{IntoResponses, ToSchema};

use super::{LARGEST_BODY, ReceiveState, SourcePath, answer, authorised};
use crate::clock;
use crate::expose::answer::{
    Asked, ErrorAnswer, Missing, Named, NoQuery, NoScope, NotYet, TooLarge, TooSlow, Unreadable, in_time, later,
};
use crate::pipeline::{Inbox, REPORTER, Taken, new_delivery};
use crate::sources::{Delivery, ReceiveError, Receiver, Refusal, Source, Webhook};

/// Bodies that are being read take at most so much memory together.
const MEMORY_KIBIBYTES: u32 = 256 * 1024;

/// Checking a larger body takes so long that other requests would notice.
const LARGE_BODY: usize = 256 * 1024;

/// Where webhooks go.
#[derive(Clone)]
pub struct WebhookState {
    /// Where deliveries are stored.
    pub inbox: Inbox,
    memory: Arc<Semaphore>,
}

impl WebhookState {
    /// Webhooks go to this inbox.
    pub fn new(inbox: Inbox) -> Self {
        Self { inbox, memory: Arc::new(Semaphore::new(MEMORY_KIBIBYTES as usize)) }
    }
}

/// What became of a delivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryState {
    /// It is stored, and will be read within a second.
    Accepted,
    /// It had come before, and is not read again.
    Duplicate,
}

/// The answer to a delivery.
#[derive(Serialize, ToSchema)]
struct DeliveryAnswer {
    /// What became of it.
    delivery: DeliveryState,
}

/// The signature is missing or wrong, or the token is none of `[reporters]`.
#[derive(IntoResponses)]
#[response(status = 401)]
#[expect(dead_code, reason = "its type is what the description is made of")]
struct NotSigned(ErrorAnswer);

/// Send a webhook of a tool
///
/// GitHub, PagerDuty v3, Jira and incident.io sign theirs with the secret that `webhook` of the source's table names;
/// Alertmanager and CDEvents carry a token with the scope `events/SOURCE`. The answer comes as soon as the delivery is
/// stored; the same delivery again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{source}", tag = "sending", operation_id = "send_webhook",
    params(SourcePath), security(("token" = []), ()),
    request_body(content((serde_json::Value = "application/json"), (serde_json::Value = "application/cloudevents+json"))),
    responses(
        (status = 202, description = "The delivery is stored.", body = DeliveryAnswer),
        Unreadable, NotSigned, NoScope, Missing, TooSlow, TooLarge, NotYet,
    ),
)]
pub(super) async fn webhook(
    State(state): State<ReceiveState>,
    Named(SourcePath { source }): Named<SourcePath>,
    Asked(NoQuery {}): Asked<NoQuery>,
    request: Request,
) -> Response {
    let known = state.sources.iter().find(|known| known.name() == source);
    let Some(taking) = known.filter(|source| source.webhook().is_some() || source.receiver().is_some()) else {
        let text = "no source of this name takes webhooks: configure webhook in its table";
        return answer(StatusCode::NOT_FOUND, text);
    };
    let mut reporter = None;
    if taking.webhook().is_none() {
        match authorised(&state, request.headers(), &format!("events/{source}")) {
            Ok(found) => reporter = Some(found.name.clone()),
            Err(refused) => return turned_away(&state, &source, refused.answer()),
        }
    }
    let largest = taking.webhook().map_or(LARGEST_BODY, Webhook::largest_body);
    let (parts, body) = request.into_parts();
    let read = match read(&state, &parts.headers, body, largest).await {
        Ok(read) => read,
        Err(refused) => return turned_away(&state, &source, refused),
    };
    match checked(taking, parts.headers, read, reporter).await {
        Ok(delivery) => store(&state, taking.name(), delivery).await,
        Err(refused) => turned_away(&state, &source, refused),
    }
}

/// Counts what is not to be stored, by what it is answered with.
fn turned_away(state: &ReceiveState, source: &str, answer: Response) -> Response {
    let outcome = match answer.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "refused",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "malformed",
    };
    state.webhooks.inbox.turn_away(source, outcome);
    answer
}

/// A body, with the memory that it takes.
struct ReadBody {
    bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// The body, within the limits of size, memory and time. Memory is taken as it comes: who sends nothing takes none from others.
async fn read(
    state: &ReceiveState,
    headers: &HeaderMap,
    body: axum::body::Body,
    largest: usize,
) -> Result<ReadBody, Response> {
    let too_large = || answer(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is larger than {largest} bytes"));
    let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if told.is_some_and(|length| length > largest) {
        return Err(too_large());
    }
    in_time(async {
        let (mut body, mut bytes, mut memory) = (Limited::new(body, largest), Vec::new(), None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    too_large()
                } else {
                    answer(StatusCode::BAD_REQUEST, "the body breaks off")
                }
            })?;
            let Ok(data) = frame.into_data() else { continue };
            bytes.extend_from_slice(&data);
            take_memory(&state.webhooks.memory, &mut memory, bytes.len())
                .map_err(|_| later("too many bodies are being read"))?;
        }
        Ok(ReadBody { bytes: bytes.into(), _memory: memory })
    })
    .await
}

/// Takes what is missing of the memory for a body of a length.
fn take_memory(
    all: &Arc<Semaphore>,
    taken: &mut Option<OwnedSemaphorePermit>,
    length: usize,
) -> Result<(), TryAcquireError> {
    let missing = (length / 1024 + 1).saturating_sub(taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
    let missing = u32::try_from(missing).unwrap_or(u32::MAX);
    let more = all.clone().try_acquire_many_owned(missing)?;
    match taken {
        Some(taken) => taken.merge(more),
        None => *taken = Some(more),
    }
    Ok(())
}

/// The delivery, once its signature is good.
async fn checked(
    source: &Arc<dyn Source>,
    headers: HeaderMap,
    body: ReadBody,
    reporter: Option<String>,
) -> Result<Delivery, Response> {
    let now = clock::now();
    let large = body.bytes.len() > LARGE_BODY;
    let source = source.clone();
    let check = move || match (source.webhook(), source.receiver()) {
        (Some(webhook), _) => webhook.verify(&headers, &body.bytes, now),
        (None, Some(receiver)) => of_receiver(receiver, &headers, &body.bytes, reporter),
        (None, None) => Err(Refusal::Signature),
    };
    let checked = if large {
        tokio::task::spawn_blocking(check).await.map_err(|_| later("the check was interrupted"))?
    } else {
        check()
    };
    checked.map_err(|refusal| {
        let status = match refusal {
            Refusal::Signature => StatusCode::UNAUTHORIZED,
            Refusal::Malformed(_) | Refusal::Replayed(_) => StatusCode::BAD_REQUEST,
        };
        answer(status, &refusal.to_string())
    })
}

/// What tools without signatures send: the token was good, and the body is kept as it is.
fn of_receiver(
    receiver: &dyn Receiver,
    headers: &HeaderMap,
    body: &[u8],
    reporter: Option<String>,
) -> Result<Delivery, Refusal> {
    let id = receiver.delivery_id(headers, body).map_err(|error| match error {
        ReceiveError::Malformed(text) => Refusal::Malformed(text),
        ReceiveError::Sink(error) => Refusal::Malformed(error.to_string()),
    })?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let needed = |name: &&str| *name == "content-type" || name.starts_with("ce-");
    let names = headers.keys().map(axum::http::HeaderName::as_str).filter(needed);
    let mut kept: BTreeMap<String, String> = names.filter_map(|name| Some((name.to_owned(), text(name)?))).collect();
    kept.extend(reporter.map(|name| (REPORTER.to_owned(), name)));
    let body = std::str::from_utf8(body).map_err(|_| Refusal::Malformed("is no UTF-8".to_owned()))?;
    let event = text("ce-type").unwrap_or_else(|| "event".to_owned());
    Ok(Delivery { id, event, headers: kept, body: body.to_owned() })
}

async fn store(state: &ReceiveState, source: &str, delivery: Delivery) -> Response {
    let delivery = match state.webhooks.inbox.take(new_delivery(source, delivery)).await {
        Ok(Taken::Accepted) => DeliveryState::Accepted,
        Ok(Taken::Duplicate) => DeliveryState::Duplicate,
        Err(error) => return later(&error.to_string()),
    };
    (StatusCode::ACCEPTED, Json(DeliveryAnswer { delivery })).into_response()
}
