//! Passphrases: from a file, from the environment, or asked for on the terminal.
//!
//! A passphrase is the exact UTF-8 that was given: it is not normalised and its blanks count, so
//! that the `age` program opens the same envelopes with the same text. Whether it is a good one is
//! the command line's business.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::{Error, ErrorKind, Result};

/// The environment variable that it is taken from.
pub const VARIABLE: &str = "MOVER_PASSPHRASE";

/// What every message says that could have used one.
pub(super) const WAYS: &str = "set MOVER_PASSPHRASE, or give --passphrase-file FILE";

/// More is a mistake: another kind of file was named.
const FILE_LENGTH_MAX: u64 = 64 << 10;

/// A passphrase: not empty, wiped when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase {
    text: Zeroizing<String>,
    /// The variable or the file that it was taken from; none where it was typed.
    place: Option<String>,
}

impl Passphrase {
    /// Anything but nothing.
    pub fn new(text: String) -> Result<Passphrase> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the passphrase is empty").way_out(WAYS));
        }
        Ok(Passphrase { text, place: None })
    }

    fn taken_from(mut self, place: impl ToString) -> Passphrase {
        self.place = Some(place.to_string());
        self
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How messages call it.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Some(place) => format!("the passphrase in {place}"),
            None => "the passphrase".to_owned(),
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}

/// From `file` where one is named, else from the environment, else none.
pub fn find(file: Option<&Path>) -> Result<Option<Passphrase>> {
    match file {
        Some(path) => from_file(path).map(Some),
        None => from_environment(),
    }
}

/// From [`VARIABLE`]; one that is set and empty is an error, since a script forgot something.
pub fn from_environment() -> Result<Option<Passphrase>> {
    from_variable(env::var_os(VARIABLE))
}

pub(super) fn from_variable(value: Option<OsString>) -> Result<Option<Passphrase>> {
    let Some(value) = value else { return Ok(None) };
    let text = value.into_string().map_err(|_| {
        Error::new(ErrorKind::Usage, format!("{VARIABLE} is not UTF-8"))
            .way_out("a passphrase is text: set it again, in a UTF-8 locale")
    })?;
    if text.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("{VARIABLE} is set, and empty"))
            .way_out(format!("unset {VARIABLE} to be asked, or set it to the passphrase")));
    }
    Ok(Some(Passphrase::new(text)?.taken_from(VARIABLE)))
}

/// The first line of a file, without its end; a pipe such as `/dev/fd/3` is as good.
pub fn from_file(path: &Path) -> Result<Passphrase> {
    let file = File::open(path).map_err(|error| Error::io("opening", path, error))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(FILE_LENGTH_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("reading", path, error))?;
    let wrong = |what: &str| {
        Error::new(ErrorKind::Usage, format!("passphrase file {}: {what}", path.display()))
            .way_out("its first line has to be the passphrase")
    };
    if bytes.len() as u64 > FILE_LENGTH_MAX {
        return Err(wrong("too long to be one"));
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(wrong("the first line is empty"));
    }
    let text = std::str::from_utf8(line).map_err(|_| wrong("the first line is not UTF-8"))?;
    Ok(Passphrase::new(text.to_owned())?.taken_from(path.display()))
}

/// Asks once, on the terminal and without echo; `what` is opened with it.
pub fn prompt(what: &str) -> Result<Passphrase> {
    ask_once(what, &mut ask_terminal)
}

/// Asks twice, for a new passphrase.
pub fn prompt_new(what: &str) -> Result<Passphrase> {
    ask_twice(what, &mut ask_terminal)
}

/// Shows a question and gives the answer; the tests bring their own.
type Ask<'a> = dyn FnMut(&str) -> io::Result<String> + 'a;

fn ask_terminal(question: &str) -> io::Result<String> {
    rpassword::prompt_password(question)
}

pub(super) fn ask_once(what: &str, ask: &mut Ask<'_>) -> Result<Passphrase> {
    let answer = ask(&format!("Passphrase for {what}: ")).map_err(no_terminal)?;
    Passphrase::new(answer)
}

pub(super) fn ask_twice(what: &str, ask: &mut Ask<'_>) -> Result<Passphrase> {
    let first = ask(&format!("New passphrase for {what}: ")).map_err(no_terminal)?;
    let first = Passphrase::new(first)?;
    let second = Zeroizing::new(ask("The same once more: ").map_err(no_terminal)?);
    if first.text() != second.as_str() {
        return Err(Error::new(ErrorKind::Usage, "the two passphrases differ")
            .way_out("nothing was changed: try again"));
    }
    Ok(first)
}

fn no_terminal(cause: io::Error) -> Error {
    Error::new(ErrorKind::Key, "a passphrase is needed, and there is no terminal to ask on")
        .because(cause)
        .way_out(WAYS)
}
