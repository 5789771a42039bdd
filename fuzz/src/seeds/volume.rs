//! Seeds of the target `volume`: the golden volume, and crafted archives.

use format::{EntryKind, Framing};

use super::crafted::{Form, entry, link, volume};
use super::{Seed, golden, seed};

// The bits of the first byte.
const MENDED: u8 = 1;
const AS_USER: u8 = 2;
const OVERWRITE: u8 = 4;

pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, bytes) in golden() {
        if name == "volume" {
            for flags in [0, MENDED, MENDED | AS_USER, MENDED | OVERWRITE] {
                seeds.push(whole(&format!("golden-{flags}"), flags, &bytes));
            }
        } else if name != "component" {
            seeds.push(whole(&name, 0, &bytes));
        }
    }
    let tree = [
        (entry("", EntryKind::Directory), &b""[..]),
        (entry("a", EntryKind::Directory), b""),
        (entry("a/file", EntryKind::File), b"content"),
        (link("a/link", "file"), b""),
    ];
    let forms = [
        ("each", Form::default()),
        ("run", Form { framing: Framing::Run, ..Form::default() }),
        ("both", Form { framing: Framing::Both, ..Form::default() }),
        ("no-index", Form { has_index: false, ..Form::default() }),
        ("unfinished", Form { has_index: false, is_finished: false, ..Form::default() }),
    ];
    for (name, form) in forms {
        seeds.push(whole(name, MENDED, &volume(&tree, form)));
    }
    let mut entries: Vec<_> = ["../outside/file", "/file", "a/../../outside/file", "..", "a//b"]
        .map(|path| (entry(path, EntryKind::File), &b"evil"[..]))
        .to_vec();
    seeds.push(whole("ways-out", MENDED, &volume(&entries, Form::default())));
    entries = vec![(link("a", "../outside"), b""), (entry("a/file", EntryKind::File), b"evil")];
    for flags in [MENDED, MENDED | OVERWRITE] {
        let bytes = volume(&entries, Form::default());
        seeds.push(whole(&format!("through-a-link-{flags}"), flags, &bytes));
    }
    let mut names = ["a", "b", "b"].map(|path| (entry(path, EntryKind::File), &b"same"[..]));
    names.iter_mut().for_each(|(entry, _)| entry.link_group = 1);
    seeds.push(whole("hard-links", MENDED, &volume(&names, Form::default())));
    let first = volume(&tree, Form::default());
    let second = volume(&entries, Form { volume: 2, id: 8, ..Form::default() });
    let length = u16::try_from(first.len()).expect("it is short").to_le_bytes();
    seeds.push(seed("two-volumes", &[&[MENDED], &length, &first, &second]));
    seeds
}

fn whole(name: &str, flags: u8, bytes: &[u8]) -> Seed {
    seed(name, &[&[flags, 0, 0], bytes])
}
