//! Track 0.1 for ever: its contract does not change, and what was compiled for it loads, encodes
//! to the same bytes and decodes what it encoded once.
//!
//! `wit/golden/0.1` has the components as they were, what they made of one input, and the contract
//! as it was. `MOVER_GOLDEN=write` adds what is not there yet; nothing that is there is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mover::pipeline::{ChunkInfo, Cutter, Inspector, Transform};
use mover::plugin::{Direction, Engine, Limits, Plugin, Trust, describe};
use serde_json::{Value, json};
use wit_component::WitPrinter;
use wit_parser::Resolve;

use crate::kit::random::Random;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/golden/0.1")
}

fn is_writing() -> bool {
    std::env::var_os("MOVER_GOLDEN").is_some_and(|it| it == "write")
}

/// The package of a folder, by interface and world, without its comments.
fn contract(folder: &Path) -> BTreeMap<String, String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder).expect("it can be read");
    let mut printer = WitPrinter::default();
    printer.emit_docs(false).print(&resolve, package, &[]).expect("it can be printed");
    let (mut parts, mut name) = (BTreeMap::<String, String>::new(), String::new());
    for line in printer.output.to_string().lines() {
        // Interfaces and worlds begin in the first column, and all that is in them does not.
        if let Some(begun) = line.strip_suffix(" {").filter(|begun| !begun.starts_with(' ')) {
            begun.clone_into(&mut name);
        }
        let part = parts.entry(name.clone()).or_default();
        part.push_str(line.trim_end());
        part.push('\n');
    }
    parts.iter_mut().for_each(|(_, text)| *text = text.trim_end().to_owned());
    parts
}

#[test]
fn the_contract_of_track_0_1_only_gains_interfaces() {
    let now = contract(&folder().join("../../0.1"));
    let was = contract(&folder().join("wit"));
    assert!(was.len() >= 10, "four roles, four worlds, what they share: {:?}", was.keys());
    for (name, text) in &was {
        let Some(new) = now.get(name) else { panic!("{name} is gone from wit/0.1") };
        assert!(
            new == text,
            "{name} of wit/0.1 has changed: components that were compiled for it no longer load. A \
             new ability is a new interface; another shape is another track.\nwas:\n{text}\n\
             is:\n{new}"
        );
    }
}

/// 200 KB: text, noise, nothing, numbers, and something to be found.
fn input() -> Vec<u8> {
    let mut input = b"the quick brown fox \n".repeat(2000);
    input.extend(Random::new(1).bytes(50_000));
    input.extend([0; 50_000]);
    input.extend((0..15_000_u32).flat_map(|number| (number * 3).to_le_bytes()));
    input.extend_from_slice(b"card 4111 1111 1111 1111, mail someone@example.org\n");
    input
}

fn engine() -> Engine {
    let limits = Limits { memory_max: 512 << 20, ..Limits::default() };
    Engine::new(None, limits, Arc::new(|_: &str, _, _: &str| {})).expect("it runs")
}

/// What a component makes of the input, as bytes; decoded again where that can be.
fn made(plugin: &Arc<Plugin>, name: &str) -> Vec<u8> {
    let input = input();
    let ends = [u32::try_from(input.len()).expect("short")];
    match plugin.role() {
        format::Role::Transform => {
            let mut made = Vec::new();
            let (info, key) = chunk(plugin, &input);
            let mut codec = plugin.transform("{}", &key).expect(name);
            codec.encode(&info, &input, &mut made).expect(name);
            made
        }
        format::Role::Filter => {
            let mut filter = plugin.filter("{}", Direction::Apply).expect(name);
            let (mut made, mut rest) = (Vec::new(), Vec::new());
            filter.next(&input, &mut made).expect(name);
            filter.finish(&mut rest).expect(name);
            [made, rest].concat()
        }
        format::Role::Snoop => {
            let mut snoop = plugin.inspector("{}").expect(name);
            let verdicts = snoop.inspect(&input, &ends).expect(name);
            let find = |it: &mover::pipeline::Finding| {
                format!("{} {} {} {}\n", it.name, it.offset, it.length, it.detail)
            };
            let findings: String = verdicts[0].findings.iter().map(find).collect();
            format!("{:?}\n{findings}", verdicts[0].action).into_bytes()
        }
        format::Role::Dedupe => {
            let (mut cutter, mut cuts) = (plugin.cutter("{}").expect(name), Vec::new());
            cutter.cut(&input, &ends, &mut cuts).expect(name);
            cuts.iter().flat_map(|cut| [cut.length, cut.crc]).flat_map(u32::to_le_bytes).collect()
        }
    }
}

fn chunk(plugin: &Plugin, input: &[u8]) -> (ChunkInfo<'static>, Vec<u8>) {
    let plain_length = u32::try_from(input.len()).expect("short");
    let keyed = plugin.manifest().keyed;
    let nonce: &[u8] = if keyed { &[2; 24] } else { &[] };
    let key = if keyed { vec![1; 32] } else { Vec::new() };
    (ChunkInfo { plain_length, nonce, binding: b"golden" }, key)
}

/// What was made of the input once gives the input again.
fn assert_undone(plugin: &Arc<Plugin>, name: &str, made: &[u8]) {
    let (input, mut plain) = (input(), Vec::new());
    match plugin.role() {
        format::Role::Transform => {
            let (info, key) = chunk(plugin, &input);
            let mut codec = plugin.transform("{}", &key).expect(name);
            codec.decode(&info, made, &mut plain).expect(name);
        }
        format::Role::Filter if !plugin.manifest().lossy => {
            let mut filter = plugin.filter("{}", Direction::Undo).expect(name);
            let mut rest = Vec::new();
            filter.next(made, &mut plain).expect(name);
            filter.finish(&mut rest).expect(name);
            plain.extend(rest);
        }
        _ => return,
    }
    assert!(plain == input, "{name} does not give back what it was given");
}

#[test]
fn what_was_compiled_for_track_0_1_works_for_ever() {
    let engine = engine();
    let mut count = 0;
    for file in std::fs::read_dir(folder()).expect("wit/golden/0.1") {
        let path = file.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("it can be read");
        let plugin = engine.load(&bytes, Trust::Operator).unwrap_or_else(|error| {
            panic!("{name} was compiled for 0.1 and is not loaded any more: {error}")
        });
        let made_path = path.with_extension("made");
        let card_path = path.with_extension("json");
        let card = |made: &[u8]| -> Value {
            json!({
                "component": describe(&bytes).digest.to_string(),
                "config": {},
                "input": format!("{:08x}", format::checksum(&input())),
                "made": format!("{:08x}", format::checksum(made)),
                "length": made.len(),
            })
        };
        let now = made(&plugin, &name);
        if is_writing() && !card_path.exists() {
            std::fs::write(&made_path, &now).expect("a new file");
            let text = serde_json::to_string_pretty(&card(&now)).expect("JSON") + "\n";
            std::fs::write(&card_path, text).expect("a new file");
        }
        let was = std::fs::read(&made_path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = std::fs::read_to_string(&card_path).unwrap_or_else(|error| panic!("{error}"));
        let written: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(written, card(&was), "{name}: a golden file was changed");
        assert!(now == was, "{name} makes something else of the same input");
        assert_undone(&plugin, &name, &was);
        count += 1;
    }
    assert!(count >= 10, "{count} golden components");
}
