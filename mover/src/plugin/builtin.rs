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

/// What earlier versions had built in, and stores that they wrote carry. A new version reads those
/// stores as the old one did: it knows its ciphers, and does not ask who made them.
const FORMER: &[&str] = &[
    // zstd
    "0ec497db4ea21d2673a0229f6e76c16e5b1a4063d011aedc6067aa51212cde0a",
    "68b796db7a7f5e950ebdbe24d897097c008968e86c56040c73d64e48afec4f0e",
    "cda31128b7415f45a12b575a3d3728eb204df31a8eee398018dfd814a29d3aae",
    // chacha20poly1305
    "a6af67d14b30cef35fd9ffecd7d6078a3d64931e3bd616f856399c23d4c1ba2c",
    "e542fcccbdeee6e42b45977e633f968ea1b0e0bab72412d6966f53f5b6ae10c7",
    "64e440e8387b761e6518b7b149e880d19d5111d8a26ae533704f4ce55c040c8a",
];

/// Whether an earlier version had the component of a digest built in.
pub fn is_former(digest: &Digest) -> bool {
    FORMER.contains(&blake3::Hash::from_bytes(digest.0).to_hex().as_str())
}

/// The names of all built-in components.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_former_is_a_digest_and_not_built_in_now() {
        for text in FORMER {
            let digest = Digest(*blake3::Hash::from_hex(text).unwrap().as_bytes());
            assert!(is_former(&digest) && find_digest(&digest).is_none(), "{text}");
        }
    }
}
