//! Pools, retention, peers: names that must be known, and media that must be possible.

use std::collections::BTreeMap;

use super::check::Sense;
use super::form::suggest;
use super::serve::HOME_POOL;
use crate::media::PoolSpec;

/// Names of components that look, and the word for none.
const SNOOPS: [&str; 2] = ["snoop-type", "snoop-yara"];
pub(super) const NONE: &str = "none";

pub(super) fn check(sense: &mut Sense<'_>) {
    pools(sense);
    retention(sense);
    archive(sense);
    peers(sense);
}

fn pools(sense: &mut Sense<'_>) {
    let mut places: BTreeMap<String, &str> = BTreeMap::new();
    for (name, pool) in sense.policy.pools() {
        if name == HOME_POOL {
            let message = format!("a pool cannot be called {HOME_POOL}");
            let way_out = "that is the pool in the store's own folder; give another name";
            sense.error(&["pools", name], message, way_out);
        }
        match pool {
            PoolSpec::Tape { .. } => tape(sense, name, pool),
            PoolSpec::Optical { .. } => super::sense_discs::check(sense, name, pool),
            PoolSpec::Object { part_size: Some(size), .. }
                if !(64 << 10..=1 << 30).contains(&size.0) =>
            {
                let message = "parts of this size are not possible".to_owned();
                sense.error(&["pools", name, "part-size"], message, "use 64K to 1G");
            }
            _ => {}
        }
        if let Some(before) = places.insert(where_it_is(pool), name) {
            let message = format!("pools {before} and {name} are at the same place");
            let way_out = "a pool needs a place of its own: with one gone, its copy has to be left";
            sense.error(&["pools", name], message, way_out);
        }
    }
}

fn where_it_is(pool: &PoolSpec) -> String {
    match pool {
        PoolSpec::Disk { path, .. } => format!("folder {}", path.display()),
        PoolSpec::Tape { folder: Some(folder), .. } => format!("folder {}", folder.display()),
        PoolSpec::Optical { folder: Some(folder), .. } => format!("folder {}", folder.display()),
        PoolSpec::Optical { recorder, barcodes, discs, .. } => {
            format!("recorder {recorder:?} {barcodes:?} {discs:?}")
        }
        PoolSpec::Tape { library, barcodes, .. } => format!("library {library:?} {barcodes:?}"),
        PoolSpec::Object { endpoint, bucket, prefix, .. } => {
            format!("bucket {endpoint:?} {bucket} {prefix}")
        }
    }
}

fn tape(sense: &mut Sense<'_>, name: &str, pool: &PoolSpec) {
    let PoolSpec::Tape {
        folder,
        cartridges,
        capacity,
        library,
        drives,
        barcodes,
        streams,
        record_size,
    } = pool
    else {
        return;
    };
    let at = |key| ["pools", name, key];
    // Drives that a person serves: what is in the drawer stands in the policy.
    let is_by_hand = folder.is_none() && library.is_none() && !drives.is_empty();
    match (folder, library) {
        (None, None) if is_by_hand && !cartridges.is_empty() => {}
        (None, None) if is_by_hand => sense.error(
            &["pools", name],
            format!("pool {name} has drives, and neither a library nor cartridges"),
            "name the cartridges that there are: cartridges = [\"...\"]; a person is asked for them",
        ),
        (None, None) => sense.error(
            &["pools", name],
            format!("pool {name} has no medium"),
            "write folder = \"...\" for cartridges in files, or library = \"...\"",
        ),
        (Some(_), Some(_)) => sense.error(
            &at("library"),
            format!("pool {name} has both a folder and a library"),
            "leave one of them out",
        ),
        (None, Some(_)) if drives.is_empty() => sense.error(
            &at("library"),
            format!("the library of pool {name} has no drives"),
            "name them, in its order: drives = [\"...\"]",
        ),
        _ => {}
    }
    let of_other = match folder {
        Some(_) => [("drives", !drives.is_empty()), ("barcodes", !barcodes.is_empty())],
        None => [
            ("cartridges", !cartridges.is_empty() && !is_by_hand),
            ("capacity", capacity.is_some()),
        ],
    };
    for (key, _) in of_other.iter().filter(|(_, is_given)| *is_given) {
        let (has, not) =
            if folder.is_some() { ("a folder", "a library") } else { ("a library", "a folder") };
        let message = format!("{key} says nothing of {has}");
        sense.warn(&at(key), message, format!("leave it out; it is for {not}"));
    }
    if let Some(streams) = streams
        && folder.is_none()
        && usize::from(*streams) > drives.len()
    {
        let message = format!("{streams} streams, and {} drives", drives.len());
        sense.warn(&at("streams"), message, "a stream needs a drive of its own; leave it out");
    }
    if let Some(size) = record_size
        && (!(512..=8 << 20).contains(&size.0) || !size.0.is_multiple_of(512))
    {
        let message = "tape records of this length are not possible".to_owned();
        let way_out = "use a multiple of 512 bytes, up to 8M; 256K is what most drives like best";
        sense.error(&at("record-size"), message, way_out);
    }
}

fn retention(sense: &mut Sense<'_>) {
    for (name, keep) in &sense.policy.retention {
        pool(sense, &["retention", name], name);
        if *keep == super::Retention::default() {
            let message = format!("retention of {name} says nothing: all is kept");
            sense.warn(&["retention", name], message, "add daily = 7, or leave it out");
        }
    }
}

/// Complains of a pool that there is not.
pub(super) fn pool(sense: &mut Sense<'_>, keys: &[&str], name: &str) {
    let policy = sense.policy;
    let names = || [HOME_POOL].into_iter().chain(policy.pools().keys().map(String::as_str));
    if names().all(|known| known != name) {
        let known: Vec<&str> = names().collect();
        let known = format!("the pools are {}; add one as [pools.NAME]", known.join(", "));
        let message = format!("there is no pool {}", name.escape_debug());
        sense.error(keys, message, suggest(name, names(), &known));
    }
}

fn archive(sense: &mut Sense<'_>) {
    let archive = &sense.policy.archive;
    if let Some(name) = &archive.hold_pool {
        pool(sense, &["archive", "hold-pool"], name.get_ref());
    }
    let is_none = |name: &str| name == NONE;
    for (place, snoop) in archive.snoops.iter().enumerate() {
        let name = snoop.component();
        let keys = ["archive", "snoops", &place.to_string()];
        let is_file = name.ends_with(".wasm") || name.contains('/');
        if is_none(name) && archive.snoops.len() > 1 {
            sense.error(&keys, format!("{NONE} beside others"), "leave one of them out");
        } else if !is_none(name) && !SNOOPS.contains(&name) && !is_file {
            let known = format!("use {}, {NONE}, or the path of a .wasm", SNOOPS.join(", "));
            let message = format!("there is no snoop {}", name.escape_debug());
            sense.error(&keys, message, suggest(name, SNOOPS.into_iter(), &known));
        }
    }
    if archive.hold_pool.is_some() && archive.snoops.iter().any(|it| is_none(it.component())) {
        let message = "nothing is held where no snoop looks".to_owned();
        sense.warn(&["archive", "hold-pool"], message, "leave out hold-pool, or snoops");
    }
}

fn peers(sense: &mut Sense<'_>) {
    for (kind, name, place, peer) in sense.policy.peers_allowed() {
        if !sense.policy.knows_peer(peer) {
            let message = format!("nobody under [peers] is called {}", peer.escape_debug());
            let known = format!("add a line under [peers]: {peer} = \"FINGERPRINT\"");
            let way_out = suggest(peer, sense.policy.peer_names(), &known);
            sense.error(&[kind, name, "allow", &place.to_string(), "peer"], message, way_out);
        }
    }
}
