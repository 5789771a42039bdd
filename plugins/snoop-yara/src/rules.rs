//! The configuration, and the engine that is made of it.

use boreal::compiler::{Compiler, CompilerParams};
use boreal::memory::{FragmentedMemory, MemoryParams, Region, RegionDescription};
use boreal::scanner::{ScanParams, ScanResult};
use boreal::{MetadataValue, Scanner};
use serde::Deserialize;
use shared::config::object;
use std::collections::BTreeMap;

const DEFAULT_RULES: &str = include_str!("default.yar");
/// A saved state holds the overlap and the findings, and is at most 1 MiB.
const OVERLAP_MAX: usize = 512 << 10;

/// What is to be done with an entry, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Pass,
    Tag,
    Hold,
    Stop,
}

impl Action {
    /// All actions, at the positions that stand for them in a saved state.
    pub(crate) const ALL: [Self; 4] = [Self::Pass, Self::Tag, Self::Hold, Self::Stop];

    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"pass" => Some(Self::Pass),
            b"tag" => Some(Self::Tag),
            b"hold" => Some(Self::Hold),
            b"stop" => Some(Self::Stop),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RulesConfig {
    rules: Option<String>,
    actions: BTreeMap<String, Action>,
    overlap: usize,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { rules: None, actions: BTreeMap::new(), overlap: 64 << 10 }
    }
}

/// Compiled rules with their actions.
pub(crate) struct Rules {
    scanner: Scanner,
    actions: BTreeMap<String, Action>,
    pub(crate) overlap: usize,
}

impl Rules {
    /// Takes an empty `config` for the defaults; an error is a message.
    pub(crate) fn open(config: &str) -> Result<Self, String> {
        let config = object(config).map_err(|error| error.to_string())?;
        let config: RulesConfig =
            serde_json::from_str(config).map_err(|error| error.to_string())?;
        if config.overlap > OVERLAP_MAX {
            return Err(format!("overlap is at most {OVERLAP_MAX}"));
        }
        let mut compiler = Compiler::new();
        // There are no files here to include.
        compiler.set_params(CompilerParams::default().disable_includes(true));
        let source = config.rules.as_deref().unwrap_or(DEFAULT_RULES);
        compiler.add_rules_str(source).map_err(|error| format!("rules: {}", one_line(&error)))?;
        let mut scanner = compiler.finalize();
        // Every match is wanted with its place, and none with its bytes: they may be a secret.
        scanner
            .set_scan_params(ScanParams::default().compute_full_matches(true).match_max_length(0));
        let mut actions = own_actions(&scanner)?;
        for (name, action) in config.actions {
            let known =
                actions.get_mut(&name).ok_or(format!("actions: there is no rule {name}"))?;
            *known = action;
        }
        Ok(Self { scanner, actions, overlap: config.overlap })
    }

    /// What is to be done when the rule `name` matches.
    pub(crate) fn action(&self, name: &str) -> Action {
        self.actions.get(name).copied().unwrap_or(Action::Tag)
    }

    /// Scans a whole entry.
    pub(crate) fn scan_whole(&self, bytes: &[u8]) -> Result<ScanResult<'_>, String> {
        self.scanner.scan_mem(bytes).map_err(|(error, _)| error.to_string())
    }

    /// Scans a piece of an entry, so that conditions see it at its place and no length of a file.
    pub(crate) fn scan_piece(&self, offset: u64, bytes: &[u8]) -> Result<ScanResult<'_>, String> {
        // The engine counts in 32 bits here. Beyond them a place is wrong, but never 0.
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(usize::MAX - bytes.len());
        let piece = Piece { start, bytes, listed: false };
        self.scanner.scan_fragmented(piece).map_err(|(error, _)| error.to_string())
    }
}

/// What the rules themselves say in their meta value `action`.
fn own_actions(scanner: &Scanner) -> Result<BTreeMap<String, Action>, String> {
    let mut actions = BTreeMap::new();
    for rule in scanner.rules() {
        let mut action = Action::Tag;
        for metadata in rule.metadatas {
            if let MetadataValue::Bytes(value) = metadata.value
                && scanner.get_string_symbol(metadata.name) == "action"
            {
                let value = scanner.get_bytes_symbol(value);
                action = Action::named(value)
                    .ok_or_else(|| format!("rules: rule {} has an unknown action", rule.name))?;
            }
        }
        actions.insert(rule.name.to_owned(), action);
    }
    Ok(actions)
}

/// A message of the compiler may show the source over several lines.
fn one_line(error: &impl ToString) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Bytes that lie somewhere in an entry.
#[derive(Debug)]
struct Piece<'a> {
    start: usize,
    bytes: &'a [u8],
    listed: bool,
}

impl FragmentedMemory for Piece<'_> {
    fn next(&mut self, _: &MemoryParams) -> Option<RegionDescription> {
        let length = self.bytes.len();
        let first = !std::mem::replace(&mut self.listed, true);
        first.then_some(RegionDescription { start: self.start, length })
    }

    fn fetch(&mut self, _: &MemoryParams) -> Option<Region<'_>> {
        self.listed.then_some(Region { start: self.start, mem: self.bytes })
    }

    fn reset(&mut self) {
        self.listed = false;
    }
}
