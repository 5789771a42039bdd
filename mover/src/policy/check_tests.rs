//! Each mistake with its place.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn found(text: &str) -> Vec<(bool, usize, usize, String)> {
    let complaints = check(&format!("version = 1\n{text}"));
    complaints.into_iter().map(|it| (it.is_error, it.line, it.column, it.message)).collect()
}

/// The text complains of exactly this.
fn one(is_error: bool, text: &str, line: usize, column: usize, message: &str) {
    let found = found(text);
    assert_eq!(found.len(), 1, "{text}: {found:#?}");
    assert_eq!(found[0].0, is_error, "{text}: {found:#?}");
    assert_eq!((found[0].1, found[0].2), (line, column), "{text}: {found:#?}");
    assert!(found[0].3.contains(message), "{text}: {found:#?}");
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let cases = [
        ("archive = {", 2, 12, "inline table"),
        ("[rules]\nname = \"a\"", 2, 1, "rules is a list, not a table"),
        ("[[rules]]\nname = \"a\"\npool = [\"x\"]", 4, 1, "no key pool"),
        ("[[rules]]\nname = \"a\"\npools = \"x\"", 4, 9, "pools is a list"),
        ("[[rules]]\nwhen = {}", 2, 1, "rules without name"),
        ("[[rules]]\nname = \"a\"\nwhen = { siez = \">1\" }", 4, 10, "no key siez"),
        ("[[rules]]\nname = \"a\"\nwhen = { size = \"1M\" }", 4, 17, "no bound of sizes"),
        ("[[rules]]\nname = \"a\"\nwhen = { path = [\"a\", \"[\"] }", 4, 23, "no glob"),
        (
            "[[rules]]\nname = \"a\"\nchunk-size = 65536",
            4,
            14,
            "chunk-size is a size, not a number",
        ),
        ("[[rules]]\nname = \"a\"\nframing = \"eech\"", 4, 11, "framing cannot be eech"),
        (
            "[[rules]]\nname = \"a\"\nstages = [{ component = \"zstd\", level = 9 }]",
            4,
            33,
            "no key level",
        ),
        ("[pools.a]\npath = \"x\"", 2, 1, "a without kind"),
        ("[pools.a]\nkind = \"dsk\"\npath = \"x\"", 3, 8, "no kind dsk"),
        ("[pools.a]\nkind = \"disk\"", 2, 1, "a pool of disk without path"),
        ("[pools.a]\nkind = \"disk\"\npath = \"x\"\nfolder = \"y\"", 5, 1, "no key folder"),
        ("[retention.default]\nlast = -1", 3, 8, "last cannot be -1"),
        ("[serve]\nfull-pacience = \"5s\"", 3, 1, "no key full-pacience"),
    ];
    for (text, line, column, message) in cases {
        one(true, text, line, column, message);
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_what_was_meant() {
    let text = "version = 1\nrulez = []\n[archiv]\n[serve]\nlisten = \"x\"\nmemory = \"1Q\"\n";
    let complaints = check(text);
    let told: Vec<(usize, &str)> =
        complaints.iter().map(|it| (it.line, it.way_out.split(';').next().unwrap())).collect();
    assert_eq!(
        told,
        [
            (2, "rules was meant, perhaps"),
            (3, "archive was meant, perhaps"),
            (5, "write listen = [\"x\"]"),
            (6, "write it as 65536, 64K, 1.5M or 2GiB"),
        ]
    );
}

#[test]
fn a_file_without_a_version_is_told_the_line_that_it_lacks() {
    let complaints = check("[archive]\nname = \"a\"\n");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert_eq!(complaints[0].message, "a policy without version");
    assert_eq!(complaints[0].way_out, "add the line: version = 1");
}

#[test]
fn another_version_is_all_that_is_told() {
    let complaints = check("version = 2\nsomething = \"new\"\n");
    assert_eq!(complaints.len(), 1);
    assert!(complaints[0].message.contains("version 2"));
}

#[test]
fn pools_that_cannot_be_are_told_with_their_place() {
    let tape = "[pools.t]\nkind = \"tape\"\n";
    let cases = [
        ("[pools.default]\nkind = \"disk\"\npath = \"x\"".to_owned(), 2, 1, "cannot be called"),
        (tape.to_owned(), 2, 1, "pool t has no medium"),
        (format!("{tape}library = \"/dev/sg3\""), 4, 11, "no drives"),
        (
            "[pools.d]\nkind = \"optical\"\nfolder = \"x\"\ndiscs = []".to_owned(),
            5,
            9,
            "pool d has no medium",
        ),
        ("[pools.d]\nkind = \"optical\"\ndiscs = [\"a\"]".to_owned(), 2, 1, "pool d has no medium"),
        (
            "[pools.d]\nkind = \"optical\"\nrecorder = \"/dev/sg1\"".to_owned(),
            4,
            12,
            "neither a library nor discs",
        ),
        (
            "[pools.d]\nkind = \"optical\"\nfolder = \"a\"\nrecorder = \"b\"\ndiscs = [\"a\"]"
                .to_owned(),
            5,
            12,
            "both a folder and a recorder",
        ),
        (format!("{tape}folder = \"a\"\nlibrary = \"b\""), 5, 11, "both a folder and a library"),
        (format!("{tape}folder = \"a\"\nrecord-size = \"1000\""), 5, 15, "records of this length"),
        (
            "[pools.o]\nkind = \"object\"\nbucket = \"b\"\npart-size = \"1K\"".to_owned(),
            5,
            13,
            "parts of this size",
        ),
        (
            "[pools.a]\nkind = \"disk\"\npath = \"x\"\n[pools.b]\nkind = \"disk\"\npath = \"x\""
                .to_owned(),
            5,
            1,
            "pools a and b are at the same place",
        ),
        ("[archive]\nhold-pool = \"q\"".to_owned(), 3, 13, "no pool q"),
        ("[retention.q]\nlast = 3".to_owned(), 2, 1, "no pool q"),
        ("[archive]\nsnoops = [\"snoop-yarra\"]".to_owned(), 3, 11, "no snoop snoop-yarra"),
        ("[archive]\nsnoops = [\"none\", \"snoop-type\"]".to_owned(), 3, 11, "none beside others"),
        (
            "[stores.s]\npath = \"x\"\n[[stores.s.allow]]\npeer = \"me\"\nrights = []".to_owned(),
            5,
            8,
            "nobody under [peers] is called me",
        ),
    ];
    for (text, line, column, message) in cases {
        one(true, &text, line, column, message);
    }
    one(false, &format!("{tape}folder = \"a\"\ndrives = [\"b\"]"), 5, 10, "drives says nothing");
    let jukebox = "[pools.d]\nkind = \"optical\"\nrecorder = \"a\"\nlibrary = \"b\"";
    one(false, &format!("{jukebox}\ndiscs = [\"a\"]"), 6, 9, "discs says nothing");
    one(false, &format!("{jukebox}\nsession-size = \"1M\""), 6, 16, "session-size says nothing");
    one(false, "[retention.default]", 2, 1, "all is kept");
}

#[test]
fn rules_that_make_no_sense_are_told_with_their_place() {
    let rule = |rest: &str| format!("[[rules]]\nname = \"a\"\n{rest}");
    let two = |first: &str, second: &str| {
        format!("[[rules]]\nname = \"a\"\n{first}\n[[rules]]\nname = \"b\"\n{second}")
    };
    let cases = [
        (rule("pools = [\"default\", \"tpae\"]"), 4, 21, "no pool tpae"),
        (rule("pools = [\"default\", \"default\"]"), 4, 21, "stands twice"),
        (rule("stages = [\"zstdd\"]"), 4, 11, "no stage zstdd"),
        (rule("stages = [\"encrypt\", \"zstd\", \"encrypt\"]"), 4, 30, "encrypts twice"),
        (rule("stages = [\"encrypt\"]\nencrypt = false"), 5, 11, "encrypt = false"),
        (rule("chunk-size = \"1G\""), 4, 14, "not possible"),
        (rule("when = { size = \">1G, <1M\" }"), 4, 17, "no size is >1G, <1M"),
        (rule("when = { entropy = \">8\" }"), 4, 20, "no entropy is >8"),
        (rule("when = { path = [\"!a\"] }"), 4, 17, "only excludes"),
        (rule("when = { owner = [\"who is this\"] }"), 4, 18, "no user who is this"),
        (rule("when = { group = [\"who is this\"] }"), 4, 18, "no group who is this"),
        (two("", "when = { path = [\"x\"] }"), 5, 1, "rule a takes all"),
        (
            two("when = { size = \">1M\" }", "when = { size = \">2M, <1G\" }"),
            5,
            1,
            "takes it before",
        ),
        (
            two("when = { path = [\"*.gz\"] }", "when = { path = [\"*.tar.gz\"], age = \">1d\" }"),
            5,
            1,
            "takes it before",
        ),
        (two("when = { size = \">1M\" }", "").replace("\"b\"", "\"a\""), 6, 8, "two rules"),
    ];
    for (text, line, column, message) in cases {
        let found = found(&text);
        let told = found.iter().any(|(is_error, at, of, what)| {
            *is_error && (*at, *of) == (line, column) && what.contains(message)
        });
        assert!(told, "{text}: {found:#?}");
    }
}

#[test]
fn what_is_merely_odd_is_no_error() {
    let rule = "[[rules]]\nname = \"a\"\n";
    one(false, &format!("{rule}stages = [\"encrypt\", \"zstd\"]"), 4, 22, "do not compress");
    one(false, &format!("{rule}when = {{ path = [\"x\", \"x\"] }}"), 4, 23, "x stands twice");
    let both = format!(
        "{rule}when = {{ path = [\"*.mp4\"] }}\n[[rules]]\nname = \"b\"\n\
         when = {{ path = [\"*.avi\", \"*.mp4\"] }}"
    );
    one(false, &both, 7, 27, "*.mp4 is taken by rule a before");
    let absolute =
        format!("[archive]\npaths = [\"/home\"]\n{rule}when = {{ path = [\"/home/a/\"] }}");
    one(false, &absolute, 6, 18, "no path in the archive");
    let tags = format!("[archive]\nsnoops = [\"none\"]\n{rule}when = {{ tags = [\"x\"] }}");
    one(false, &tags, 6, 17, "no snoop looks");
}

#[test]
fn rules_that_differ_are_fine() {
    let text = "[[rules]]\nname = \"a\"\nwhen = { path = [\"*.a\"], size = \">1M\" }\n\
                [[rules]]\nname = \"b\"\nwhen = { path = [\"*.a\"] }\n\
                [[rules]]\nname = \"c\"\nwhen = { tags = [\"x\"], group = [\"root\"] }\n\
                stages = [\"zstd\", { component = \"mine\", digest = DIGEST }, \"encrypt\"]\n\
                [[rules]]\nname = \"d\"";
    let digest = format!("\"blake3:{}\"", "5a".repeat(32));
    assert_eq!(found(&text.replace("DIGEST", &digest)), []);
    assert_eq!(found("[retention.default]\nlast = 1_000\ndaily = 0x10"), []);
}

#[test]
fn what_is_not_built_in_is_pinned_by_a_digest() {
    let of = |stage: &str| format!("[[rules]]\nname = \"a\"\nstages = [{stage}]");
    one(false, &of("\"./mine.wasm\""), 4, 11, "./mine.wasm is not pinned");
    one(true, &of("\"mine\""), 4, 11, "there is no stage mine");
    let short = of("{ component = \"mine\", digest = \"blake3:5a\" }");
    one(true, &short, 4, 42, "blake3:5a is not a digest");
}

#[test]
fn a_policy_with_errors_is_refused_with_the_first() {
    let text = "version = 1\n[[rules]]\nname = \"a\"\npools = [\"x\", \"y\"]\n";
    let error = refuse(text, Path::new("p.toml")).unwrap_err();
    let expect = "p.toml:4:10: there is no pool x (and 1 more: see `mover policy check`)";
    assert_eq!(error.to_string(), expect);
    assert!(error.hint().unwrap().contains("default"));
}

/// Where, with what, and how much of it.
fn change() -> impl Strategy<Value = (prop::sample::Index, String, usize)> {
    (any::<prop::sample::Index>(), ".{0,3}", 0..4_usize)
}

proptest! {
    #[test]
    fn whatever_is_changed_is_told_or_can_be_used(
        changes in proptest::collection::vec(change(), 1..4),
    ) {
        let mut text = crate::policy::TEMPLATE.replace("\n#: ", "\n");
        for (at, with, length) in changes {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let from = at.index(places.len());
            let to = (from + length).min(places.len() - 1);
            text.replace_range(places[from]..places[to].max(places[from]), &with);
        }
        let complaints = check(&text);
        let lines = text.lines().count() + 1;
        for complaint in &complaints {
            prop_assert!((1..=lines).contains(&complaint.line) && complaint.column > 0);
            prop_assert!(!complaint.message.is_empty() && !complaint.way_out.is_empty());
        }
        if complaints.iter().all(|complaint| !complaint.is_error) {
            let policy = Policy::parse(&text, Path::new("p.toml")).unwrap();
            prop_assert!(policy.map().is_ok());
        }
    }
}
