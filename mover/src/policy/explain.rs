//! What `mover policy explain` tells of each file, and of all: data for `--json`, lines for people.
//!
//! Only tells; what there is to tell is found out by whoever reads files.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::units::show;

/// One way that a file, or a part of it, would take.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExplainedWay {
    /// The rule; none where no rule matches.
    pub rule: Option<String>,
    /// What decided.
    pub why: Vec<String>,
    /// The rules before it, and why they did not match.
    pub passed: Vec<PassedRule>,
    /// Stages, in order.
    pub stages: Vec<String>,
    /// Pools; several are copies.
    pub pools: Vec<String>,
    /// Plain bytes of a chunk.
    pub chunk_size: u64,
    /// Bytes of the file that go this way.
    pub bytes: u64,
    /// Bytes that they would take in each pool, about.
    pub stored: u64,
}

/// A rule that did not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedRule {
    /// Its name.
    pub rule: String,
    /// The first condition that did not hold.
    pub because: String,
}

/// A file.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Explained {
    /// Its path in the archive.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// The ways of its parts, each once.
    pub ways: Vec<ExplainedWay>,
    /// What snoops say, where they hold it or leave it out.
    pub verdict: Option<String>,
}

impl Explained {
    /// For people; in detail with the rules that did not match.
    pub fn lines(&self, in_detail: bool) -> Vec<String> {
        let mut lines = vec![plain(&self.path)];
        lines.extend(self.verdict.iter().map(|verdict| format!("    {}", plain(verdict))));
        for way in &self.ways {
            lines.push(way.line());
            let passed = way.passed.iter().filter(|_| in_detail);
            lines.extend(passed.map(|it| {
                format!("                not {}: {}", plain(&it.rule), plain(&it.because))
            }));
        }
        lines
    }
}

impl ExplainedWay {
    fn line(&self) -> String {
        let rule = self.rule.as_deref().unwrap_or("(no rule)");
        let stages = match &self.stages[..] {
            [] => "as it is".to_owned(),
            stages => stages.join(" > "),
        };
        let bytes = show(self.bytes);
        let (rule, why) = (plain(rule), plain(&self.why.join(", ")));
        let (size, pools) = (show(self.chunk_size), self.pools.join(" and "));
        format!("    {bytes:>10}  {rule} ({why})  {stages}, chunks of {size}, to {pools}")
    }
}

/// What all files come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// By pool: what would lie there.
    pub pools: BTreeMap<String, Total>,
    /// By rule, in their order; those that nothing fell under are there too.
    pub rules: Vec<RuleTotal>,
}

/// Of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleTotal {
    /// Its name.
    pub rule: String,
    /// What fell under it.
    #[serde(flatten)]
    pub total: Total,
}

/// Of one pool or rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Files of which at least a part is there.
    pub files: u64,
    /// Their bytes that are.
    pub bytes: u64,
    /// What these would take, about; of a rule in all its pools together.
    pub stored: u64,
}

impl Totals {
    /// Of no file yet, under these rules.
    pub fn new<'a>(rules: impl Iterator<Item = &'a str>) -> Totals {
        let rule = |rule: &str| RuleTotal { rule: rule.to_owned(), ..RuleTotal::default() };
        Totals { pools: BTreeMap::new(), rules: rules.map(rule).collect() }
    }

    /// Adds a file.
    pub fn add(&mut self, file: &Explained) {
        for (place, way) in file.ways.iter().enumerate() {
            // A file that takes two ways to one pool is one file there.
            let before = &file.ways[..place];
            for pool in &way.pools {
                let is_new = !before.iter().any(|it| it.pools.contains(pool));
                self.pools.entry(pool.clone()).or_default().add(way, is_new, 1);
            }
            let Some(name) = &way.rule else { continue };
            let is_new = !before.iter().any(|it| it.rule == way.rule);
            let copies = way.pools.len() as u64;
            let known = self.rules.iter().position(|it| it.rule == *name);
            let place = known.unwrap_or_else(|| {
                self.rules.push(RuleTotal { rule: name.clone(), ..RuleTotal::default() });
                self.rules.len() - 1
            });
            self.rules[place].total.add(way, is_new, copies);
        }
    }

    /// A table for people.
    pub fn lines(&self) -> Vec<String> {
        let row = |name: &str, total: &Total| {
            let content = [plain(name), total.files.to_string(), show(total.bytes)];
            let [name, files, bytes] = content;
            [name, files, bytes, show(total.stored)]
        };
        let head = |what: &str| [what, "files", "content", "stored, about"].map(str::to_owned);
        let mut rows = vec![head("rule")];
        rows.extend(self.rules.iter().map(|it| row(&it.rule, &it.total)));
        if rows.len() == 1 {
            rows.clear();
        }
        rows.push(head("pool"));
        rows.extend(self.pools.iter().map(|(name, total)| row(name, total)));
        aligned(&rows)
    }
}

impl Total {
    fn add(&mut self, way: &ExplainedWay, is_new: bool, copies: u64) {
        self.files += u64::from(is_new);
        self.bytes += way.bytes;
        self.stored += way.stored * copies;
    }
}

/// The first column to the left, the others to the right.
fn aligned(rows: &[[String; 4]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..4).map(|column| width(column).unwrap_or(0)).collect();
    let line = |[name, files, bytes, stored]: &[String; 4]| {
        let (a, b, c, d) = (widths[0], widths[1], widths[2], widths[3]);
        format!("{name:<a$}  {files:>b$}  {bytes:>c$}  {stored:>d$}")
    };
    rows.iter().map(line).collect()
}

/// What is left of bytes behind a compressor, about, by their entropy in bits for each byte.
///
/// A compressor that sees single bytes would come to an eighth of that; one that sees words comes
/// to less the more there is to see. The third power is what 4000 files of a system came to in all,
/// within a few percent, and one file is a tenth off.
pub fn compressed(bytes: u64, entropy: f64) -> u64 {
    let part = (entropy / 8.0).clamp(0.0, 1.0).powi(3);
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    #[allow(clippy::cast_possible_truncation, reason = "never more than there was")]
    #[allow(clippy::cast_sign_loss, reason = "never negative")]
    let left = (bytes as f64 * part).ceil() as u64;
    left.min(bytes)
}

/// Control characters in names must not reach a terminal.
fn plain(text: &str) -> String {
    match text.chars().any(char::is_control) {
        true => text.escape_debug().to_string(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(rule: Option<&str>, pools: &[&str], bytes: u64, stored: u64) -> ExplainedWay {
        ExplainedWay {
            rule: rule.map(str::to_owned),
            why: vec!["path *.x".to_owned()],
            passed: vec![PassedRule { rule: "first".into(), because: "path is not *.y".into() }],
            stages: vec!["zstd".to_owned(), "encrypt".to_owned()],
            pools: pools.iter().map(|&pool| pool.to_owned()).collect(),
            chunk_size: 1 << 20,
            bytes,
            stored,
        }
    }

    fn file(path: &str, ways: Vec<ExplainedWay>) -> Explained {
        let size = ways.iter().map(|way| way.bytes).sum();
        Explained { path: path.to_owned(), size, ways, verdict: None }
    }

    #[test]
    fn a_file_is_told_in_a_line_for_each_of_its_ways() {
        let as_it_is = ExplainedWay { stages: Vec::new(), ..way(None, &["default"], 5, 5) };
        let file = file("a\x1b[2J", vec![way(Some("x"), &["t", "d"], 2048, 100), as_it_is]);
        assert_eq!(
            file.lines(false),
            [
                "a\\u{1b}[2J",
                "      2.00 KiB  x (path *.x)  zstd > encrypt, chunks of 1.00 MiB, to t and d",
                "           5 B  (no rule) (path *.x)  as it is, chunks of 1.00 MiB, to default",
            ]
        );
        let lines = file.lines(true);
        assert_eq!((lines.len(), lines[2].trim()), (5, "not first: path is not *.y"));
        let json = serde_json::to_value(&file).unwrap();
        assert_eq!(json["ways"][0]["passed"][0]["because"], "path is not *.y");
        assert_eq!(json["ways"][0]["chunk_size"], 1 << 20);
    }

    #[test]
    fn totals_count_each_file_once_and_each_copy() {
        let mut totals = Totals::new(["x", "unused"].into_iter());
        totals.add(&file(
            "a",
            vec![
                way(Some("x"), &["tape", "disk"], 2048, 100),
                way(Some("x"), &["tape"], 10, 10),
                way(None, &["default"], 5, 5),
            ],
        ));
        totals.add(&file("b", vec![way(Some("(held)"), &["disk"], 1, 1)]));
        let total = |files, bytes, stored| Total { files, bytes, stored };
        assert_eq!(totals.pools["tape"], total(1, 2058, 110));
        assert_eq!(totals.pools["disk"], total(2, 2049, 101));
        assert_eq!(totals.pools["default"], total(1, 5, 5));
        let rules: Vec<_> = totals.rules.iter().map(|it| (it.rule.as_str(), it.total)).collect();
        let expect =
            [("x", total(1, 2058, 210)), ("unused", total(0, 0, 0)), ("(held)", total(1, 1, 1))];
        assert_eq!(rules, expect);
        assert_eq!(serde_json::to_value(&totals).unwrap()["rules"][0]["bytes"], 2058);
        let lines = totals.lines();
        assert_eq!(lines[0], "rule     files   content  stored, about");
        assert_eq!(lines[2], "unused       0       0 B            0 B");
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{lines:#?}");
    }

    #[test]
    fn an_estimate_is_never_more_than_there_is() {
        assert_eq!(compressed(1000, 8.0), 1000);
        assert_eq!(compressed(1000, 0.0), 0);
        assert!((200..300).contains(&compressed(1000, 5.0)));
        assert_eq!(compressed(u64::MAX, 8.0), u64::MAX);
    }
}
