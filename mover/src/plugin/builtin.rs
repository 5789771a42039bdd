//! The components that are embedded in the binary; built from `plugins/` into `plugins/dist`.

use std::sync::OnceLock;

use format::Digest;

macro_rules! embed {
    ($($name:literal),*) => {
        &[$(($name, include_bytes!(concat!("../../../plugins/dist/", $name, ".wasm")))),*]
    };
}

/// Names and bytes.
const ALL: &[(&str, &[u8])] =
    embed!("zstd", "chacha20poly1305", "crc-dedupe", "snoop-yara", "snoop-type");

fn digests() -> &'static [Digest] {
    static DIGESTS: OnceLock<Vec<Digest>> = OnceLock::new();
    DIGESTS.get_or_init(|| {
        ALL.iter().map(|(_, bytes)| Digest(*blake3::hash(bytes).as_bytes())).collect()
    })
}

/// The built-in component of a name.
pub fn find(name: &str) -> Option<&'static [u8]> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// The built-in component of a digest.
pub fn find_digest(digest: &Digest) -> Option<&'static [u8]> {
    let place = digests().iter().position(|known| known == digest)?;
    Some(ALL[place].1)
}

/// The names of all built-in components.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}
