//! What goes wrong on the way, whatever was asked: connections that break, answers that never end, or end too soon.

use std::convert::Infallible;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::serve::IncomingStream;
use futures_util::stream;
use tokio::net::{TcpListener, TcpStream};

use crate::github::Fault;

/// How many bytes of an answer drip at once, and how long the next ones take.
const DROP: usize = 16;
const BETWEEN_DROPS: Duration = Duration::from_millis(10);

/// The connection that a request came by. `None` where it cannot be had.
#[derive(Clone)]
struct Wire(Option<Arc<std::net::TcpStream>>);

impl Connected<IncomingStream<'_, TcpListener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        // Without delay: an answer must not wait for the acknowledgement of the one before.
        if let Err(error) = stream.io().set_nodelay(true) {
            tracing::warn!("TCP_NODELAY cannot be set: {error}");
        }
        Self(stream.io().as_fd().try_clone_to_owned().ok().map(|connection| Arc::new(connection.into())))
    }
}

impl Wire {
    /// Has the server drop the connection, so that the other side is told of a reset.
    fn reset(&self) -> io::Result<()> {
        let Some(connection) = &self.0 else { return Ok(()) };
        TcpStream::from_std(connection.try_clone()?)?.set_zero_linger()?;
        connection.shutdown(Shutdown::Read)
    }
}

/// Serves a router until the task is aborted. An answer with a [`Fault`] among its extensions meets it on its way.
pub(crate) async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let router = router.layer(from_fn(carry));
    axum::serve(listener, router.into_make_service_with_connect_info::<Wire>()).await
}

/// The answer to a request that meets a fault which every tool tells in the same way.
pub(crate) fn answer(fault: &Fault, path: &str) -> Response {
    match fault {
        Fault::OtherJson(text) => (StatusCode::OK, [("content-type", "application/json")], *text).into_response(),
        Fault::Redirect(to) => (StatusCode::FOUND, [("location", format!("{to}{path}"))]).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether the answer itself is as it would be without the fault.
pub(crate) fn is_of_the_way_back(fault: &Fault) -> bool {
    matches!(fault, Fault::Reset | Fault::Silence | Fault::CutOff | Fault::Drip | Fault::Endless)
}

async fn carry(ConnectInfo(wire): ConnectInfo<Wire>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    match answer.extensions().get::<Fault>() {
        Some(Fault::Reset) => {
            if let Err(error) = wire.reset() {
                tracing::warn!("a connection cannot be reset: {error}");
            }
            std::future::pending().await
        }
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::CutOff) => cut_off(answer).await,
        Some(Fault::Drip) => drip(answer).await,
        Some(Fault::Endless) => endless(),
        _ => answer,
    }
}

/// Half of an answer, then the connection ends.
async fn cut_off(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len().max(1)));
    let half = [Ok(body.slice(..body.len() / 2)), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    Response::from_parts(parts, Body::from_stream(stream::iter(half)))
}

/// An answer that goes on for as long as somebody reads it.
fn endless() -> Response {
    let piece = Bytes::from(vec![b' '; 1 << 16]);
    Body::from_stream(stream::repeat(Ok::<_, Infallible>(piece))).into_response()
}

/// An answer that comes a few bytes at a time.
async fn drip(answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let drops = stream::unfold(body, |mut left: Bytes| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(BETWEEN_DROPS).await;
        let drop = left.split_to(left.len().min(DROP));
        Some((Ok::<_, Infallible>(drop), left))
    });
    Response::from_parts(parts, Body::from_stream(drops))
}
