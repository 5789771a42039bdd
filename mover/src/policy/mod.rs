//! The policy file: what an operator writes down once. What is archived, which way each part of it
//! takes, on which media it ends and for how long; and what `mover serve` offers, to whom.

// In suggested reading order.
mod read;
mod bounds;
mod rules;
mod retention;
mod globs;
mod accounts;
mod content;
mod condition;
mod map;
mod serve;
mod nearest;
mod form;
mod layout;
mod schema;
mod cover;
mod check;
mod sense_pools;
mod sense_discs;
mod sense_rules;
mod explain;
mod template;
#[cfg(test)]
mod book;

pub use bounds::Bounds;
pub use check::{Complaint, check};
pub use content::{HEAD_LENGTH, entropy};
pub use explain::{Explained, ExplainedWay, PassedRule, RuleTotal, Total, Totals, compressed};
pub use globs::PathGlobs;
pub use map::{Choice, ContentFacts, EntryFacts, Narrowed, Passed, StorageMap};
pub use retention::Retention;
pub use rules::{
    ArchivePolicy, Conditions, ENCRYPT, FilterText, FramingText, Grouping, OnFailureText,
    OnSnoopFailureText, Rule, StageText,
};
pub use schema::schema;
pub use serve::{Policy, ServePolicy, SourcePolicy, SourceRights, StorePolicy, StoreRights};
pub use template::TEMPLATE;
