//! A storage map: which way each file goes.

use std::path::Path;

use format::Timestamp;
use mover::policy::Policy;
use mover::session::{ContentSoFar, MappedRoutes, RouteConfig, Router};

use crate::archive::entry;
use crate::counted;
use crate::random::Random;

/// One rule of each kind of question, the last of which takes everything.
const POLICY: &str = r#"
version = 1

[[rules]]
name = "films"
when = { path = ["*.mp4", "*.mkv", "/srv/films/"], size = ">100M" }
stages = []

[[rules]]
name = "old"
when = { age = ">10000d" }

[[rules]]
name = "pictures"
when = { type = ["image/*"] }
stages = []

[[rules]]
name = "noise"
when = { entropy = ">7.9" }
stages = []

[[rules]]
name = "documents"
when = { path = ["/usr/share/doc/**/*.{txt,md}"] }
"#;

const FILE_COUNT: u64 = 1000;
const FILE_LENGTH: usize = 300;

/// Small files that pass all rules but the last.
pub(crate) fn routed(folder: &Path) -> u64 {
    let path = folder.join("policy.toml");
    std::fs::write(&path, POLICY).expect("a new file");
    let policy = Policy::read(&path).expect("a policy");
    let now = Timestamp { seconds: 1_800_000_000, nanoseconds: 0 };
    let map = MappedRoutes::new(&policy, "loops", now, RouteConfig::default()).expect("a map");
    let entries: Vec<_> = (0..FILE_COUNT).map(|number| entry(number, FILE_LENGTH)).collect();
    let bytes = Random::new(1).bytes(FILE_LENGTH);
    let content = ContentSoFar { bytes: &bytes, verdict: None };
    let last = map.routes().len() - 1;
    let taken = counted(|| {
        let routes = entries.iter().map(|entry| map.entry(entry).route(&content));
        routes.filter(|route| usize::from(*route) == last).count()
    });
    assert_eq!(taken, entries.len());
    FILE_COUNT
}
