//! Seeds of the target `manifest`: those of the components in the tree, small components around
//! them, and one whole component.

use mover::plugin::describe;

use super::{Seed, seed, stem, tree};

const SECTION: &str = "mover:manifest";
const COMPONENT: u8 = 0;
const JSON: u8 = 1;

/// A component that has nothing but a manifest.
pub fn component(json: &[u8]) -> Vec<u8> {
    let name = SECTION.as_bytes();
    let mut section = number(name.len());
    section.extend_from_slice(name);
    section.extend_from_slice(json);
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.push(0);
    bytes.extend(number(section.len()));
    bytes.extend(section);
    bytes
}

/// LEB128.
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for folder in ["plugins/dist", "wit/golden/0.1"] {
        let listing = std::fs::read_dir(tree(folder)).expect("the tree has it");
        let paths = listing.map(|item| item.expect("it is readable").path());
        let mut paths: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
        paths.sort();
        for path in paths {
            let bytes = std::fs::read(&path).expect("it is there");
            let manifest = describe(&bytes).manifest.expect("it has one");
            let json = serde_json::to_vec(&manifest).expect("it came from JSON");
            let name = format!("{}-{}", folder.replace('/', "-"), stem(&path));
            if folder == "plugins/dist" {
                seeds.push(seed(format!("{name}.small"), &[&[COMPONENT], &component(&json)]));
            }
            seeds.push(seed(name, &[&[JSON], &json]));
            // The smallest: all kinds of sections, and a core module.
            if stem(&path) == "example-shuffle-c" {
                seeds.push(seed("shuffle-c.component", &[&[COMPONENT], &bytes]));
            }
        }
    }
    for text in ["null", "{}", "[]", r#"{"name":"a","version":"1","role":"x","contract":"0.1"}"#] {
        let name = format!("text-{}", text.len());
        seeds.push(seed(name, &[&[JSON], text.as_bytes()]));
    }
    seeds
}
