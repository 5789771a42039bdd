//! Looks for YARA rules in plain data: malware, keys and tokens that should not lie about.
//!
//! This file ties the inspector to the contract.
//! Read in this order: `inspector` (entries and windows), `rules` (configuration and engine).

mod inspector;
mod rules;

#[allow(unsafe_code, unreachable_pub, missing_docs, reason = "generated from wit/")]
mod contract {
    wit_bindgen::generate!({ world: "snoop-plugin", path: "../../wit/0.1" });
    export!(Component with_types_in self);
    pub(crate) struct Component;
}

use contract::exports::mover::plugin::snoop::{Action, Finding, Verdict};
use contract::exports::mover::plugin::snoop::{Guest, GuestInspector, Inspector};
use contract::mover::plugin::types::{Error, ErrorKind};
use std::cell::RefCell;

impl Guest for contract::Component {
    type Inspector = RefCell<inspector::Inspector>;
}

impl GuestInspector for RefCell<inspector::Inspector> {
    fn open(config: String) -> Result<Inspector, Error> {
        Ok(Inspector::new(RefCell::new(open(&config)?)))
    }

    fn resume(config: String, state: Vec<u8>) -> Result<Inspector, Error> {
        let mut inspector = open(&config)?;
        inspector.resume(&state).map_err(other)?;
        Ok(Inspector::new(RefCell::new(inspector)))
    }

    fn inspect(&self, window: Vec<u8>, ends: Vec<u32>) -> Result<Vec<Verdict>, Error> {
        let answers = self.borrow_mut().inspect(&window, &ends).map_err(other)?;
        Ok(answers.into_iter().map(Verdict::from).collect())
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(self.borrow().save())
    }
}

fn open(config: &str) -> Result<inspector::Inspector, Error> {
    inspector::Inspector::open(config)
        .map_err(|message| Error { kind: ErrorKind::InvalidConfig, message })
}

fn other(error: impl ToString) -> Error {
    Error { kind: ErrorKind::Other, message: error.to_string() }
}

impl From<inspector::Answer> for Verdict {
    fn from(answer: inspector::Answer) -> Self {
        let action = match answer.action {
            rules::Action::Pass => Action::Pass,
            rules::Action::Tag => Action::Tag,
            rules::Action::Hold => Action::Hold,
            rules::Action::Stop => Action::Stop,
        };
        let finding = |finding: inspector::Finding| Finding {
            name: finding.rule,
            offset: finding.offset,
            length: finding.length,
            detail: finding.string,
        };
        Verdict { action, findings: answer.findings.into_iter().map(finding).collect() }
    }
}
