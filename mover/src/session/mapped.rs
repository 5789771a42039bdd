//! A policy's storage map as what a session works with: routes, and who sends content on them.

use std::time::Duration;

use format::{Entry, Finding, Framing, Timestamp, Verdict};

use super::routes::{
    CIPHER, ContentSoFar, Encryption, EntryRouter, OnFailure, RouteConfig, Router,
};
use super::stages::{Pin, StageSpec};
use crate::Result;
use crate::plugin::builtin;
use crate::policy::{
    ContentFacts, ENCRYPT, EntryFacts, FramingText, Grouping, HEAD_LENGTH, Narrowed, OnFailureText,
    Policy, Rule, StageText, StorageMap,
};

/// A storage map with its routes: the first is that of what no rule takes, each rule has one, and
/// the last is where held entries go.
#[derive(Clone, Debug)]
pub struct MappedRoutes {
    map: StorageMap,
    archive: String,
    now: Timestamp,
    /// The route of held entries.
    hold: Option<u16>,
    routes: Vec<RouteConfig>,
}

impl MappedRoutes {
    /// The routes of a policy, for an archive of this name. `default` is that of what no rule takes.
    pub fn new(
        policy: &Policy,
        archive: &str,
        now: Timestamp,
        default: RouteConfig,
    ) -> Result<MappedRoutes> {
        let map = policy.map()?;
        let mut routes = vec![default];
        routes.extend(map.rules().map(route_of));
        let hold = policy.archive.hold_pool.as_ref().map(|pool| {
            let pools = vec![pool.get_ref().clone()];
            routes.push(RouteConfig { pools, ..RouteConfig::default() });
            u16::try_from(routes.len() - 1).expect("a policy is short")
        });
        Ok(MappedRoutes { map, archive: archive.to_owned(), now, hold, routes })
    }

    /// The routes.
    pub fn routes(&self) -> &[RouteConfig] {
        &self.routes
    }

    /// The map.
    pub fn map(&self) -> &StorageMap {
        &self.map
    }

    /// The route of held entries, where they have one.
    pub fn hold(&self) -> Option<usize> {
        self.hold.map(usize::from)
    }

    /// What the map has to know of an entry.
    pub fn facts(&self, entry: &Entry) -> EntryFacts {
        let age = self.now.seconds.saturating_sub(entry.mtime.seconds);
        EntryFacts {
            path: entry.path.clone(),
            size: entry.size,
            age: Duration::from_secs(u64::try_from(age).unwrap_or(0)),
            uid: entry.uid,
            gid: entry.gid,
            archive: self.archive.clone(),
        }
    }
}

fn route_of(rule: &Rule) -> RouteConfig {
    let default = RouteConfig::default();
    let given = rule.stages.as_ref().map(|stages| stages.get_ref().as_slice());
    let is_placed = given.is_some_and(|stages| stages.iter().any(|it| it.component() == ENCRYPT));
    RouteConfig {
        stages: given.map_or(default.stages, |stages| stages.iter().map(stage_of).collect()),
        encryption: match (rule.encrypt, is_placed) {
            (false, _) => Encryption::Never,
            (true, true) => Encryption::Placed,
            (true, false) => Encryption::Last,
        },
        pools: rule.pools.iter().map(|pool| pool.get_ref().clone()).collect(),
        chunk_length: rule.chunk_size.as_ref().map_or(default.chunk_length, |size| {
            usize::try_from(size.get_ref().0).expect("checked to be small")
        }),
        framing: match rule.framing {
            FramingText::Each => Framing::Each,
            FramingText::Run => Framing::Run,
            FramingText::Both => Framing::Both,
        },
        apart: rule.grouping == Grouping::Apart,
        on_failure: match rule.on_failure {
            OnFailureText::Stop => OnFailure::Stop,
            OnFailureText::Store => OnFailure::Store,
        },
        dedupe_with: rule.dedupe_with.iter().map(|pool| pool.get_ref().clone()).collect(),
    }
}

/// A stage as a session knows it.
pub fn stage_of(text: &StageText) -> StageSpec {
    let component = match text.component() {
        ENCRYPT => CIPHER,
        name => name,
    };
    let pin = match text.digest() {
        Some(digest) => Pin::Digest(digest),
        None if builtin::find(component).is_some() => Pin::Free,
        None => Pin::Required,
    };
    StageSpec::new(component, &text.config()).pinned(pin)
}

impl Router for MappedRoutes {
    fn entry(&self, entry: &Entry) -> Box<dyn EntryRouter> {
        let narrowed = self.map.narrow(&self.facts(entry));
        Box::new(MappedEntry { narrowed, hold: self.hold, head: Vec::new(), is_first: true })
    }

    fn fingerprint(&self) -> String {
        // With the routes: where held entries go, and the default, are decisions too.
        format!("{} {:?} {:?}", self.map.fingerprint(), self.hold, self.routes)
    }
}

struct MappedEntry {
    narrowed: Narrowed,
    hold: Option<u16>,
    head: Vec<u8>,
    is_first: bool,
}

impl EntryRouter for MappedEntry {
    fn route(&mut self, content: &ContentSoFar<'_>) -> u16 {
        if let (Some((Verdict::Hold, _)), Some(hold), true) =
            (content.verdict, self.hold, self.is_first)
        {
            return hold;
        }
        let tags: Option<Vec<String>> = content.verdict.map(|(_, findings)| tags(findings));
        let head = match self.is_first {
            true => &content.bytes[..content.bytes.len().min(HEAD_LENGTH)],
            false => &self.head,
        };
        let facts = ContentFacts { head, part: content.bytes, tags: tags.as_deref() };
        let rule = self.narrowed.rule(&facts);
        if self.is_first && content.verdict.is_none() && self.narrowed.asks_for_content() {
            // It goes on in another window: later parts are asked about with the same beginning.
            let length = content.bytes.len().min(HEAD_LENGTH);
            self.head.extend_from_slice(&content.bytes[..length]);
        }
        self.is_first = false;
        rule.map_or(0, |rule| u16::try_from(rule + 1).expect("a policy is short"))
    }

    fn went_on(&mut self, head: &[u8]) {
        self.head = head[..head.len().min(HEAD_LENGTH)].to_vec();
        self.is_first = false;
    }
}

/// What rules can ask for of findings: their names, and with the component's name in front.
pub(super) fn tags(findings: &[Finding]) -> Vec<String> {
    let both = |finding: &Finding| {
        [finding.name.clone(), format!("{}:{}", finding.component, finding.name)]
    };
    findings.iter().flat_map(both).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use format::EntryKind;

    fn routes(text: &str) -> MappedRoutes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        std::fs::write(&path, format!("version = 1\n{text}")).unwrap();
        let policy = Policy::read(&path).unwrap();
        MappedRoutes::new(&policy, "a", Timestamp::default(), RouteConfig::default()).unwrap()
    }

    fn content(bytes: &[u8]) -> ContentSoFar<'_> {
        ContentSoFar { bytes, verdict: None }
    }

    const PICTURES: &str = "[[rules]]\nname = \"pictures\"\nwhen = { type = [\"image/*\"] }\n";

    #[test]
    fn a_resumed_entry_goes_on_where_it_went() {
        let map = routes(PICTURES);
        let (first, next) = (b"\x89PNG\r\n\x1a\n".repeat(10), vec![7; 100]);
        let entry = Entry::new("x", EntryKind::File);
        let mut uncut = map.entry(&entry);
        uncut.route(&content(&first));
        let mut resumed = map.entry(&entry);
        resumed.went_on(&first);
        assert_eq!(uncut.route(&content(&next)), 1);
        assert_eq!(resumed.route(&content(&next)), 1);
    }

    #[test]
    fn the_fingerprint_is_of_the_rules_alone() {
        let map = routes(PICTURES);
        let before = map.fingerprint();
        map.entry(&Entry::new("x/y", EntryKind::File)).route(&content(b"z"));
        assert_eq!(before, map.fingerprint(), "use changes nothing");
        assert_eq!(before, routes(&format!("# a comment\n{PICTURES}")).fingerprint());
        assert_ne!(before, routes(&PICTURES.replace("image", "video")).fingerprint());
        let held = format!("[archive]\nhold-pool = \"default\"\n{PICTURES}");
        assert_ne!(before, routes(&held).fingerprint());
    }

    #[test]
    fn the_beginning_of_an_entry_is_the_same_in_every_window() {
        let map = routes("[[rules]]\nname = \"noise\"\nwhen = { entropy = \">5\" }\n");
        let mut window = vec![0; HEAD_LENGTH];
        window.extend(crate::media::conformance::bytes(1, 768 << 10));
        let mut entry = map.entry(&Entry::new("x", EntryKind::File));
        assert_eq!(entry.route(&content(&window)), entry.route(&content(&window)));
    }
}
