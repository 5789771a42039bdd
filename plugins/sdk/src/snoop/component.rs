//! A snoop behind the contract.

use super::{Action, Finding, Snoop, Verdict, inspect, resume, save};
use crate::bindings::shared::mover::plugin::types;
use crate::bindings::snoop::exports::mover::plugin::snoop as contract;
use crate::config;
use std::cell::RefCell;
use std::marker::PhantomData;

/// The host drops what is beyond.
const FINDING_COUNT_MAX: usize = 64;

/// What [`export!`](crate::export) exports for a snoop.
#[derive(Debug)]
pub struct Component<T>(PhantomData<T>);

/// A snoop behind the contract's shared reference.
#[derive(Debug)]
pub struct Inspector<T>(RefCell<T>);

impl<T: Snoop> contract::Guest for Component<T> {
    type Inspector = Inspector<T>;
}

impl<T: Snoop> contract::GuestInspector for Inspector<T> {
    fn open(config: String) -> Result<contract::Inspector, types::Error> {
        let snoop = T::open(config::parse(&config)?)?;
        Ok(contract::Inspector::new(Inspector(RefCell::new(snoop))))
    }

    fn resume(config: String, state: Vec<u8>) -> Result<contract::Inspector, types::Error> {
        let snoop = resume::<T>(&config, &state)?;
        Ok(contract::Inspector::new(Inspector(RefCell::new(snoop))))
    }

    fn inspect(
        &self,
        window: Vec<u8>,
        ends: Vec<u32>,
    ) -> Result<Vec<contract::Verdict>, types::Error> {
        let verdicts = inspect(&mut *self.0.borrow_mut(), &window, &ends)?;
        Ok(verdicts.into_iter().map(contract::Verdict::from).collect())
    }

    fn save(&self) -> Result<Vec<u8>, types::Error> {
        Ok(save(&*self.0.borrow()))
    }
}

impl From<Verdict> for contract::Verdict {
    fn from(verdict: Verdict) -> Self {
        let action = match verdict.action {
            Action::Pass => contract::Action::Pass,
            Action::Tag => contract::Action::Tag,
            Action::Hold => contract::Action::Hold,
            Action::Stop => contract::Action::Stop,
        };
        let finding = |finding: Finding| contract::Finding {
            name: finding.name,
            offset: finding.offset,
            length: finding.length,
            detail: finding.detail,
        };
        let findings = verdict.findings.into_iter().take(FINDING_COUNT_MAX).map(finding).collect();
        Self { action, findings }
    }
}
