//! How requests reach the server: TLS with the provider that mover has anyway, and time limits.

use std::fs;
use std::time::Duration;

use futures_util::future::BoxFuture;
use object_store::ClientOptions;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
};
use object_store::{BackoffConfig, RetryConfig};
use reqwest::header::CONTENT_RANGE;
use reqwest::redirect::Policy;
use reqwest::{Certificate, StatusCode, Url};

use super::config::{ObjectConfig, ObjectCredentials, is_loopback};
use crate::{Error, ErrorKind, Result};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may take to answer, besides the time in which bytes move.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes a second below which a transfer counts as hanging.
const SLOWEST: u64 = 128 << 10;

/// How long one request may take that moves so many bytes.
pub(super) fn request_timeout(bytes: u64) -> Duration {
    ANSWER_TIMEOUT + Duration::from_secs(bytes / SLOWEST)
}

/// Makes ready for requests, without any: the store, and what makes plain requests.
pub(super) fn connect(config: &ObjectConfig) -> Result<(AmazonS3, reqwest::Client)> {
    let endpoint = config.check()?;
    let credentials = match &config.credentials {
        Some(credentials) => credentials.clone(),
        None => ObjectCredentials::from_environment()?,
    };
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let region = config.region.clone().or_else(|| variable("AWS_REGION"));
    let region = region.or_else(|| variable("AWS_DEFAULT_REGION"));
    let plain = client(config, endpoint.as_ref())?;
    let mut builder = AmazonS3Builder::new()
        .with_http_connector(Connector(plain.clone()))
        .with_allow_http(true)
        .with_bucket_name(&config.bucket)
        .with_region(region.unwrap_or_else(|| "us-east-1".into()))
        .with_access_key_id(credentials.access_key_id)
        .with_secret_access_key(credentials.secret_access_key)
        // The server checks what it gets; a bucket with object lock even asks for it.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_retry(RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..Default::default() },
            max_retries: usize::MAX,
            retry_timeout: config.patience,
        });
    if let Some(token) = credentials.session_token {
        builder = builder.with_token(token);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    let store = builder.build().map_err(|cause| {
        let message = format!("the bucket {}", config.bucket);
        Error::new(ErrorKind::Usage, message).because(cause)
    })?;
    Ok((store, plain))
}

fn client(config: &ObjectConfig, endpoint: Option<&Url>) -> Result<reqwest::Client> {
    // Without a provider for the whole process, the client takes none and panics. A second
    // installation fails, which is fine: then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("mover/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(request_timeout(config.part_length))
        // A request is signed for one server.
        .redirect(Policy::none())
        .http1_only();
    if endpoint.is_some_and(is_loopback) {
        builder = builder.no_proxy();
    }
    if let Some(path) = &config.certificates {
        let pem = fs::read(path).map_err(|cause| Error::io("reading", path, cause))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|cause| {
            let message = format!("{} holds no PEM certificates", path.display());
            Error::new(ErrorKind::Usage, message).because(cause)
        })?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|cause| {
        Error::new(ErrorKind::Io, "making ready for TLS")
            .because(cause)
            .way_out("install the certificates of this system (ca-certificates)")
    })
}

/// Hands the one client to the crate, which would make its own with other habits.
#[derive(Clone, Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Connector {
    // As the macro `async_trait` would write it, with which the trait is declared.
    fn call<'s, 'f>(&'s self, request: HttpRequest) -> BoxFuture<'f, Answer>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let mut answer = self.0.call(request).await?;
            // rclone sends the range that was asked for, but says that it is the whole object.
            if answer.status() == StatusCode::OK && answer.headers().contains_key(CONTENT_RANGE) {
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            }
            Ok(answer)
        })
    }
}

type Answer = std::result::Result<HttpResponse, HttpError>;
