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
mod bench;
mod project;
mod template;

pub use bench::{Figures, Pace, bench, bench_data};
pub use check::{Finding, check};
pub use conformance::{CheckReport, Failure, TestConfig, test};
pub use project::{BuiltComponent, ProjectKind, build};
pub use run::{Outcome, Way, run};
pub use schema::{Setting, settings};
pub use subject::Subject;
pub use template::{Language, new_project};
