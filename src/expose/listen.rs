//! Connections: plain or by TLS, within limits of time, until told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Certificate;
use crate::pipeline::Stop;

/// How long the headers of a request may take to come, from the first connection or the answer before.
const LONGEST_WAIT_FOR_HEADERS: Duration = Duration::from_secs(30);

/// How long requests have to end once the program is to stop.
const LONGEST_ENDING: Duration = Duration::from_secs(10);

/// How often the files of the certificate are looked at.
const LOOK_AT_CERTIFICATE: Duration = Duration::from_mins(1);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or holds no PEM of the kind.
    #[error("{file} in [server.tls] cannot be used: {error}. Expected {expected} as PEM")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        error: rustls::pki_types::pem::Error,
        /// What was expected.
        expected: &'static str,
    },
    /// Certificate and key do not fit each other, or are of a kind that is not supported.
    #[error(
        "cert_file and key_file in [server.tls] cannot be used together: {0}. The key must be that of the certificate"
    )]
    Pair(#[from] rustls::Error),
}

/// Serves until told to stop.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    certificate: Option<(Certificate, RustlsConfig)>,
    routes: Router,
    stop: &Stop,
) -> io::Result<()> {
    let handle = Handle::new();
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let mut server = axum_server::from_tcp(listener)?.handle(handle.clone());
    server.http_builder().http1().header_read_timeout(LONGEST_WAIT_FOR_HEADERS);
    let answering = async {
        match &certificate {
            None => server.serve(service).await,
            Some((_, tls)) => server.acceptor(RustlsAcceptor::new(tls.clone())).serve(service).await,
        }
    };
    let told_to_stop = async {
        let _ = stop.clone().wait_for(|stop| *stop).await;
        handle.graceful_shutdown(Some(LONGEST_ENDING));
    };
    let renewing = async {
        if let Some((certificate, tls)) = &certificate {
            keep_renewed(certificate, tls).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (ended, ()) = async { tokio::join!(answering, told_to_stop) } => ended,
        () = renewing => Ok(()),
    }
}

/// What TLS connections are made with.
///
/// # Errors
/// The files of the certificate cannot be used.
pub fn tls(certificate: &Certificate) -> Result<RustlsConfig, CertificateError> {
    Ok(RustlsConfig::from_config(server_config(certificate)?))
}

fn server_config(certificate: &Certificate) -> Result<Arc<ServerConfig>, CertificateError> {
    let problem = |file: &Path, expected| {
        let file = file.display().to_string();
        move |error| CertificateError::File { file, error, expected }
    };
    let (certificate_file, key_file) = (&certificate.certificate_file, &certificate.key_file);
    let chain = CertificateDer::pem_file_iter(certificate_file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(problem(certificate_file, "a certificate"))?;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(problem(key_file, "a private key"))?;
    let mut tls = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

/// Takes a new certificate into use when its files change.
async fn keep_renewed(certificate: &Certificate, in_use: &RustlsConfig) {
    let mut known = changed_at(certificate).await;
    let mut looks = tokio::time::interval(LOOK_AT_CERTIFICATE);
    loop {
        looks.tick().await;
        let found = changed_at(certificate).await;
        if found != known {
            known = found;
            renew(certificate, in_use);
        }
    }
}

/// A certificate that cannot be used leaves the old one in use.
fn renew(certificate: &Certificate, in_use: &RustlsConfig) {
    match server_config(certificate) {
        Ok(renewed) => {
            in_use.reload_from_config(renewed);
            tracing::info!("the certificate has changed, the new one is in use");
        }
        Err(error) => tracing::error!("the certificate has changed, the old one stays in use: {error}"),
    }
}

/// When the files were changed last. `None` where one cannot be looked at.
async fn changed_at(certificate: &Certificate) -> Option<(SystemTime, SystemTime)> {
    let of = async |file: &Path| tokio::fs::metadata(file).await.ok()?.modified().ok();
    Some((of(&certificate.certificate_file).await?, of(&certificate.key_file).await?))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn make(certificate: &Certificate) {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-subj",
                "/CN=chiplog",
            ])
            .arg("-keyout")
            .arg(&certificate.key_file)
            .arg("-out")
            .arg(&certificate.certificate_file)
            .output();
        assert!(made.unwrap().status.success());
    }

    #[tokio::test]
    async fn a_new_certificate_is_taken_into_use_and_a_broken_one_is_not() {
        crate::sources::http::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let certificate = Certificate { certificate_file: file("tls.crt"), key_file: file("tls.key") };
        make(&certificate);
        let in_use = tls(&certificate).unwrap();
        let (first, at_first) = (in_use.get_inner(), changed_at(&certificate).await);
        make(&certificate);
        assert_ne!(changed_at(&certificate).await, at_first);
        renew(&certificate, &in_use);
        let second = in_use.get_inner();
        assert!(!Arc::ptr_eq(&first, &second));
        std::fs::write(&certificate.key_file, "half a k").unwrap();
        renew(&certificate, &in_use);
        assert!(Arc::ptr_eq(&second, &in_use.get_inner()));
    }
}
