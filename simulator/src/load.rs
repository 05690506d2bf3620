//! Webhooks at a rate: how many are taken, how fast, and whether one is lost.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

use crate::webhooks::Sent;

/// How often a delivery is sent that is refused for the moment, as a patient tool would.
const TRIES: u32 = 5;

/// What is sent, and where.
#[derive(Debug, Clone)]
pub struct Load {
    /// `http://HOST:PORT/api/v1/webhooks/SOURCE`.
    pub url: String,
    /// Deliveries that are sent in turn, each time with a new id.
    pub deliveries: Vec<Sent>,
    /// How many are sent in all.
    pub count: u64,
    /// How many a second. `None` sends as fast as they are answered.
    pub rate: Option<u64>,
    /// How many connections are kept open.
    pub connections: u64,
}

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    /// Deliveries that were sent.
    pub sent: u64,
    /// Answered with 202.
    pub accepted: u64,
    /// Answers of 503, after which the delivery was sent again.
    pub put_off: u64,
    /// Answered otherwise, or not at all.
    pub lost: u64,
    /// How long it took.
    pub seconds: f64,
    /// How long each answer took, in milliseconds, ascending.
    pub milliseconds: Vec<f64>,
}

impl LoadReport {
    /// The time that so many of a hundred answers took at most, in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        let last = self.milliseconds.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (percent / 100.0 * last as f64).round() as usize;
        self.milliseconds.get(place).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for LoadReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sent, accepted, put_off, lost, seconds, .. } = self;
        let rate = *accepted as f64 / seconds.max(f64::EPSILON);
        write!(
            formatter,
            "sent {sent}, accepted {accepted} in {seconds:.1} s ({rate:.0}/s), put off {put_off}, lost {lost}; "
        )?;
        let (p50, p99, most) = (self.percentile(50.0), self.percentile(99.0), self.percentile(100.0));
        write!(formatter, "answered in p50 {p50:.1} ms, p99 {p99:.1} ms, at most {most:.1} ms")
    }
}

/// Sends them all.
pub async fn run(load: Load) -> Result<LoadReport> {
    let connections = load.connections.clamp(1, load.count.max(1));
    let (load, next, began) = (Arc::new(load), Arc::new(AtomicU64::new(0)), Instant::now());
    let senders = (0..connections).map(|number| {
        let (load, next) = (load.clone(), next.clone());
        tokio::spawn(async move { send_some(&load, &next, connections, number).await })
    });
    let senders: Vec<_> = senders.collect();
    let mut report = LoadReport::default();
    for sender in senders {
        let part = sender.await.context("a sender was interrupted")??;
        report.sent += part.sent;
        report.accepted += part.accepted;
        report.put_off += part.put_off;
        report.lost += part.lost;
        report.milliseconds.extend(part.milliseconds);
    }
    report.seconds = began.elapsed().as_secs_f64();
    report.milliseconds.sort_by(f64::total_cmp);
    Ok(report)
}

/// What one connection sends: one after another, at its share of the rate.
async fn send_some(load: &Load, next: &AtomicU64, connections: u64, sender: u64) -> Result<LoadReport> {
    let mut report = LoadReport::default();
    let mut pace = load.rate.map(|rate| {
        let period = Duration::from_secs_f64(connections as f64 / rate.max(1) as f64);
        let begin = tokio::time::Instant::now() + period.mul_f64(sender as f64 / connections as f64);
        let mut pace = tokio::time::interval_at(begin, period);
        // Who is late sends faster afterwards, so that the rate is kept.
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        pace
    });
    let mut connection = Connection::open(&load.url).await?;
    loop {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= load.count {
            return Ok(report);
        }
        let Some(delivery) = load.deliveries.get(usize::try_from(number)? % load.deliveries.len().max(1)) else {
            bail!("there is nothing to send");
        };
        report.sent += 1;
        let mut taken = false;
        for _ in 0..TRIES {
            let began = Instant::now();
            let Ok(status) = connection.post(delivery, &format!("load-{number}")).await else {
                connection = Connection::open(&load.url).await?;
                continue;
            };
            report.milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
            if status != 503 {
                taken = status == 202;
                break;
            }
            report.put_off += 1;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if taken { report.accepted += 1 } else { report.lost += 1 }
    }
}

/// A connection that stays open.
struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
    path: String,
}

impl Connection {
    async fn open(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").context("the URL must begin with http://")?;
        let (host, path) = rest.split_once('/').context("the URL must have a path")?;
        let stream = TcpStream::connect(host).await.with_context(|| format!("{host} cannot be reached"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: host.to_owned(), path: format!("/{path}") })
    }

    /// Posts a delivery with an id of its own and returns the status of the answer.
    async fn post(&mut self, delivery: &Sent, id: &str) -> Result<u16> {
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            self.path,
            self.host,
            delivery.body.len()
        );
        for (name, value) in &delivery.headers {
            let value = if *name == "x-github-delivery" { id } else { value };
            let _ = write!(request, "{name}: {value}\r\n");
        }
        request.push_str("\r\n");
        request.push_str(&delivery.body);
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                bail!("the connection was closed");
            }
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.split(' ').next().unwrap_or_default().parse()?;
            } else if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse()?;
                }
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(status)
    }
}
