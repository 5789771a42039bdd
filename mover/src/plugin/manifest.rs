//! What a component says of itself, readable without running it.

/// The track of the contract that this host offers.
pub use componentise::CONTRACT;
pub(super) use componentise::MANIFEST_SECTION as SECTION;
use format::Role;
use serde::{Deserialize, Serialize};

use super::guest::clean;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a manifest, at most.
const LENGTH_MAX: usize = 64 << 10;

/// The custom section `mover:manifest`: JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The component's name.
    pub name: String,
    /// The component's version.
    pub version: String,
    /// `filter`, `snoop`, `dedupe` or `transform`.
    pub role: String,
    /// The track of `mover:plugin` that it was built for.
    pub contract: String,
    /// It takes a key, and a nonce for each chunk.
    #[serde(default)]
    pub keyed: bool,
    /// It tells changed input from what it wrote, and so must be trusted.
    #[serde(default)]
    pub authenticates: bool,
    /// A filter that cannot change everything back, and runs only where the operator allows that.
    #[serde(default)]
    pub lossy: bool,
    /// Its chunks depend on each other; not offered yet.
    #[serde(default)]
    pub sequential: bool,
    /// An interpreter runs it: of the second tier, for prototypes and for data that is small.
    #[serde(default)]
    pub interpreted: bool,
    /// Bytes of linear memory that it takes, at most.
    #[serde(default)]
    pub memory_max: u64,
    /// JSON Schema of its configuration.
    #[serde(default)]
    pub config_schema: serde_json::Value,
}

impl Manifest {
    /// Reads the section's bytes; what they say is judged by [`Manifest::mistakes`].
    pub(super) fn parse(section: &[u8]) -> Result<Manifest> {
        let bad = |what: String| Error::new(ErrorKind::Plugin, what);
        if section.len() > LENGTH_MAX {
            let length = section.len();
            return Err(bad(format!(
                "its manifest has {length} bytes, at most {LENGTH_MAX} may be"
            )));
        }
        serde_json::from_slice(section).map_err(|cause| {
            // It repeats the component's own words, such as a key that is not known.
            bad("its manifest is not what it should be".into()).because(clean(&cause.to_string()))
        })
    }

    /// Why this host cannot run what says so of itself.
    pub(super) fn mistakes(&self) -> Vec<Error> {
        let mut mistakes = Vec::new();
        let is_plain = |text: &str| {
            !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_graphic())
        };
        if !is_plain(&self.name) || !is_plain(&self.version) {
            let message = "its manifest has a name or a version that cannot be one";
            mistakes.push(
                Error::new(ErrorKind::Plugin, message).way_out("use 1 to 64 letters without space"),
            );
        }
        if self.contract != CONTRACT {
            let message = format!(
                "{} was built for mover:plugin {}, this mover offers {CONTRACT}",
                self.name.escape_debug(),
                self.contract.escape_debug()
            );
            mistakes.push(
                Error::new(ErrorKind::Unsupported, message)
                    .way_out("rebuild it with `mover plugin build` of this mover"),
            );
        }
        if self.sequential {
            let message = format!("{} needs its chunks in order", self.name.escape_debug());
            mistakes.push(
                Error::new(ErrorKind::Unsupported, message)
                    .way_out("make each chunk stand alone, and leave out `sequential`"),
            );
        }
        mistakes.extend(self.role().err());
        mistakes
    }

    /// The role by its name.
    pub fn role(&self) -> Result<Role> {
        match self.role.as_str() {
            "filter" => Ok(Role::Filter),
            "snoop" => Ok(Role::Snoop),
            "dedupe" => Ok(Role::Dedupe),
            "transform" => Ok(Role::Transform),
            other => {
                let message =
                    format!("{} has no role {}", self.name.escape_debug(), other.escape_debug());
                Err(Error::new(ErrorKind::Plugin, message)
                    .way_out("use filter, snoop, dedupe or transform"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_is_refused_says_nothing_to_the_terminal() {
        for key in ["\\u001b[2J", "\\u202e", "a\\nb"] {
            let error = Manifest::parse(format!("{{\"{key}\":1}}").as_bytes()).unwrap_err();
            let turns = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!error.to_string().contains(turns), "{error:?}");
        }
    }
}
