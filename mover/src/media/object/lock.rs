//! Whether an object lock holds a part.
//!
//! A bucket with object lock keeps versions, and there a removal without the id of a version is
//! always granted: it hides the object, and frees nothing. So we ask before we remove.

use jiff::Timestamp;
use object_store::path::Path;
use object_store::signer::Signer;
use reqwest::Method;
use reqwest::header::HeaderMap;

use super::client::Client;
use super::connect::request_timeout;
use crate::{Error, ErrorKind, Result};

const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const HOLD: &str = "x-amz-object-lock-legal-hold";

impl Client {
    /// Fails with [`ErrorKind::Refused`] where the server says that the object is locked.
    ///
    /// It says nothing to a key without the right to see retentions: then there is no lock as far
    /// as we know.
    pub(super) fn refuse_if_locked(&self, path: &Path) -> Result<()> {
        let timeout = request_timeout(0);
        let asked = self.engine.wait(async {
            // The crate does not show these headers, so the request is ours, signed by it.
            let url = self.store.signed_url(Method::HEAD, path, timeout).await.ok()?;
            self.plain.head(url).timeout(timeout).send().await.ok()
        });
        match asked.and_then(|answer| lock(answer.headers(), Timestamp::now())) {
            None => Ok(()),
            Some(lock) => {
                let message = format!("removing {}: {lock}", self.shown(path));
                Err(Error::new(ErrorKind::Refused, message)
                    .way_out("wait until the lock ends; until then nobody can remove it"))
            }
        }
    }
}

/// What holds the object that has these headers.
fn lock(headers: &HeaderMap, now: Timestamp) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(HOLD) == Some("ON") {
        return Some("a legal hold is on it".into());
    }
    let until = text(UNTIL)?;
    // A date that we cannot read may lie ahead.
    let ended = until.parse().is_ok_and(|until: Timestamp| until <= now);
    (!ended).then(|| format!("it is locked ({}) until {until}", text(MODE).unwrap_or("no mode")))
}
