//! What a snoop answers.

/// What is to be done with an entry; the strongest of several snoops wins, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing was found.
    #[default]
    Pass,
    /// Go on, and keep the findings beside the entry.
    Tag,
    /// Keep the entry, listed as held, but do not restore it.
    Hold,
    /// Leave the entry out.
    Stop,
}

/// One thing that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// A short name, such as `private_key_pem` or `text/plain`; at most 256 bytes.
    pub name: String,
    /// Where in the entry it begins; 0, with `length` 0, when it is about the whole entry.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u32,
    /// For a person or a rule, such as `entropy=7.91`; at most 1024 bytes, and never a secret that
    /// was found.
    pub detail: String,
}

impl Finding {
    /// A finding about the whole entry.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same, in one place of the entry.
    pub fn at(self, offset: u64, length: u32) -> Self {
        Self { offset, length, ..self }
    }

    /// The same, with a detail.
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// The answer for one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is to be done.
    pub action: Action,
    /// Why: the first 64 are kept.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Nothing was found.
    pub fn pass() -> Self {
        Self::default()
    }

    /// Go on, and keep the findings.
    pub fn tag(findings: Vec<Finding>) -> Self {
        Self { action: Action::Tag, findings }
    }

    /// Keep the entry, but do not restore it.
    pub fn hold(findings: Vec<Finding>) -> Self {
        Self { action: Action::Hold, findings }
    }

    /// Leave the entry out.
    pub fn stop(findings: Vec<Finding>) -> Self {
        Self { action: Action::Stop, findings }
    }
}
