//! What went wrong at the server, in words of ours: what kind of failure, and what to do.

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};

use crate::{Error, ErrorKind};

/// Characters of a server's own message that are shown.
const MESSAGE_LENGTH_MAX: usize = 200;

/// What a server answered, or that it did not.
#[derive(Debug)]
pub(super) struct Failure {
    /// The code of S3, such as `NoSuchBucket`; empty where there is none.
    code: String,
    /// The HTTP status; 0 where there is none.
    status: u16,
    /// It may work when it is tried again.
    pub(super) passing: bool,
    text: String,
}

impl Failure {
    pub(super) fn of(cause: &object_store::Error) -> Failure {
        let all = cause.to_string();
        let code = between(&all, "<Code>", "</Code>")
            .or_else(|| between(&all, "(code: ", ")"))
            .unwrap_or_default()
            .to_owned();
        let status = between(&all, "status code: ", " ").and_then(|text| text.parse().ok());
        let status: u16 = status.unwrap_or_default();
        let (mut passing, mut root) = (status >= 500, all.clone());
        let mut next = Some(cause as &(dyn StdError + 'static));
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<HttpError>() {
                passing = !matches!(error.kind(), HttpErrorKind::Decode);
            }
            root = error.to_string();
            next = error.source();
        }
        let message = between(&all, "<Message>", "</Message>").unwrap_or_default();
        // Neither the whole answer nor the request is shown: some servers put into them what was
        // signed.
        let text = match (code.as_str(), status) {
            ("", 0) => root,
            ("", status) => format!("the server answered {status}"),
            (code, _) if message.is_empty() => code.to_owned(),
            (code, _) => format!("{code}: {message}"),
        };
        Failure { code, status, passing, text: text.chars().take(MESSAGE_LENGTH_MAX).collect() }
    }

    /// A failed request: `doing` is a gerund, such as `reading`.
    pub(super) fn error(self, doing: &str, what: &str) -> Error {
        let (kind, way_out) = self.meaning();
        Error::new(kind, format!("{doing} {what}")).because(self.text).way_out(way_out)
    }

    fn meaning(&self) -> (ErrorKind, &'static str) {
        match (self.code.as_str(), self.status) {
            ("NoSuchBucket", _) => {
                (ErrorKind::Missing, "make the bucket, or correct its name or the endpoint")
            }
            (
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "InvalidToken"
                | "ExpiredToken"
                | "TokenRefreshRequired",
                _,
            )
            | ("", 401) => (
                ErrorKind::Refused,
                "check the access key and its secret, e.g. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
            ("RequestTimeTooSkewed", _) => (ErrorKind::Refused, "set the clock of this machine"),
            ("InvalidObjectState", _) => (
                ErrorKind::Refused,
                "the object is in a cold storage class: restore it first (e.g. aws s3api restore-object), then try again",
            ),
            (
                "AuthorizationHeaderMalformed"
                | "PermanentRedirect"
                | "IllegalLocationConstraintException",
                _,
            )
            | (_, 301 | 307) => (ErrorKind::Usage, "set the region in which the bucket is"),
            ("NotImplemented", _) | (_, 501) => (
                ErrorKind::Unsupported,
                "if this server knows no conditional put, set conditional_put = false",
            ),
            (
                "QuotaExceeded"
                | "InsufficientStorage"
                | "XMinioStorageFull"
                | "StorageFull"
                | "EntityTooLarge",
                _,
            )
            | (_, 507) => (ErrorKind::Full, "make room, or raise the quota of the bucket"),
            ("AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "ObjectLocked", _)
            | (_, 403) => (
                ErrorKind::Refused,
                "see that the key may list, read, write and delete here, and that no object lock holds it",
            ),
            (_, 404) => (ErrorKind::Missing, "see whether bucket, prefix and endpoint are right"),
            (_, 500..) => (ErrorKind::Io, "try again when the server is well"),
            ("", 0) => (ErrorKind::Io, "see that the server runs, and that its endpoint is right"),
            _ => (ErrorKind::Io, "see what the server logged"),
        }
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}
