//! Takes e-mail addresses, IP addresses and tokens out of logs.
//!
//! Read in this order: here (words in a stream), `word` (what is taken out of one).

mod word;

use mover_plugin::{Config, Direction, Filter, Output, Result};
use serde::Deserialize;

/// A longer word is left as it is, unless it is a token: no address is as long.
const WORD_LENGTH_MAX: usize = 4096;
/// What stands for a token.
const TOKEN: &[u8] = b"[token]";

/// What an operator may configure.
#[derive(Clone, Copy, Debug, Deserialize, Config)]
pub struct RedactConfig {
    /// take out e-mail addresses
    #[config(default = true)]
    emails: bool,
    /// take out IPv4 and IPv6 addresses
    #[config(default = true)]
    addresses: bool,
    /// take out what follows the words Bearer and Basic
    #[config(default = true)]
    tokens: bool,
}

/// Whether a word is a secret because of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Word,
    /// `Bearer` stood there, and nothing but blanks since.
    Token,
    /// A word longer than all addresses: its rest is copied.
    RestOfWord,
    /// A token that was taken out already: its rest is dropped.
    RestOfToken,
}

/// One entry on its way through.
#[derive(Debug)]
pub struct Redact {
    config: RedactConfig,
    direction: Direction,
    expect: Expect,
    /// The word whose end was not seen yet.
    word: Vec<u8>,
}

impl Filter for Redact {
    type Config = RedactConfig;

    fn open(config: RedactConfig, direction: Direction) -> Result<Self> {
        Ok(Self { config, direction, expect: Expect::Word, word: Vec::new() })
    }

    fn next(&mut self, input: &[u8], output: &mut Output<'_>) -> Result<()> {
        // What was taken out is nowhere: restoring gives what was archived.
        if self.direction == Direction::Undo {
            output.put(input);
            return Ok(());
        }
        let mut kept = Vec::with_capacity(input.len() + input.len() / 8);
        for piece in input.chunk_by(|a, b| word::is_part(*a) == word::is_part(*b)) {
            if word::is_part(piece[0]) {
                self.take(piece, &mut kept);
            } else {
                self.end_word(&mut kept);
                let is_blank = piece.iter().all(|byte| matches!(byte, b' ' | b'\t'));
                if !is_blank {
                    self.expect = Expect::Word;
                }
                kept.extend_from_slice(piece);
            }
        }
        output.put(&kept);
        Ok(())
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<()> {
        let mut kept = Vec::new();
        self.end_word(&mut kept);
        output.put(&kept);
        self.expect = Expect::Word;
        Ok(())
    }
}

impl Redact {
    /// Takes the next bytes of a word.
    fn take(&mut self, bytes: &[u8], kept: &mut Vec<u8>) {
        match self.expect {
            Expect::RestOfWord => kept.extend_from_slice(bytes),
            Expect::RestOfToken => {}
            Expect::Token => {
                kept.extend_from_slice(TOKEN);
                self.expect = Expect::RestOfToken;
            }
            Expect::Word => {
                self.word.extend_from_slice(bytes);
                if self.word.len() > WORD_LENGTH_MAX {
                    kept.append(&mut self.word);
                    self.expect = Expect::RestOfWord;
                }
            }
        }
    }

    /// The word, if there is one, has ended.
    fn end_word(&mut self, kept: &mut Vec<u8>) {
        match self.expect {
            Expect::RestOfWord | Expect::RestOfToken => self.expect = Expect::Word,
            Expect::Word if !self.word.is_empty() => {
                if self.config.tokens && word::announces_token(&self.word) {
                    self.expect = Expect::Token;
                }
                word::redact(&self.word, self.config.emails, self.config.addresses, kept);
                self.word.clear();
            }
            Expect::Word | Expect::Token => {}
        }
    }
}

mover_plugin::export!(filter: Redact, lossy = true, memory_max = 16 << 20);

#[cfg(test)]
mod tests {
    use super::*;
    use mover_plugin::test::{FilterTest, samples};

    fn check(config: &str, log: &str, expect: &str) {
        let found = FilterTest::<Redact>::new(config).apply(log.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expect);
    }

    #[test]
    fn addresses_and_tokens_are_taken_out_wherever_they_stand() {
        check(
            "",
            "2026-11-21 12:30:45 login of <jane.doe+x@mail.example.org> from 192.168.0.1:5432, \
             Authorization: Bearer abc.DEF-1_2/3==\n[fe80::1] sent \"bob@example.com\".",
            "2026-11-21 12:30:45 login of <[email]> from [ipv4]:5432, \
             Authorization: Bearer [token]\n[[ipv6]] sent \"[email]\".",
        );
    }

    #[test]
    fn what_is_no_address_stays() {
        for log in [
            "at 12:30:45 version 1.2.3 of std::net, x@y, @home, 300.1.2.3, 1.2.3.4.5",
            "the bearer, of bad news\nBearer\nnext line",
            "é \u{1F600} \0",
        ] {
            check("", log, log);
        }
    }

    #[test]
    fn what_is_switched_off_stays() {
        let log = "a@b.org 10.0.0.1 bearer x";
        check(r#"{"emails": false}"#, log, "a@b.org [ipv4] bearer [token]");
        check(r#"{"addresses": false}"#, log, "[email] 10.0.0.1 bearer [token]");
        check(r#"{"tokens": false}"#, log, "[email] [ipv4] bearer x");
    }

    #[test]
    fn a_long_word_stays_and_a_long_token_goes() {
        let long = "x".repeat(WORD_LENGTH_MAX + 1);
        check("", &format!("{long} a@b.org"), &format!("{long} [email]"));
        check("", &format!("Basic {long}{long}\na@b.org"), "Basic [token]\n[email]");
    }

    #[test]
    fn entries_without_secrets_and_everything_restored_stay_as_they_are() {
        let test = FilterTest::<Redact>::new("");
        for (_, entry) in samples() {
            assert!(test.undo(&entry).unwrap() == entry);
        }
        assert_eq!(test.undo(b"a@b.org").unwrap(), b"a@b.org");
        assert_eq!(test.apply(&[0; 100_000]).unwrap(), [0; 100_000]);
    }
}
