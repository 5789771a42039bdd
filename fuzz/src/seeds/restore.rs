//! Seeds of the target `restore`, written as `steps` reads them.

use super::{Seed, seed};

// Places of names, kinds and ends in `steps`.
const A: u8 = 0;
const FILE_NAME: u8 = 6;
const LINK_NAME: u8 = 7;
const OUTSIDE: u8 = 10;
const UP: u8 = 11;
const HERE: u8 = 12;
const NOTHING: u8 = 13;
const NUL: u8 = 15;
const LONGEST: u8 = 22;
const TOO_LONG: u8 = 23;

const FILE: u8 = 0;
const FOLDER: u8 = 1;
const LINK: u8 = 2;
const FIFO: u8 = 3;
const DEVICE: u8 = 4;

const BEGIN: u8 = 0;
const RECALL: u8 = 5;
const RESUME: u8 = 6;
const GLANCE: u8 = 7;

const ABSOLUTE: u8 = 1 << 3;
const TO_OUTSIDE: u8 = 1 << 4;
const SLASH_BEHIND: u8 = 1 << 5;
const AGAIN: u8 = 1 << 6;

// Flags of a scene.
const PLAIN: u8 = 0;
const OVERWRITE: u8 = 1;
const OWNERS: u8 = 4;
const AS_USER: u8 = 8;
const DRY: u8 = 0x30;

/// A path of names.
fn path(names: &[u8]) -> Vec<u8> {
    [&[names.len() as u8], names].concat()
}

/// A path with something around its names.
fn odd(flags: u8, names: &[u8], behind: &[u8]) -> Vec<u8> {
    [&[flags | names.len() as u8], names, behind].concat()
}

/// Call, kind, what follows, link group, mode, path, and what follows.
fn step(call: u8, kind: u8, group: u8, path: &[u8], more: &[u8]) -> Vec<u8> {
    let [low, high] = 0o755_u16.to_le_bytes();
    let flags = 0;
    [&[call, kind, flags, group, low, high], path, more].concat()
}

/// A file of four bytes, ended as `end` says.
fn file(path: &[u8], group: u8, end: u8) -> Vec<u8> {
    step(BEGIN, FILE, group, path, &[end << 2 | 1, 0, 4])
}

fn folder(path: &[u8]) -> Vec<u8> {
    step(BEGIN, FOLDER, 0, path, &[0])
}

fn link(path: &[u8], to: &[u8]) -> Vec<u8> {
    step(BEGIN, LINK, 0, path, &[to, &[0]].concat())
}

pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let tree = [folder(&path(&[])), folder(&path(&[A])), file(&path(&[A, FILE_NAME]), 0, 1)];
    let scenes = [PLAIN, OVERWRITE, OVERWRITE | OWNERS, AS_USER, OVERWRITE | AS_USER, DRY];
    for scene in scenes {
        add(&mut seeds, &format!("tree-{scene}"), scene, 0, &tree);
    }
    let ways_out: Vec<Vec<u8>> = vec![
        path(&[UP, OUTSIDE, FILE_NAME]),
        path(&[A, UP, UP, OUTSIDE, FILE_NAME]),
        path(&[HERE]),
        path(&[A, NOTHING, FILE_NAME]),
        path(&[NUL]),
        path(&[LONGEST]),
        path(&[TOO_LONG]),
        odd(ABSOLUTE, &[FILE_NAME], &[]),
        odd(TO_OUTSIDE, &[FILE_NAME], &[]),
        odd(SLASH_BEHIND, &[A], &[]),
        odd(AGAIN, &[A], &[40]),
        odd(AGAIN, &[LONGEST], &[200]),
        odd(0, &[0xf3], b"xyz"),
    ];
    for (number, way) in ways_out.iter().enumerate() {
        let steps = [file(way, 0, 0), folder(way), link(way, &path(&[UP, OUTSIDE]))];
        add(&mut seeds, &format!("way-out-{number}"), OVERWRITE, 0, &steps);
    }
    let outside = path(&[UP, OUTSIDE]);
    let inside = [path(&[A, FILE_NAME]), path(&[A, A, FILE_NAME]), path(&[A, LINK_NAME])];
    for scene in [PLAIN, OVERWRITE, OVERWRITE | AS_USER] {
        for (name, to) in [("up", &outside), ("absolute", &odd(TO_OUTSIDE, &[], &[]))] {
            let mut steps = vec![link(&path(&[A]), to)];
            steps.extend(inside.iter().map(|path| file(path, 0, 0)));
            steps.extend(inside.iter().map(|path| folder(path)));
            steps.push(folder(&path(&[A])));
            steps.push(link(&path(&[A]), to));
            add(&mut seeds, &format!("link-{name}-{scene}"), scene, 0, &steps);
        }
    }
    // All traps at once, and each place of them replaced.
    let mut steps = Vec::new();
    for name in 0..8 {
        steps.push(file(&path(&[name, FILE_NAME]), 0, 0));
        steps.push(step(RECALL, FILE, 0, &path(&[name]), &[]));
        steps.push(step(RESUME, FILE, 0, &path(&[name]), &[1, 0, 4]));
        steps.push(step(GLANCE, FILE, 0, &path(&[name]), &[]));
        steps.push(file(&path(&[name]), 0, name));
    }
    for scene in [OVERWRITE, OVERWRITE | OWNERS, OVERWRITE | AS_USER] {
        add(&mut seeds, &format!("traps-{scene}"), scene, 0xff, &steps);
    }
    // Hard links to what is finished, dropped, late and replaced.
    for end in 0..6 {
        let mut steps = vec![file(&path(&[A]), 1, end)];
        steps.extend([1, 2].map(|name| file(&path(&[name]), 1, 0)));
        steps.push(link(&path(&[A]), &path(&[UP, OUTSIDE, FILE_NAME])));
        steps.extend([3, 4].map(|name| file(&path(&[name]), 1, end)));
        add(&mut seeds, &format!("hard-links-{end}"), OVERWRITE, 0, &steps);
    }
    // Numbers of a device and attributes follow; mode 0o644.
    let device = [1 << 4 | 1 << 5, 0, 0xa4, 1];
    let nodes = [
        step(BEGIN, FIFO, 0, &path(&[1]), &[0]),
        [&[BEGIN, DEVICE][..], &device, &path(&[2]), &[1, 3, 1, 0, 2, b'h', b'i', 0]].concat(),
    ];
    add(&mut seeds, "nodes", OWNERS, 0, &nodes);
    seeds
}

fn add(seeds: &mut Vec<Seed>, name: &str, scene: u8, traps: u8, steps: &[Vec<u8>]) {
    seeds.push(seed(name, &[&[scene, traps], &steps.concat()]));
}
