//! Components that come with a medium: an archive carries what decodes it.

use std::sync::Arc;

use format::Digest;

use super::builtin;
use super::engine::{Engine, LogLevel, Plugin, Trust};
use crate::error::{Error, ErrorKind, Result};
use crate::pin;

/// What components that a medium carries may do here.
#[derive(Clone, Debug)]
pub struct CarriedPolicy {
    /// They may decode, in their sandbox. They never encode.
    pub may_decode: bool,
    /// Those of these digests are as trusted as one that the operator named, and may authenticate.
    pub trusted: Vec<Digest>,
}

impl Default for CarriedPolicy {
    fn default() -> CarriedPolicy {
        CarriedPolicy { may_decode: true, trusted: Vec::new() }
    }
}

impl Engine {
    /// Loads the component of a digest: a built-in one, one that the operator has or trusts, one
    /// that an earlier version had built in, or, as far as the policy lets it, any that `read` takes
    /// from the medium, which is said then. `read` gives bytes of that digest and no others.
    pub fn load_carried(
        &self,
        digest: &Digest,
        read: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Arc<Plugin>> {
        if let Some(bytes) = builtin::find_digest(digest) {
            return self.load(bytes, Trust::BuiltIn);
        }
        if let Some(kept) = self.kept(digest)? {
            return self.load(&kept, Trust::Operator);
        }
        let policy = self.carried();
        if policy.trusted.contains(digest) {
            return self.load(&read()?, Trust::Operator);
        }
        if builtin::is_former(digest) {
            return self.load(&read()?, Trust::Former);
        }
        let shown = pin::show(digest);
        if !policy.may_decode {
            let message = format!("the medium carries what decodes it, component {shown}");
            return Err(Error::new(ErrorKind::Refused, message).way_out(
                "have it in the plugin folder (mover plugin add), or do without --no-carried",
            ));
        }
        let plugin = self.load(&read()?, Trust::Carried)?;
        let line = format!("decodes as the medium carries it, {shown}");
        self.tell(&plugin, LogLevel::Info, &line);
        Ok(plugin)
    }
}
