//! Tells an entry's content type and entropy, as a tag for the storage map.
//!
//! This file ties the inspector to the contract.
//! Read in this order: `inspector` (entries and windows), `kind` (content types), `entropy`.

mod entropy;
mod inspector;
mod kind;

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
        let inspector = inspector::Inspector::open(&config).map_err(invalid_config)?;
        Ok(Inspector::new(RefCell::new(inspector)))
    }

    fn resume(config: String, state: Vec<u8>) -> Result<Inspector, Error> {
        let mut inspector = inspector::Inspector::open(&config).map_err(invalid_config)?;
        inspector.resume(&state).map_err(other)?;
        Ok(Inspector::new(RefCell::new(inspector)))
    }

    fn inspect(&self, window: Vec<u8>, ends: Vec<u32>) -> Result<Vec<Verdict>, Error> {
        let answers = self.borrow_mut().inspect(&window, &ends).map_err(other)?;
        Ok(answers.into_iter().map(verdict).collect())
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(self.borrow().save())
    }
}

fn verdict(answer: inspector::Answer) -> Verdict {
    let name = answer.content_type.to_owned();
    let detail = format!("entropy={:.2}", answer.entropy);
    let finding = Finding { name, offset: 0, length: 0, detail };
    Verdict { action: Action::Tag, findings: vec![finding] }
}

fn invalid_config(message: String) -> Error {
    Error { kind: ErrorKind::InvalidConfig, message }
}

fn other(error: impl ToString) -> Error {
    Error { kind: ErrorKind::Other, message: error.to_string() }
}
