//! The policy file: what an operator writes down once. What is archived, which way each part of it
//! takes, on which media it ends and for how long; and what `mover serve` offers, to whom.

// In suggested reading order.
mod read;
mod rules;
mod retention;
mod content;
mod map;
mod serve;
mod check;
mod template;

pub use check::{Complaint, check};
pub use content::entropy;
pub use map::{Choice, ContentFacts, EntryFacts, Narrowed, StorageMap};
pub use retention::Retention;
pub use rules::{ArchivePolicy, Conditions, ENCRYPT, FramingText, Rule, StageText};
pub use serve::{Policy, ServePolicy, SourcePolicy, SourceRights, StorePolicy, StoreRights};
pub use template::TEMPLATE;
