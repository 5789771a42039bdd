//! Where a pool of objects is, and with what it is reached.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::{Error, ErrorKind, Result};

/// The shortest and the longest part. Shorter parts are all overhead; of a longer one two are in
/// memory for each writer.
const PART_LENGTHS: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 30;

/// Where a pool of objects is, and with what it is reached.
#[derive(Clone, Debug)]
pub struct ObjectConfig {
    /// The server, as `https://host:port`; none for Amazon itself.
    pub endpoint: Option<String>,
    /// The bucket, which has to exist.
    pub bucket: String,
    /// What all keys of this pool begin with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// Where the bucket is; none for what `AWS_REGION` or `AWS_DEFAULT_REGION` say, or else
    /// `us-east-1`, which servers other than Amazon's take.
    pub region: Option<String>,
    /// Bytes of a full part, 64 KiB to 1 GiB. A writer holds two parts in memory.
    pub part_length: u64,
    /// HTTP without TLS is fine, though the server is not on this machine.
    pub allow_http: bool,
    /// The server honours `If-None-Match: *` or at least ignores it, as most do; where one answers
    /// that it is not implemented, this has to be false.
    pub conditional_put: bool,
    /// For how long a failure that may pass is tried again.
    pub patience: Duration,
    /// PEM certificates of authorities that are trusted besides those of the system.
    pub certificates: Option<PathBuf>,
    /// The key pair; none for that of the environment.
    pub credentials: Option<ObjectCredentials>,
}

impl ObjectConfig {
    /// Part length of a pool that sets none.
    pub const PART_LENGTH: u64 = 16 << 20;

    /// A pool at Amazon with everything else as usual.
    pub fn new(bucket: impl Into<String>, prefix: impl Into<String>) -> ObjectConfig {
        ObjectConfig {
            endpoint: None,
            bucket: bucket.into(),
            prefix: prefix.into(),
            region: None,
            part_length: Self::PART_LENGTH,
            allow_http: false,
            conditional_put: true,
            patience: Duration::from_secs(30),
            certificates: None,
            credentials: None,
        }
    }

    /// Checks everything that can be checked without the server, and gives its URL.
    pub(super) fn check(&self) -> Result<Option<Url>> {
        let wrong = |what: String, way_out: &str| {
            Err(Error::new(ErrorKind::Usage, what).way_out(way_out.to_owned()))
        };
        if self.bucket.is_empty() || !self.bucket.chars().all(plain) {
            return wrong(
                format!("{:?} is no name of a bucket", self.bucket),
                "a bucket is named by letters, digits, dots and hyphens",
            );
        }
        let prefix = self.prefix.as_str();
        let parts = || prefix.split('/');
        if !prefix.is_empty() && !parts().all(is_name) {
            return wrong(
                format!("{prefix:?} is no prefix"),
                "a prefix is names of letters, digits, dots, hyphens and underscores, with single slashes between them",
            );
        }
        if !PART_LENGTHS.contains(&self.part_length) {
            return wrong(
                format!("parts of {} bytes", self.part_length),
                "a part has from 64 KiB to 1 GiB",
            );
        }
        self.endpoint.as_deref().map(|endpoint| self.check_endpoint(endpoint)).transpose()
    }

    fn check_endpoint(&self, endpoint: &str) -> Result<Url> {
        // What does not parse is not shown: it may hold a secret where nobody expects it.
        let wrong = |what: &str| {
            let way_out = "an endpoint is written as https://host or https://host:port";
            Error::new(ErrorKind::Usage, format!("the endpoint {what}")).way_out(way_out)
        };
        let url = Url::parse(endpoint).map_err(|cause| wrong("is no URL").because(cause))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds credentials")
                .way_out("give the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("is more than a server"));
        }
        match (url.scheme(), url.host_str()) {
            ("https", Some(_)) => Ok(url),
            ("http", Some(_)) if self.allow_http || is_loopback(&url) => Ok(url),
            ("http", Some(host)) => {
                let message = format!("{host} would be reached without TLS");
                Err(Error::new(ErrorKind::Refused, message)
                    .way_out("use https, or allow http for this pool"))
            }
            _ => Err(wrong("is neither https nor http")),
        }
    }
}

/// Whether a request stays on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Whether a name can be a part of a key as it is, for every server and in every URL.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|character| plain(character) || character == '_')
}

fn plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-')
}

/// A key pair of an S3-compatible store. Its secret is never shown.
#[derive(Clone)]
pub struct ObjectCredentials {
    /// The name of the key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// What a temporary key has besides.
    pub session_token: Option<String>,
}

impl ObjectCredentials {
    /// Those that users of S3 have in their environment: `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY` and, for a temporary key, `AWS_SESSION_TOKEN`.
    ///
    /// Fails with [`ErrorKind::Usage`] where they are not set.
    pub fn from_environment() -> Result<ObjectCredentials> {
        let get = |name: &str| {
            std::env::var(name).ok().filter(|value| !value.is_empty()).ok_or_else(|| {
                Error::new(ErrorKind::Usage, format!("{name} is not set"))
                    .way_out("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
            })
        };
        Ok(ObjectCredentials {
            access_key_id: get("AWS_ACCESS_KEY_ID")?,
            secret_access_key: get("AWS_SECRET_ACCESS_KEY")?,
            session_token: get("AWS_SESSION_TOKEN").ok(),
        })
    }
}

impl fmt::Debug for ObjectCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
