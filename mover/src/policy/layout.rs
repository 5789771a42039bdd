//! The tables and keys of a policy file.

use super::bounds::Unit;
use super::form::{Form, Key};

const fn key(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, was: None, form, is_required: false, about }
}

const fn required(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, was: None, form, is_required: true, about }
}

impl Key {
    /// It was called otherwise once, which is still read.
    const fn once(self, was: &'static str) -> Key {
        Key { was: Some(was), ..self }
    }
}

const TEXTS: Form = Form::Many(&Form::Text);
const GLOBS: Form = Form::Many(&Form::Glob);
const WORDS: Form = Form::Many(&Form::Word);
const COUNT: Form = Form::Count { least: 0, most: u32::MAX as i64 };

/// The file.
pub(super) const FILE: &[Key] = &[
    required("version", Form::Count { least: 1, most: 1 }, "the layout of this file: 1"),
    key("archive", Form::Table(ARCHIVE), "what `mover archive --policy FILE` archives"),
    key("pools", Form::Named(&Form::ByKind(POOLS)), "media besides the store's own folder"),
    key(
        "rules",
        Form::Many(&Form::Table(RULE)),
        "the storage map: the first that matches is taken",
    ),
    key("retention", Form::Named(&Form::Table(RETENTION)), "how long pools keep what is in them"),
    key("serve", Form::Table(SERVE), "how `mover serve --policy FILE` behaves"),
    key(
        "peers",
        Form::Named(&Form::Text),
        "names for fingerprints, as `mover identity` prints them",
    ),
    key("stores", Form::Named(&Form::Table(STORE)), "stores that are offered to other movers"),
    key("sources", Form::Named(&Form::Table(SOURCE)), "sources that are offered to other movers"),
];

pub(super) const ARCHIVE: &[Key] = &[
    key("store", Form::Text, "a folder, or mover://HOST:PORT/NAME"),
    key("name", Form::Text, "the archive's name"),
    key("paths", TEXTS, "files and folders to archive"),
    key("exclude", TEXTS, "what is left out, as in a gitignore file"),
    key("include", TEXTS, "paths that are taken; none takes all"),
    key("one-file-system", Form::Flag, "do not cross into other file systems"),
    key("snoops", Form::Many(&Form::TextOr(STAGE)), "components that look; [\"none\"] for none"),
    key("filters", Form::Many(&Form::Table(FILTER)), "what changes bytes before they are cut"),
    key("hold-pool", Form::Text, "the pool of entries that a snoop holds"),
    key(
        "on-snoop-failure",
        Form::OneOf(&["stop", "tag"]),
        "when a snoop fails: the session stops, or what it missed is tagged unscanned",
    ),
    key("volume-size", Form::Size, "where a volume of the pool default ends; by default 1G"),
    key("parity", Form::Parity, "files that heal the pool default's volumes, such as 10+2"),
];

pub(super) const FILTER: &[Key] = &[
    required("component", Form::Text, "a name in the plugin folder, or the path of a .wasm"),
    key("config", Form::Free, "its configuration, such as { width = 2 }"),
    key("digest", Form::Text, "the one component that it may be: blake3:..."),
    key("path", GLOBS, "globs of paths in the archive; none takes all files"),
    key("lossy", Form::Flag, "it may be one that cannot change everything back"),
];

pub(super) const RULE: &[Key] = &[
    required("name", Form::Text, "a name for people"),
    key("when", Form::Table(CONDITIONS), "what it asks for, all of which has to hold"),
    key("stages", Form::Many(&Form::TextOr(STAGE)), "in the order of encoding; by default zstd"),
    key("encrypt", Form::Flag, "whether it is encrypted in a store with keys; by default true"),
    key("chunk-size", Form::Size, "plain bytes of a chunk; by default 1M"),
    key("framing", Form::OneOf(&["each", "run", "both"]), "how much context stands around chunks"),
    key("grouping", Form::OneOf(&["together", "apart"]), "whether small files share chunks"),
    key("pools", TEXTS, "where to; several are copies"),
    key("dedupe-with", TEXTS, "pools besides, whose blocks may be referred to"),
    key(
        "on-failure",
        Form::OneOf(&["stop", "store"]),
        "when a stage fails: the session stops, or the chunk is stored without the stages",
    ),
];

pub(super) const STAGE: &[Key] = &[
    required("component", Form::Text, "a component's name, or the path of a .wasm"),
    key("digest", Form::Digest, "which component it has to be; needed where it is not built in"),
    key("config", Form::Free, "its configuration, such as { level = 19 }"),
];

pub(super) const CONDITIONS: &[Key] = &[
    key("path", GLOBS, "globs of paths in the archive, as in a gitignore file"),
    key("size", Form::Bounds(Unit::Bytes), "bytes of the file, such as >1M or >=1M, <1G"),
    key("age", Form::Bounds(Unit::Seconds), "time since it was changed, such as >30d"),
    key("owner", TEXTS, "names or numbers of owners"),
    key("group", TEXTS, "names or numbers of groups"),
    key("archive", WORDS, "globs of names of archives"),
    key("type", WORDS, "globs of content types, by the file's beginning"),
    key("entropy", Form::Bounds(Unit::Bits), "bits per byte of the file's beginning, 0 to 8"),
    key("tags", WORDS, "globs of what snoops found, in files that are seen whole"),
    key("chunk-type", WORDS, "globs of content types of the part at hand, about 1 MiB"),
    key("chunk-entropy", Form::Bounds(Unit::Bits), "bits per byte of the part at hand"),
];

pub(super) const RETENTION: &[Key] = &[
    key("last", COUNT, "the newest so many archives of each name"),
    key("daily", COUNT, "the newest of each of so many days"),
    key("weekly", COUNT, "of weeks"),
    key("monthly", COUNT, "of months"),
    key("yearly", COUNT, "of years"),
    key("within", Form::Time, "all that are younger, such as 30d"),
    key("locked-for", Form::Time, "volumes stay for so long, whatever the rest says"),
];

const KIND: &str = "the kind of medium";
const VOLUME_SIZE: Key = key("volume-size", Form::Size, "where a volume ends; by default 1G");

/// By kind. Says the same as `media::PoolSpec`.
pub(super) const POOLS: &[(&str, &[Key])] =
    &[("disk", DISK), ("tape", TAPE), ("optical", OPTICAL), ("object", OBJECT)];

const DISK: &[Key] = &[
    required("kind", Form::OneOf(&["disk"]), KIND),
    required("path", Form::Text, "the folder"),
    VOLUME_SIZE,
    key("parity", Form::Parity, "files beside the volumes that heal them, such as 10+2"),
];

const TAPE: &[Key] = &[
    required("kind", Form::OneOf(&["tape"]), KIND),
    key("folder", Form::Text, "a folder with cartridges as files"),
    key("cartridges", TEXTS, "cartridges in the folder, or those of drives without a robot"),
    key("capacity", Form::Size, "bytes of a cartridge in the folder; by default 16G"),
    key("library", Form::Text, "the changer: iscsi://HOST:PORT/IQN/LUN or /dev/sgN"),
    key("drives", TEXTS, "its drives, in its order"),
    key("barcodes", WORDS, "globs of barcodes that belong to the pool"),
    key(
        "streams",
        Form::Count { least: 1, most: 64 },
        "cartridges that are written at once, at most; by default one a drive, and 1 in a folder",
    ),
    key("record-size", Form::Size, "bytes of a tape record; by default 256K"),
];

const OPTICAL: &[Key] = &[
    required("kind", Form::OneOf(&["optical"]), KIND),
    key("folder", Form::Text, "the folder of the images"),
    key("recorder", Form::Text, "instead: the recorder, iscsi://HOST:PORT/IQN/LUN or /dev/sgN"),
    key("library", Form::Text, "the changer of the jukebox whose first drive the recorder is"),
    key("barcodes", WORDS, "globs of the discs in the jukebox that belong to the pool"),
    key("discs", TEXTS, "names of images, or of discs for a recorder without a jukebox, in order"),
    key("capacity", Form::Size, "bytes of a disc; by default those of a DVD+R"),
    key(
        "session-size",
        Form::Size,
        "bytes that are burned at once on an image, if no session ends before; by default 256M",
    ),
    key("spool", Form::Text, "where what is to be burned waits; by default the store's folder"),
];

const OBJECT: &[Key] = &[
    required("kind", Form::OneOf(&["object"]), KIND),
    key("endpoint", Form::Text, "https://HOST:PORT; none for Amazon"),
    required("bucket", Form::Text, "the bucket, which has to exist"),
    key("prefix", Form::Text, "what all keys begin with"),
    key("region", Form::Text, "where the bucket is"),
    key("part-size", Form::Size, "bytes of a part; by default 16M"),
    key("allow-http", Form::Flag, "plain HTTP to another machine is fine"),
    VOLUME_SIZE,
];

pub(super) const SERVE: &[Key] = &[
    key("listen", TEXTS, "addresses; by default 127.0.0.1:7373"),
    key("metrics", Form::Text, "the address where Prometheus is answered"),
    key("memory", Form::Size, "chunks in flight, of all sessions; by default 256M"),
    key("sessions-max", COUNT, "sessions that write at once; by default 64").once("sessions_max"),
    key(
        "channels-max",
        Form::Count { least: 0, most: 65535 },
        "channels of one session; by default 16",
    )
    .once("channels_max"),
    key(
        "full-patience",
        Form::Time,
        "how long a writer waits for room on a full disk; by default 60s",
    )
    .once("full_patience"),
];

pub(super) const STORE: &[Key] = &[
    required("path", Form::Text, "its folder"),
    key("allow", Form::Many(&Form::Table(STORE_ALLOW)), "who may do what; the default is nobody"),
    key("map", Form::Named(&TEXTS), "where chunks go that are sent to the pool of this name"),
];

pub(super) const STORE_ALLOW: &[Key] = &[
    required("peer", Form::Text, "a name under [peers], or a fingerprint"),
    required(
        "rights",
        Form::Many(&Form::OneOf(&["write", "read", "delete", "keys"])),
        "what it may do",
    ),
];

pub(super) const SOURCE: &[Key] = &[
    required("path", Form::Text, "its folder"),
    key("exclude", TEXTS, "what is left out, as in a gitignore file"),
    key("include", TEXTS, "paths that are taken; none takes all"),
    key("allow", Form::Many(&Form::Table(SOURCE_ALLOW)), "who may do what; the default is nobody"),
];

pub(super) const SOURCE_ALLOW: &[Key] = &[
    required("peer", Form::Text, "a name under [peers], or a fingerprint"),
    required("rights", Form::Many(&Form::OneOf(&["archive", "restore"])), "what it may do"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::media::PoolSpec;
    use crate::policy::retention::Retention;
    use crate::policy::rules::{ArchivePolicy, Conditions, FilterText, Rule};
    use crate::policy::{Policy, ServePolicy, SourcePolicy, StorePolicy};

    /// The keys that serde takes, by what it says of one that it does not.
    fn taken<T: DeserializeOwned + std::fmt::Debug>(beside: &str) -> BTreeSet<String> {
        let text = format!("{beside}\n\"no such key\" = 1");
        let said = toml::from_str::<T>(&text).unwrap_err().message().to_owned();
        let (_, keys) = said.split_once("expected").expect(&said);
        keys.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn check<T: DeserializeOwned + std::fmt::Debug>(keys: &[Key], beside: &str) {
        let names = keys.iter().flat_map(|it| [it.name].into_iter().chain(it.was));
        let mut described: BTreeSet<String> = names.map(str::to_owned).collect();
        let taken = taken::<T>(beside);
        if !beside.is_empty() {
            described.remove("kind");
        }
        assert_eq!(described, taken);
    }

    #[test]
    fn what_is_described_is_what_is_read() {
        check::<Policy>(FILE, "");
        check::<ArchivePolicy>(ARCHIVE, "");
        check::<Rule>(RULE, "");
        check::<FilterText>(FILTER, "component = \"x\"");
        check::<Conditions>(CONDITIONS, "");
        check::<Retention>(RETENTION, "");
        check::<ServePolicy>(SERVE, "");
        check::<StorePolicy>(STORE, "");
        check::<SourcePolicy>(SOURCE, "");
        for (kind, keys) in POOLS {
            check::<PoolSpec>(keys, &format!("kind = \"{kind}\""));
        }
        // Every kind that there is.
        let said = toml::from_str::<PoolSpec>("kind = \"none\"").unwrap_err().to_string();
        for kind in said.split('`').skip(1).step_by(2).filter(|kind| *kind != "none") {
            assert!(POOLS.iter().any(|(known, _)| *known == kind) || kind.contains('"'), "{kind}");
        }
    }
}
