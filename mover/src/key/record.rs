//! The seal on a machine's local record of what it archived: an age file for a local key.
//!
//! It protects a record that is copied without its key. Who can read both, on the machine itself,
//! can read the files that they tell of as well.

use std::fmt;
use std::io::{self, Read, Write};
use std::iter;

use age::secrecy::ExposeSecret;
use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, Encryptor, x25519};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, Result};

/// Seals and opens local records.
#[derive(Clone)]
pub struct RecordKey(x25519::Identity);

impl RecordKey {
    /// A new key, as the text of its file: an identity file, so that `age` opens a record too.
    pub(super) fn generate() -> Zeroizing<String> {
        let identity = x25519::Identity::generate();
        let mut text = Zeroizing::new(String::with_capacity(128));
        text.push_str(identity.to_string().expose_secret());
        text.push('\n');
        text
    }

    pub(super) fn parse(text: &str) -> Option<RecordKey> {
        text.trim_end().parse().ok().map(RecordKey)
    }

    /// Seals what is written to the result, on its way to `output`.
    pub fn seal<W: Write>(&self, output: W) -> Result<Sealer<W>> {
        let recipient = self.0.to_public();
        let failed =
            |cause: String| Error::new(ErrorKind::Io, "sealing the local record").because(cause);
        let encryptor = Encryptor::with_recipients(iter::once(&recipient as _))
            .map_err(|error| failed(error.to_string()))?;
        let writer = encryptor.wrap_output(output).map_err(|error| failed(error.to_string()))?;
        Ok(Sealer(writer))
    }

    /// Opens what was sealed.
    pub fn open<R: Read>(&self, input: R) -> Result<Opener<R>> {
        let failed = |kind, cause: &str| {
            Error::new(kind, "opening the local record")
                .because(cause.to_owned())
                .way_out("without it all files are read again: move it away to go on")
        };
        let open = |input| Decryptor::new(input)?.decrypt(iter::once(&self.0 as _));
        match open(input) {
            Ok(reader) => Ok(Opener(reader)),
            Err(DecryptError::NoMatchingKeys) => {
                Err(failed(ErrorKind::Key, "it was sealed with another key"))
            }
            Err(DecryptError::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Err(failed(ErrorKind::Io, &error.to_string()))
            }
            Err(error) => Err(failed(ErrorKind::Damaged, &error.to_string())),
        }
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(secret)")
    }
}

/// Encrypts what is written to it; without [`Sealer::finish`] the record cannot be read.
pub struct Sealer<W: Write>(StreamWriter<W>);

impl<W: Write> Sealer<W> {
    /// Writes the tail, and gives the output back.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> fmt::Debug for Sealer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

/// Decrypts what is read from it; a record that was cut or changed is an error at that place.
pub struct Opener<R: Read>(StreamReader<R>);

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl<R: Read> fmt::Debug for Opener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}
