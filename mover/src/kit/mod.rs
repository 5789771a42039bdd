//! What an author of components needs, without an archive: describe, check, run, test, measure.
//!
//! Everything here goes through the same host as an archive does ([`crate::plugin`]), with the same
//! limits, so that what passes here works there.

mod dice;
mod subject;
mod schema;
mod check;
mod run;
mod conformance;

pub use check::{Finding, check};
pub use conformance::{CheckReport, Failure, TestConfig, test};
pub use run::{Outcome, Way, run};
pub use schema::{Setting, settings};
pub use subject::Subject;
