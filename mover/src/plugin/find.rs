//! Finds a component by what an operator calls it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use format::Digest;

use super::builtin;
use super::engine::Trust;
use super::folder::PluginFolder;
use crate::error::{Error, ErrorKind, Result};
use crate::pin;

/// A component that was found.
#[derive(Debug)]
pub struct FoundPlugin {
    /// All of it.
    pub bytes: Cow<'static, [u8]>,
    /// Its file; none for one that is built in.
    pub path: Option<PathBuf>,
    /// BLAKE3 of its bytes.
    pub digest: Digest,
}

impl FoundPlugin {
    /// What it may do: it was built in, or an operator named it.
    pub fn trust(&self) -> Trust {
        if self.path.is_none() { Trust::BuiltIn } else { Trust::Operator }
    }
}

/// Finds a component by the name of a built-in one, by a name in the plugin folder (the newest
/// version of it, or the one of `digest`), or by the path of a `.wasm`.
pub fn find(
    text: &str,
    digest: Option<&Digest>,
    folder: Option<&PluginFolder>,
) -> Result<FoundPlugin> {
    let found = if let Some(bytes) = builtin::find(text) {
        FoundPlugin::new(Cow::Borrowed(bytes), None)
    } else if is_path(text) {
        let bytes = std::fs::read(text).map_err(|cause| Error::io("reading", text, cause))?;
        FoundPlugin::new(Cow::Owned(bytes), Some(Path::new(text).to_owned()))
    } else {
        in_folder(text, digest, folder)?
    };
    match digest {
        Some(digest) if *digest != found.digest => {
            let message =
                format!("{text} is not what is pinned: its digest is {}", pin::show(&found.digest));
            Err(Error::new(ErrorKind::Refused, message)
                .way_out("get the component that was pinned; or look at this one, and pin it"))
        }
        _ => Ok(found),
    }
}

fn in_folder(
    name: &str,
    digest: Option<&Digest>,
    folder: Option<&PluginFolder>,
) -> Result<FoundPlugin> {
    let mut kept = folder.map(|folder| folder.named(name)).transpose()?.unwrap_or_default();
    let pinned = |digest: &Digest| kept.iter().position(|kept| kept.description.digest == *digest);
    // Where none is the pinned one, the newest is, to be named in the message.
    let place = digest.and_then(pinned).unwrap_or(0);
    if place < kept.len() {
        let kept = kept.swap_remove(place);
        let path = kept.path.clone();
        return Ok(FoundPlugin::new(Cow::Owned(kept.into_bytes()), Some(path)));
    }
    let known: Vec<&str> = builtin::names().collect();
    let way_out = format!(
        "name a built-in one ({}), add yours with `mover plugin add`, or give the path of a .wasm",
        known.join(", ")
    );
    let message = format!("there is no component {}", name.escape_debug());
    Err(Error::new(ErrorKind::Usage, message).way_out(way_out))
}

impl FoundPlugin {
    fn new(bytes: Cow<'static, [u8]>, path: Option<PathBuf>) -> FoundPlugin {
        let digest = Digest(*blake3::hash(&bytes).as_bytes());
        FoundPlugin { bytes, path, digest }
    }
}

/// Whether a component is called by its path, and not by its name.
pub fn is_path(text: &str) -> bool {
    text.ends_with(".wasm") || text.contains('/')
}
