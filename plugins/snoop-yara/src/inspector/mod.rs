//! Follows entries through windows, so that no match is lost at a border or found twice.
//!
//! An entry that lies in one window is scanned as a file. A longer one is scanned in pieces: each
//! window behind the last bytes of the one before. A condition that needs two strings further
//! apart than a piece, or the length of the file, cannot hold there.

use crate::rules::{Action, Rules};
use boreal::scanner::ScanResult;
use shared::state::{StateError, StateReader, StateWriter};
use shared::window::{Part, parts};

/// The host drops what is beyond.
const FINDING_COUNT_MAX: usize = 64;
/// The layout of a saved state.
const STATE_VERSION: u8 = 1;

/// One match of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: String,
    /// The name of the string that matched, with its `$`; empty for a rule without strings.
    pub(crate) string: String,
    pub(crate) offset: u64,
    pub(crate) length: u32,
}

/// What was found in an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) action: Action,
    pub(crate) findings: Vec<Finding>,
}

impl Answer {
    fn nothing() -> Self {
        Self { action: Action::Pass, findings: Vec::new() }
    }
}

/// The rules, and the entry that goes on.
pub(crate) struct Inspector {
    rules: Rules,
    /// How much of the entry was seen.
    offset: u64,
    /// The last bytes of the entry, as many as `overlap` says.
    tail: Vec<u8>,
    answer: Answer,
}

impl Inspector {
    /// Takes an empty `config` for the defaults; an error is a message.
    pub(crate) fn open(config: &str) -> Result<Self, String> {
        let rules = Rules::open(config)?;
        Ok(Self { rules, offset: 0, tail: Vec::new(), answer: Answer::nothing() })
    }

    /// Looks at the next bytes and answers for every entry that ends in them.
    pub(crate) fn inspect(&mut self, window: &[u8], ends: &[u32]) -> Result<Vec<Answer>, String> {
        let mut answers = Vec::with_capacity(ends.len());
        for part in parts(window, ends).map_err(|error| error.to_string())? {
            if self.offset == 0 && part.last {
                let found = self.rules.scan_whole(part.bytes)?;
                note(&mut self.answer, &self.rules, &found, |_, _| true, 0);
            } else {
                self.scan_piece(part)?;
            }
            if part.last {
                answers.push(self.finish());
            }
        }
        Ok(answers)
    }

    fn scan_piece(&mut self, part: Part<'_>) -> Result<(), String> {
        let seen = self.tail.len();
        let start = self.offset - seen as u64;
        // The first piece has nothing before it, and need not be copied.
        let piece = if seen == 0 {
            part.bytes
        } else {
            self.tail.extend_from_slice(part.bytes);
            &self.tail
        };
        let found = self.rules.scan_piece(start, piece)?;
        // A match that reaches the end may become longer, or none, with what follows: it is left
        // for the next time, when it ends where the bytes end that were seen before.
        let end = piece.len();
        let settled = |_, match_end| match_end >= seen && (part.last || match_end < end);
        note(&mut self.answer, &self.rules, &found, settled, start);
        self.offset += part.bytes.len() as u64;
        let overlap = self.rules.overlap;
        if seen == 0 {
            self.tail.extend_from_slice(&part.bytes[end.saturating_sub(overlap)..]);
        } else {
            self.tail.drain(..end.saturating_sub(overlap));
        }
        Ok(())
    }

    fn finish(&mut self) -> Answer {
        self.offset = 0;
        self.tail.clear();
        let mut answer = std::mem::replace(&mut self.answer, Answer::nothing());
        answer.findings.sort_by(|a, b| (a.offset, &a.rule).cmp(&(b.offset, &b.rule)));
        answer
    }

    /// Gives what `resume` needs.
    pub(crate) fn save(&self) -> Vec<u8> {
        let mut writer = StateWriter::new(STATE_VERSION);
        writer.integer(self.offset);
        writer.bytes(&self.tail);
        writer.integer(self.answer.action as u64);
        writer.integer(self.answer.findings.len() as u64);
        for finding in &self.answer.findings {
            writer.bytes(finding.rule.as_bytes());
            writer.bytes(finding.string.as_bytes());
            writer.integer(finding.offset);
            writer.integer(u64::from(finding.length));
        }
        writer.finish()
    }

    /// Takes up where the inspector that gave `state` was.
    pub(crate) fn resume(&mut self, state: &[u8]) -> Result<(), StateError> {
        let mut reader = StateReader::new(state, STATE_VERSION)?;
        let offset = reader.integer()?;
        let tail = reader.bytes()?.to_vec();
        let action = usize::try_from(reader.integer()?).map_err(|_| StateError)?;
        let action = *Action::ALL.get(action).ok_or(StateError)?;
        let count = reader.integer()?;
        if (tail.len() as u64) > offset || count > FINDING_COUNT_MAX as u64 {
            return Err(StateError);
        }
        let mut findings = Vec::new();
        for _ in 0..count {
            findings.push(Finding {
                rule: reader.text()?.to_owned(),
                string: reader.text()?.to_owned(),
                offset: reader.integer()?,
                length: u32::try_from(reader.integer()?).map_err(|_| StateError)?,
            });
        }
        reader.finish()?;
        (self.offset, self.tail, self.answer) = (offset, tail, Answer { action, findings });
        Ok(())
    }
}

/// Adds what was found to `answer`, where `settled` says so of a match's start and end in the
/// piece, which begins at `offset` of its entry.
fn note(
    answer: &mut Answer,
    rules: &Rules,
    found: &ScanResult<'_>,
    settled: impl Fn(usize, usize) -> bool,
    offset: u64,
) {
    for rule in &found.rules {
        let mut is_new = rule.matches.iter().all(|string| string.matches.is_empty());
        if is_new {
            add(answer, rule.name, "", 0, 0);
        }
        for string in &rule.matches {
            for found in &string.matches {
                let (start, end) = (found.offset, found.offset + found.length);
                if settled(start, end) {
                    is_new = true;
                    let length = u32::try_from(found.length).unwrap_or(u32::MAX);
                    add(answer, rule.name, string.name, offset + start as u64, length);
                }
            }
        }
        if is_new {
            answer.action = answer.action.max(rules.action(rule.name));
        }
    }
}

/// One finding for a rule and a place, however many of its strings match there.
fn add(answer: &mut Answer, rule: &str, string: &str, offset: u64, length: u32) {
    let known = |finding: &Finding| finding.offset == offset && finding.rule == rule;
    if answer.findings.len() < FINDING_COUNT_MAX && !answer.findings.iter().any(known) {
        let string = if string.is_empty() { String::new() } else { format!("${string}") };
        answer.findings.push(Finding { rule: rule.to_owned(), string, offset, length });
    }
}

#[cfg(test)]
mod tests;
