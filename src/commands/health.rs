//! `chiplog health`: asks a running chiplog whether it answers, for container engines, which have nothing else to ask with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::print;
use crate::app;
use crate::config::Server;

/// A process that needs longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the chiplog of this configuration, unless `url` says whom.
pub(super) async fn run(config: &Path, url: Option<reqwest::Url>) -> Result<ExitCode> {
    let url = match url {
        Some(url) => url,
        None => of_server(&app::read_config(config)?.server).parse().context("listen in [server]")?,
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
    // Whether it answers is all that is asked, on the machine itself, which the certificate does not name.
    let client = client.tls_danger_accept_invalid_certs(true).no_proxy();
    let client = client.build().context("no HTTP client can be made")?;
    let answer = client.get(url.clone()).send().await.with_context(|| format!("{url} does not answer"))?;
    if !answer.status().is_success() {
        bail!("{url} answers {}", answer.status());
    }
    print("chiplog is healthy.\n")?;
    Ok(ExitCode::SUCCESS)
}

/// Where a server that listens there is asked: one that listens everywhere is asked on loopback.
fn of_server(server: &Server) -> String {
    let scheme = if server.certificate.is_some() { "https" } else { "http" };
    format!("{scheme}://{}/-/healthy", address_of(server.listen))
}

fn address_of(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(address, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_loopback() {
        let of = |listen: &str| address_of(listen.parse().unwrap()).to_string();
        assert_eq!(of("127.0.0.1:9847"), "127.0.0.1:9847");
        assert_eq!(of("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(of("[::]:9847"), "[::1]:9847");
    }
}
