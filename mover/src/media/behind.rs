//! Writes behind the back of whoever appends, so that a drive streams while the next bytes are
//! made.
//!
//! One write is under way and one waits. What goes wrong with them is told by the next write, or by
//! the sync that vouches for them; so is an early warning, which may come two writes late.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::storage::{AppendFile, Room};
use crate::{Error, ErrorKind, Result, threads};

/// Work on the file that waits for all writes before it.
type Work = Box<dyn FnOnce(&mut dyn AppendFile) -> Result<()> + Send>;

/// What the writing thread is asked for.
enum Ask {
    Write(Vec<u8>),
    Do(Work),
}

/// A volume whose writes are made by a thread of its own.
pub(super) struct WriteBehind {
    asks: Option<SyncSender<Ask>>,
    /// One for each ask, in order; a buffer comes back to be filled again.
    answers: Receiver<(Result<Room>, Vec<u8>)>,
    under_way: usize,
    /// Buffers that came back and are filled again.
    spare: Vec<Vec<u8>>,
    length: u64,
    is_low: bool,
    /// What the next call tells.
    untold: Option<Error>,
    failure: Option<Error>,
    thread: Option<JoinHandle<()>>,
}

/// Writes that are under way or wait.
const DEPTH: usize = 2;

impl WriteBehind {
    pub(super) fn new(mut file: Box<dyn AppendFile>) -> Result<WriteBehind> {
        let length = file.length();
        let (asks, asked) = sync_channel::<Ask>(DEPTH);
        let (answer, answers) = sync_channel(DEPTH + 1);
        let thread = threads::start("mover-behind", move || {
            while let Ok(ask) = asked.recv() {
                let (done, buffer) = match ask {
                    Ask::Write(bytes) => (file.write(&bytes), bytes),
                    Ask::Do(work) => (work(&mut *file).map(|()| Room::Ample), Vec::new()),
                };
                let failed = done.is_err();
                if answer.send((done, buffer)).is_err() || failed {
                    // Nothing is written behind a failure: nobody knows where it would come to lie.
                    return;
                }
            }
        })?;
        Ok(WriteBehind {
            asks: Some(asks),
            answers,
            under_way: 0,
            spare: Vec::new(),
            length,
            is_low: false,
            untold: None,
            failure: None,
            thread: Some(thread),
        })
    }

    /// Waits for one answer.
    fn take(&mut self) -> Result<()> {
        let gone = || (Err(Error::new(ErrorKind::Io, "an earlier write failed")), Vec::new());
        let answer = self.answers.recv().unwrap_or_else(|_| gone());
        self.taken(answer)
    }

    fn taken(&mut self, (done, buffer): (Result<Room>, Vec<u8>)) -> Result<()> {
        self.under_way -= 1;
        match done {
            Ok(room) => {
                self.is_low |= room == Room::Low;
                self.spare.push(buffer);
                Ok(())
            }
            Err(error) => {
                self.failure = Some(Error::new(error.kind(), "an earlier write failed"));
                self.asks = None;
                Err(error)
            }
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<()> {
        if let Some(error) = self.untold.take() {
            return Err(error);
        }
        if let Some(failure) = &self.failure {
            return Err(Error::new(failure.kind(), failure.to_string()));
        }
        let asks = self.asks.as_ref().expect("there was no failure");
        if asks.send(ask).is_err() {
            // The thread has ended with a failure that nobody has taken yet.
            self.under_way += 1;
            while self.under_way > 0 {
                self.take()?;
            }
        }
        self.under_way += 1;
        Ok(())
    }

    /// Waits for all writes, does something with the file, and waits for that.
    fn settled(
        &mut self,
        work: impl FnOnce(&mut dyn AppendFile) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.ask(Ask::Do(Box::new(work)))?;
        while self.under_way > 0 {
            self.take()?;
        }
        Ok(())
    }
}

impl AppendFile for WriteBehind {
    fn length(&self) -> u64 {
        self.length
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Room> {
        if self.is_busy() {
            self.take()?;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        self.ask(Ask::Write(buffer))?;
        self.length += bytes.len() as u64;
        Ok(if self.is_low { Room::Low } else { Room::Ample })
    }

    fn is_busy(&mut self) -> bool {
        while let Ok(answer) = self.answers.try_recv() {
            self.untold = self.taken(answer).err().or(self.untold.take());
        }
        self.under_way >= DEPTH
    }

    fn sync(&mut self) -> Result<()> {
        self.settled(|file| file.sync())
    }

    fn truncate(&mut self, length: u64) -> Result<()> {
        self.settled(move |file| file.truncate(length))?;
        self.length = length;
        Ok(())
    }

    fn rest(&mut self) -> Result<()> {
        self.settled(|file| file.rest())
    }

    fn settle(&mut self) -> Result<()> {
        self.settled(|file| file.settle())
    }

    fn finish(&mut self) -> Result<()> {
        self.settled(|file| file.finish())
    }
}

impl Drop for WriteBehind {
    /// What is under way is waited for: the drive must be still before another uses it.
    fn drop(&mut self) {
        self.asks = None;
        while self.answers.recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::media::conformance::bytes;
    use crate::media::{FakeStorage, Storage};

    #[test]
    fn what_was_written_is_there_after_the_sync_in_its_order() {
        let storage = Arc::new(FakeStorage::new());
        let mut file = WriteBehind::new(storage.create("a").unwrap()).unwrap();
        let mut all = Vec::new();
        for seed in 0..50 {
            let piece = bytes(seed, 1000 + seed as usize);
            assert_eq!(file.write(&piece).unwrap(), Room::Ample);
            all.extend(piece);
        }
        assert_eq!(file.length(), all.len() as u64);
        file.sync().unwrap();
        assert_eq!(storage.bytes("a"), all);
        file.truncate(500).unwrap();
        file.write(b"x").unwrap();
        drop(file);
        assert_eq!(storage.bytes("a"), [&all[..500], b"x"].concat());
    }

    #[test]
    fn a_failure_is_told_and_nothing_is_written_behind_it() {
        let storage = Arc::new(FakeStorage::new());
        let mut file = WriteBehind::new(storage.create("a").unwrap()).unwrap();
        file.sync().unwrap();
        storage.full_at(storage.operations() + 1);
        let piece = [7; 1000];
        file.write(&piece).unwrap();
        let told = (0..5).find_map(|_| file.write(&piece).err()).expect("the disk is full");
        assert_eq!(told.kind(), ErrorKind::Full);
        storage.free();
        assert_eq!(file.write(&piece).unwrap_err().kind(), ErrorKind::Full);
        assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Full);
        drop(file);
        assert_eq!(storage.bytes("a").len(), 1500, "the first, and half of the second");
    }

    #[test]
    fn it_is_busy_until_a_write_is_through() {
        let storage = Arc::new(FakeStorage::new());
        let mut file = WriteBehind::new(storage.create("a").unwrap()).unwrap();
        assert!(!file.is_busy());
        storage.while_held(|| {
            for _ in 0..DEPTH {
                let _ = file.write(&[7; 1000]).unwrap();
            }
            assert!(file.is_busy());
        });
        file.sync().unwrap();
        assert!(!file.is_busy());
        assert_eq!(storage.bytes("a").len(), 1000 * DEPTH);
    }

    #[test]
    fn a_failure_of_the_last_write_is_told_by_the_sync() {
        let storage = Arc::new(FakeStorage::new());
        let mut file = WriteBehind::new(storage.create("a").unwrap()).unwrap();
        storage.full_at(storage.operations());
        let written = file.write(&[7; 1000]);
        assert!(written.is_ok(), "nobody knows yet");
        assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Full);
    }

    #[test]
    fn the_early_warning_comes_a_little_late() {
        let storage = FakeStorage::new();
        storage.warn_at(3000);
        let mut file = WriteBehind::new(storage.create("a").unwrap()).unwrap();
        let rooms: Vec<Room> = (0..8).map(|_| file.write(&[7; 1000]).unwrap()).collect();
        let first = rooms.iter().position(|room| *room == Room::Low).expect("a warning");
        assert!((2..=2 + DEPTH).contains(&first), "{rooms:?}");
    }
}
