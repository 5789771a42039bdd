//! Seeds of the target `policy`: the template, and every example of `docs/policy.md`.

use mover::policy::TEMPLATE;

use super::{Seed, seed, tree};

pub fn all() -> Vec<Seed> {
    let book = std::fs::read_to_string(tree("docs/policy.md")).expect("the tree has it");
    let mut seeds = vec![seed("template.toml", &[TEMPLATE.as_bytes()])];
    for (number, example) in book.split("```toml\n").skip(1).enumerate() {
        let example = example.split("```").next().unwrap_or_default();
        // An example of one part of the file has no version of its own.
        let version = if example.contains("version = ") { "" } else { "version = 1\n" };
        let name = format!("example-{number:02}.toml");
        seeds.push(seed(name, &[version.as_bytes(), example.as_bytes()]));
    }
    seeds
}
