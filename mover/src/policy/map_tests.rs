//! What the storage map chooses, and that narrowing never changes it.

use proptest::prelude::*;

use super::*;

fn map(text: &str) -> StorageMap {
    #[derive(serde::Deserialize)]
    struct Rules {
        rules: Vec<Rule>,
    }
    StorageMap::new(&toml::from_str::<Rules>(text).unwrap().rules).unwrap()
}

fn facts(path: &str, size: u64) -> EntryFacts {
    EntryFacts {
        path: path.as_bytes().to_vec(),
        size,
        age: Duration::from_secs(40 * 86_400),
        uid: 0,
        gid: 100,
        archive: "home".to_owned(),
    }
}

const RULES: &str = r#"
[[rules]]
name = "secret"
when = { path = ["*.key", "/private/"] }
[[rules]]
name = "old"
when = { age = ">30d", size = ">1M", owner = ["root"], archive = ["home*"] }
[[rules]]
name = "found"
when = { tags = ["eicar*"] }
[[rules]]
name = "pictures"
when = { type = ["image/*"] }
[[rules]]
name = "noise"
when = { chunk-entropy = ">7.5", path = ["*.bin"] }
[[rules]]
name = "text"
when = { chunk-type = ["text/*"], entropy = "<6" }
"#;

fn name(map: &StorageMap, entry: &EntryFacts, content: &ContentFacts<'_>) -> String {
    let choice = map.narrow(entry).route(content);
    let rule = choice.rule.map(|place| map.rules().nth(place).unwrap().name.clone());
    rule.unwrap_or_default()
}

#[test]
fn the_first_rule_that_holds_is_taken() {
    let map = map(RULES);
    let noise: Vec<u8> = crate::media::conformance::bytes(1, 100_000);
    let text = b"some text, and some more of it".as_slice();
    let of = |head, part| ContentFacts { head, part, tags: None };
    let same = |bytes| of(bytes, bytes);
    assert_eq!(name(&map, &facts("a/b/id.key", 9), &same(text)), "secret");
    assert_eq!(name(&map, &facts("private/a/b", 9), &same(text)), "secret");
    assert_eq!(name(&map, &facts("x/private/a", 9), &same(text)), "text");
    assert_eq!(name(&map, &facts("big", 2 << 20), &same(text)), "old");
    assert_eq!(name(&map, &facts("a.png", 9), &same(b"\x89PNG\r\n\x1a\n")), "pictures");
    assert_eq!(name(&map, &facts("a.bin", 9), &same(&noise)), "noise");
    // The part decides, and not only the beginning.
    assert_eq!(name(&map, &facts("a.bin", 9), &of(text, &noise)), "noise");
    assert_eq!(name(&map, &facts("a.bin", 9), &of(text, text)), "text");
    assert_eq!(name(&map, &facts("a.dat", 9), &same(&noise)), "");
    let tags = ["eicar-test".to_owned()];
    let found = ContentFacts { tags: Some(&tags), ..same(text) };
    assert_eq!(name(&map, &facts("a.txt", 9), &found), "found");
}

#[test]
fn a_rule_of_paths_alone_needs_no_content() {
    let map = map(RULES);
    assert!(!map.narrow(&facts("a.key", 9)).asks_for_content());
    assert!(map.narrow(&facts("a.txt", 9)).asks_for_content());
    let choice = map.narrow(&facts("a.key", 9)).route(&ContentFacts::default());
    assert_eq!((choice.rule, choice.why), (Some(0), vec!["path *.key".to_owned()]));
    assert!(choice.passed.is_empty());
}

#[test]
fn what_makes_no_sense_is_refused_by_the_name_of_its_rule() {
    #[derive(serde::Deserialize)]
    struct Rules {
        rules: Vec<Rule>,
    }
    for when in ["{ path = [\"[\"] }", "{ owner = [\"nobody-of-this-name\"] }"] {
        let text = format!("[[rules]]\nname = \"odd\"\nwhen = {when}");
        let error = StorageMap::new(&toml::from_str::<Rules>(&text).unwrap().rules);
        assert!(error.unwrap_err().to_string().starts_with("rule odd: "));
    }
    for when in ["{ size = \"1M\" }", "{ size = \">many\" }", "{ siez = \">1\" }"] {
        let text = format!("[[rules]]\nname = \"odd\"\nwhen = {when}");
        assert!(toml::from_str::<Rules>(&text).is_err(), "{when}");
    }
}

#[test]
fn rules_that_were_passed_over_say_why() {
    let map = map(RULES);
    let text = b"some text, and some more of it".as_slice();
    let choice =
        map.narrow(&facts("a.txt", 9)).route(&ContentFacts { head: text, part: text, tags: None });
    let because: Vec<&str> = choice.passed.iter().map(|it| it.because.as_str()).collect();
    assert_eq!(choice.rule, Some(5));
    assert_eq!(
        because,
        [
            "path is not *.key, /private/",
            "size 9 B is not >1M",
            "nothing like eicar* is known before all of it is read",
            "type text/plain is not image/*",
            "path is not *.bin",
        ]
    );
    assert_eq!(choice.why[0], "chunk type text/plain");
    assert!(choice.why[1].starts_with("entropy 3."), "{:?}", choice.why);
}

#[test]
fn a_fingerprint_tells_of_decisions_and_of_nothing_else() {
    let first = map(RULES);
    let before = first.fingerprint();
    for path in ["a.key", "private/x", "x"] {
        first.narrow(&facts(path, 9)).rule(&ContentFacts::default());
    }
    assert_eq!(first.fingerprint(), before);
    assert_eq!(map(&RULES.replace("[[rules]]", "# More.\n[[rules]]")).fingerprint(), before);
    for (from, to) in [("*.key", "*.kez"), (">30d", ">31d"), ("<6", "<=6"), ("\"found\"", "\"f\"")]
    {
        assert_ne!(map(&RULES.replace(from, to)).fingerprint(), before, "{from}");
    }
}

/// A world so small that conditions often hold; what they mean is said again, without globs,
/// bounds and narrowing.
mod world {
    use super::*;

    const NAMES: [&str; 3] = ["a.x", "b.x", "a.y"];
    pub(super) const ARCHIVES: [&str; 2] = ["home", "mail"];
    pub(super) const OWNERS: [u32; 2] = [0, 1000];
    pub(super) const TAGS: [&str; 2] = ["eicar", "key"];

    #[derive(Clone, Debug)]
    pub(super) struct Asked {
        pub(super) path: Option<usize>,
        pub(super) size: Option<(u64, u64)>,
        pub(super) age: Option<u64>,
        pub(super) owner: Option<usize>,
        pub(super) group: Option<usize>,
        pub(super) archive: Option<usize>,
        pub(super) is_text: Option<bool>,
        pub(super) entropy: Option<u64>,
        pub(super) tag: Option<usize>,
        pub(super) part_is_text: Option<bool>,
        pub(super) part_entropy: Option<u64>,
    }

    #[derive(Clone, Debug)]
    pub(super) struct Seen {
        pub(super) name: usize,
        pub(super) size: u64,
        pub(super) age: u64,
        pub(super) owner: usize,
        pub(super) group: usize,
        pub(super) archive: usize,
        pub(super) head: usize,
        pub(super) part: usize,
        pub(super) tags: Option<Vec<usize>>,
    }

    /// Text of 1 bit, text of 2 bits, bytes of 3 bits that are no text.
    pub(super) fn content(which: usize) -> Vec<u8> {
        let signs: &[u8] = [b"ab".as_slice(), b"abcd", &[0, 1, 2, 3, 4, 5, 6, 7]][which];
        signs.iter().copied().cycle().take(64).collect()
    }

    pub(super) fn path(name: usize) -> String {
        format!("folder/{}", NAMES[name])
    }

    impl Asked {
        /// Patterns and what they match: all of `*.x`, one name, everything.
        pub(super) fn holds(&self, seen: &Seen) -> bool {
            let bits = |which: usize| [1, 2, 3][which];
            let path = |asked| [seen.name < 2, seen.name == 2, true, seen.name == 1][asked];
            self.path.is_none_or(path)
                && self.size.is_none_or(|(low, high)| (low..=high).contains(&seen.size))
                && self.age.is_none_or(|than| seen.age > than)
                && self.owner.is_none_or(|asked| asked == seen.owner)
                && self.group.is_none_or(|asked| asked == seen.group)
                && self.archive.is_none_or(|asked| asked == seen.archive)
                && self.is_text.is_none_or(|asked| asked == (seen.head < 2))
                && self.entropy.is_none_or(|under| bits(seen.head) < under)
                && self.tag.is_none_or(|tag| seen.tags.iter().flatten().any(|it| *it == tag))
                && self.part_is_text.is_none_or(|asked| asked == (seen.part < 2))
                && self.part_entropy.is_none_or(|under| bits(seen.part) < under)
        }

        pub(super) fn rule(&self, place: usize) -> String {
            let paths = [r#"["*.x"]"#, r#"["/folder/a.y"]"#, r#"["*"]"#, r#"["*.x", "!a.x"]"#];
            let kind = |is_text: bool| if is_text { "text/*" } else { "application/octet-*" };
            let parts = [
                self.path.map(|at| format!("path = {}", paths[at])),
                self.size.map(|(low, high)| format!("size = \">={low}, <={high}\"")),
                self.age.map(|than| format!("age = \">{than}d\"")),
                self.owner.map(|at| format!("owner = [\"{}\"]", OWNERS[at])),
                self.group.map(|at| format!("group = [\"{}\"]", OWNERS[at])),
                self.archive.map(|at| format!("archive = [\"{}\"]", ARCHIVES[at])),
                self.is_text.map(|it| format!("type = [\"{}\"]", kind(it))),
                self.entropy.map(|under| format!("entropy = \"<{under}\"")),
                self.tag.map(|at| format!("tags = [\"{}*\"]", &TAGS[at][..2])),
                self.part_is_text.map(|it| format!("chunk-type = [\"{}\"]", kind(it))),
                self.part_entropy.map(|under| format!("chunk-entropy = \"<{under}\"")),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            format!("[[rules]]\nname = \"{place}\"\nwhen = {{ {} }}\n", parts.join(", "))
        }
    }

    pub(super) fn asked() -> impl Strategy<Value = Asked> {
        // Most conditions are missing, so that rules match now and then.
        fn rarely<T: std::fmt::Debug>(
            of: impl Strategy<Value = T>,
        ) -> impl Strategy<Value = Option<T>> {
            proptest::option::weighted(0.25, of)
        }
        let of_entry = (
            rarely(0..4_usize),
            rarely((1..4_u64, 1..4_u64)),
            rarely(0..3_u64),
            rarely(0..2_usize),
            rarely(0..2_usize),
            rarely(0..2_usize),
        );
        let of_content = (
            rarely(any::<bool>()),
            rarely(1..5_u64),
            rarely(0..2_usize),
            rarely(any::<bool>()),
            rarely(1..5_u64),
        );
        (of_entry, of_content).prop_map(|(entry, content)| Asked {
            path: entry.0,
            size: entry.1,
            age: entry.2,
            owner: entry.3,
            group: entry.4,
            archive: entry.5,
            is_text: content.0,
            entropy: content.1,
            tag: content.2,
            part_is_text: content.3,
            part_entropy: content.4,
        })
    }

    pub(super) fn seen() -> impl Strategy<Value = Seen> {
        let tags = proptest::option::of(proptest::collection::vec(0..2_usize, 0..3));
        let entry = (0..3_usize, 1..4_u64, 0..4_u64, 0..2_usize, 0..2_usize, 0..2_usize);
        (entry, 0..3_usize, 0..3_usize, tags).prop_map(|(entry, head, part, tags)| Seen {
            name: entry.0,
            size: entry.1,
            age: entry.2,
            owner: entry.3,
            group: entry.4,
            archive: entry.5,
            head,
            part,
            tags,
        })
    }
}

proptest! {
    #[test]
    fn narrowing_chooses_as_going_through_all_rules_does(
        asked in proptest::collection::vec(world::asked(), 0..6),
        seen in proptest::collection::vec(world::seen(), 1..20),
    ) {
        let text: String = asked.iter().enumerate().map(|(at, it)| it.rule(at)).collect();
        let map = map(&if text.is_empty() { "rules = []".to_owned() } else { text });
        for seen in seen {
            let entry = EntryFacts {
                path: world::path(seen.name).into_bytes(),
                size: seen.size,
                age: Duration::from_secs(seen.age * 86_400),
                uid: world::OWNERS[seen.owner],
                gid: world::OWNERS[seen.group],
                archive: world::ARCHIVES[seen.archive].to_owned(),
            };
            let (head, part) = (world::content(seen.head), world::content(seen.part));
            let tags: Option<Vec<String>> = seen
                .tags
                .as_ref()
                .map(|tags| tags.iter().map(|at| world::TAGS[*at].to_owned()).collect());
            let content = ContentFacts { head: &head, part: &part, tags: tags.as_deref() };
            let expect = asked.iter().position(|asked| asked.holds(&seen));
            let narrowed = map.narrow(&entry);
            prop_assert_eq!(narrowed.rule(&content), expect);
            let choice = narrowed.route(&content);
            prop_assert_eq!(choice.rule, expect);
            prop_assert_eq!(choice.passed.len(), expect.unwrap_or(asked.len()));
            prop_assert!(narrowed.asks_for_content() || expect == narrowed.left.first().copied());
        }
    }
}
