//! Finds what is there, once, wherever windows end; built-in rules first.

use super::*;

const CONFIG: &str = concat!(
    r#"{"actions": {"word": "hold"}, "overlap": 100, "rules": ""#,
    r#"rule word { strings: $w = /\\bneedle[0-9]*\\b/ condition: $w } "#,
    r#"rule first { meta: action = \"stop\" strings: $f = \"first\" condition: $f at 0 } "#,
    r#"rule small { strings: $w = \"needle\" condition: $w and filesize < 100 }"}"#,
);

fn found(inspector: &mut Inspector, entry: &[u8], window: usize) -> Answer {
    for bytes in entry.chunks(window) {
        assert!(inspector.inspect(bytes, &[]).unwrap().is_empty());
    }
    inspector.inspect(b"", &[0]).unwrap().remove(0)
}

fn whole(config: &str, entry: &[u8]) -> Answer {
    let mut inspector = Inspector::open(config).unwrap();
    inspector.inspect(entry, &[entry.len() as u32]).unwrap().remove(0)
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

fn eicar() -> Vec<u8> {
    let (head, tail) = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "ANTIVIRUS-TEST-FILE!$H+H*");
    format!("{head}-STANDARD-{tail}").into_bytes()
}

#[test]
fn the_built_in_rules_find_what_they_are_for() {
    let check = |entry: &str, expect: &str| {
        let answer = whole("", format!("a = {entry};").as_bytes());
        let expect: &[&str] = if expect.is_empty() { &[] } else { &[expect] };
        assert_eq!(names(&answer), expect, "{entry}");
        assert_eq!(answer.action, if expect.is_empty() { Action::Pass } else { Action::Tag });
    };
    let a = |count| "A".repeat(count);
    check("", "");
    check("-----BEGIN RSA PRIVATE KEY-----\nMII", "private_key_pem");
    check("-----BEGIN PRIVATE KEY-----\r\nMII", "private_key_pem");
    check("-----BEGIN PRIVATE KEY-----\\nMII", "private_key_pem");
    check("-----BEGIN PUBLIC KEY-----\nMII", "");
    check("-----BEGIN OPENSSH PRIVATE KEY-----\nb3", "private_key_openssh");
    check("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n", "private_key_pgp");
    check(&format!("AGE-SECRET-KEY-1{}", a(58)), "private_key_age");
    check(&format!("AKIA{}", a(16)), "token_aws");
    check(&format!("AKIA{}", a(17)), "");
    check(&format!("aws_secret_access_key = {}", a(40)), "token_aws");
    check(&format!("\"AWS_SECRET_ACCESS_KEY\": \"{}\"", a(40)), "token_aws");
    check(&format!("ghp_{}", a(36)), "token_github");
    check(&format!("github_pat_{}_{}", a(22), a(59)), "token_github");
    check(&format!("glpat-{}", a(20)), "token_gitlab");
    check(&format!("AIza{}", a(35)), "token_google");
    check(&format!("xoxb-{}-{}", "1".repeat(12), a(24)), "token_slack");
    check(&format!("sk_live_{}", a(24)), "token_stripe");
}

#[test]
fn the_test_file_is_held_and_a_text_about_it_is_tagged() {
    let answer = whole("{}", &eicar());
    assert_eq!((answer.action, names(&answer)), (Action::Hold, vec!["eicar_test_file"]));
    assert_eq!((answer.findings[0].offset, answer.findings[0].length), (0, 68));
    let answer = whole("", &[b"see ", &eicar()[..], b"!"].concat());
    assert_eq!((answer.action, names(&answer)), (Action::Tag, vec!["eicar_string"]));
    let answer = whole("{\"actions\": {\"eicar_test_file\": \"stop\"}}", &eicar());
    assert_eq!(answer.action, Action::Stop);
}

#[test]
fn matches_are_found_once_wherever_windows_end() {
    let filler = b"some words in between, and nothing to be found in them at all. ".repeat(3);
    let entry = [b"first", &filler[..], b"needle12 ", &filler[..], b"needle needle3"].concat();
    let expect = whole(CONFIG, &entry);
    assert_eq!(names(&expect), ["first", "word", "word", "word"]);
    assert_eq!(expect.action, Action::Stop);
    for window in 1..entry.len() + 1 {
        let mut inspector = Inspector::open(CONFIG).unwrap();
        assert_eq!(found(&mut inspector, &entry, window), expect, "{window}");
        // Nothing of it is left for the next entry.
        assert_eq!(found(&mut inspector, b"haystack", window), Answer::nothing());
    }
}

#[test]
fn a_resumed_inspector_finds_what_one_that_went_on_does() {
    let entry = [&b"needle1 "[..], &[b'x'; 300], b" needle2 needle3"].concat();
    for cut in 0..=entry.len() {
        let mut first = Inspector::open(CONFIG).unwrap();
        first.inspect(&entry[..cut], &[]).unwrap();
        let state = first.save();
        let mut second = Inspector::open(CONFIG).unwrap();
        second.resume(&state).unwrap();
        let ends = [(entry.len() - cut) as u32];
        let expect = first.inspect(&entry[cut..], &ends).unwrap();
        assert_eq!(second.inspect(&entry[cut..], &ends).unwrap(), expect);
        assert_eq!(expect[0].findings.len(), 3);
        for length in 0..state.len() {
            assert!(second.resume(&state[..length]).is_err());
        }
    }
}

#[test]
fn entries_in_one_window_have_answers_of_their_own() {
    let mut inspector = Inspector::open(CONFIG).unwrap();
    let answers = inspector.inspect(b"firstneedle needle", &[0, 5, 11, 11, 18]).unwrap();
    let names: Vec<_> = answers.iter().map(names).collect();
    let expect: [&[&str]; 5] = [&[], &["first"], &["small", "word"], &[], &["small", "word"]];
    assert_eq!(names, expect);
    assert!(inspector.inspect(b"", &[1]).is_err());
}

#[test]
fn findings_are_bounded() {
    let answer = whole(CONFIG, &b"needle ".repeat(5000));
    assert_eq!(answer.findings.len(), FINDING_COUNT_MAX);
}

#[test]
fn a_wrong_configuration_is_refused() {
    for config in [
        "x",
        "{\"rule\": \"\"}",
        "{\"rules\": \"rule\"}",
        "{\"rules\": \"include \\\"a.yar\\\"\"}",
        "{\"rules\": \"rule a { meta: action = \\\"no\\\" condition: true }\"}",
        "{\"actions\": {\"no_such_rule\": \"tag\"}}",
        "{\"actions\": {\"token_aws\": \"drop\"}}",
        "{\"overlap\": 524289}",
    ] {
        let error = Inspector::open(config).err().expect(config);
        assert!(!error.contains('\n'), "{error}");
    }
}
