//! The role snoop: looks at entries, in order.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::bindings::snoop::SnoopPlugin;
use super::bindings::snoop::exports::mover::plugin::snoop as wit;
use super::bindings::snoop::mover::plugin::types as wit_types;
use super::engine::Plugin;
use super::guest::{Bindings, Guest, GuestError, State, clean_to};
use super::usage::Usage;
use crate::error::{ErrorKind, Result};
use crate::pipeline::{Action, Finding, Inspector, Verdict};

impl Bindings for SnoopPlugin {
    /// A saved state to go on from.
    type Arguments = Option<Vec<u8>>;

    fn opened_by(state: &Option<Vec<u8>>) -> &'static str {
        if state.is_none() { "open" } else { "resume" }
    }

    fn lost(state: &mut Option<Vec<u8>>) {
        // Where it stood is long behind: another one begins with what comes next.
        *state = None;
    }

    fn instantiate(store: &mut Store<State>, plugin: &Plugin) -> wasmtime::Result<Self> {
        SnoopPlugin::instantiate(store, &plugin.component, &plugin.linker)
    }

    fn open(
        &self,
        store: &mut Store<State>,
        config: &str,
        state: &Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<ResourceAny, GuestError>> {
        let inspectors = self.mover_plugin_snoop().inspector();
        let opened = match state {
            None => inspectors.call_open(store, config)?,
            Some(state) => inspectors.call_resume(store, config, state)?,
        };
        Ok(opened.map_err(guest_error))
    }
}

fn guest_error(error: wit_types::Error) -> GuestError {
    let kind = match error.kind {
        wit_types::ErrorKind::InvalidConfig => ErrorKind::Usage,
        _ => ErrorKind::Plugin,
    };
    GuestError { kind, message: error.message }
}

/// Bytes of a finding's name, at most; what the contract says.
const NAME_LENGTH_MAX: usize = 256;
/// Bytes of its detail.
const DETAIL_LENGTH_MAX: usize = 1024;

// The format has room for both.
const _: () = assert!(NAME_LENGTH_MAX <= format::limits::NAME_LENGTH_MAX);
const _: () = assert!(DETAIL_LENGTH_MAX <= format::limits::NAME_LENGTH_MAX);

fn verdict(answer: wit::Verdict) -> Verdict {
    let action = match answer.action {
        wit::Action::Pass => Action::Pass,
        wit::Action::Tag => Action::Tag,
        wit::Action::Hold => Action::Hold,
        wit::Action::Stop => Action::Stop,
    };
    let findings = answer.findings.into_iter().take(format::limits::FINDING_COUNT_MAX);
    let finding = |finding: wit::Finding| Finding {
        name: clean_to(&finding.name, NAME_LENGTH_MAX),
        offset: finding.offset,
        length: finding.length,
        detail: clean_to(&finding.detail, DETAIL_LENGTH_MAX),
    };
    Verdict { action, findings: findings.map(finding).collect() }
}

/// An instance of a snoop.
pub struct ComponentInspector {
    guest: Guest<SnoopPlugin>,
    name: String,
}

impl ComponentInspector {
    pub(super) fn open(
        plugin: Arc<Plugin>,
        config: &str,
        state: Option<Vec<u8>>,
    ) -> Result<ComponentInspector> {
        let name = plugin.manifest().name.clone();
        Ok(ComponentInspector { guest: Guest::open(plugin, config, state)?, name })
    }

    /// What it has used so far.
    pub fn usage(&self) -> Usage {
        self.guest.usage()
    }
}

impl Inspector for ComponentInspector {
    fn name(&self) -> &str {
        &self.name
    }

    fn inspect(&mut self, window: &[u8], ends: &[u32]) -> Result<Vec<Verdict>> {
        // Never tried again: a fresh instance would not have seen the beginning of the entry.
        let length = window.len();
        let answer =
            self.guest.call("inspect", length, false, None, |bindings, store, handle| {
                let inspectors = bindings.mover_plugin_snoop().inspector();
                Ok(inspectors.call_inspect(store, handle, window, ends)?.map_err(guest_error))
            })?;
        if answer.len() != ends.len() {
            let what = format!("it gave {} verdicts on {} entries", answer.len(), ends.len());
            return Err(self.guest.lied("inspect", what));
        }
        Ok(answer.into_iter().map(verdict).collect())
    }

    fn save(&mut self) -> Result<Vec<u8>> {
        let state = self.guest.call("save", 0, false, None, |bindings, store, inspector| {
            let inspectors = bindings.mover_plugin_snoop().inspector();
            Ok(inspectors.call_save(store, inspector)?.map_err(guest_error))
        })?;
        let most = self.guest.plugin().limits().state_length_max;
        if state.len() > most {
            let what = format!("a state of {} bytes is too long", state.len());
            return Err(self.guest.lied("save", what));
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_cut_at_the_bytes_of_the_contract_and_between_characters() {
        let told = |name: &str, detail: &str| {
            let (name, detail) = (name.to_owned(), detail.to_owned());
            let findings = vec![wit::Finding { name, offset: 1, length: 2, detail }];
            let mut verdict = verdict(wit::Verdict { action: wit::Action::Tag, findings });
            let finding = verdict.findings.pop().expect("one");
            (finding.name, finding.detail)
        };
        let (name, detail) = (&"n".repeat(256), &"d".repeat(1024));
        assert_eq!(told(name, detail), (name.clone(), detail.clone()), "all of what may be");
        let (name, detail) = told(&format!("{name}n"), &format!("{detail}d"));
        assert_eq!((name.len(), detail.len()), (256, 1024));
        // Three bytes each: no whole one fits into the last place.
        let (name, detail) = told(&"\u{20ac}".repeat(300), &"\u{20ac}".repeat(2000));
        assert_eq!((name.len(), detail.len()), (255, 1023));
        assert_eq!(told("a\nb", "c\u{202e}d"), ("a b".to_owned(), "c d".to_owned()));
    }
}
