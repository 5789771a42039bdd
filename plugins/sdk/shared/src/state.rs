//! Writes and reads what a snoop saves in the middle of an entry.
//!
//! A saved state travels through the host and may come back damaged, or from another version:
//! reading never panics and never allocates more than the state holds.

/// Collects a state: little-endian integers, and byte strings behind their length.
#[derive(Debug, Default)]
pub struct StateWriter {
    bytes: Vec<u8>,
}

impl StateWriter {
    /// Begins with the number of the layout, which `StateReader::new` checks.
    pub fn new(version: u8) -> Self {
        Self { bytes: vec![version] }
    }

    /// Appends an integer.
    pub fn integer(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        self.integer(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Gives the state.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The state is cut short, of another layout, or has something after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateError;

impl core::fmt::Display for StateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the saved state is damaged or of another version")
    }
}

/// Takes a state apart in the order it was written in.
#[derive(Debug)]
pub struct StateReader<'a> {
    rest: &'a [u8],
}

impl<'a> StateReader<'a> {
    /// Checks the number of the layout.
    pub fn new(state: &'a [u8], version: u8) -> Result<Self, StateError> {
        match state.split_first() {
            Some((found, rest)) if *found == version => Ok(Self { rest }),
            _ => Err(StateError),
        }
    }

    /// Takes an integer.
    pub fn integer(&mut self) -> Result<u64, StateError> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>().ok_or(StateError)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// Takes a byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], StateError> {
        let length = usize::try_from(self.integer()?).map_err(|_| StateError)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(StateError)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Takes a byte string that is text.
    pub fn text(&mut self) -> Result<&'a str, StateError> {
        core::str::from_utf8(self.bytes()?).map_err(|_| StateError)
    }

    /// Checks that nothing is left.
    pub fn finish(self) -> Result<(), StateError> {
        if self.rest.is_empty() { Ok(()) } else { Err(StateError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(state: &[u8]) -> Result<(u64, &[u8], &str), StateError> {
        let mut reader = StateReader::new(state, 7)?;
        let found = (reader.integer()?, reader.bytes()?, reader.text()?);
        reader.finish()?;
        Ok(found)
    }

    #[test]
    fn what_was_written_is_read_and_anything_else_is_refused() {
        let mut writer = StateWriter::new(7);
        writer.integer(u64::MAX);
        writer.bytes(b"\xff");
        writer.bytes(b"text");
        let mut state = writer.finish();
        assert_eq!(read(&state), Ok((u64::MAX, &b"\xff"[..], "text")));
        for length in 0..state.len() {
            assert_eq!(read(&state[..length]), Err(StateError));
        }
        state.push(0);
        assert_eq!(read(&state), Err(StateError));
        state[0] = 8;
        assert!(StateReader::new(&state, 7).is_err());
    }
}
