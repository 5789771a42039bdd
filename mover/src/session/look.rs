//! The thread in front of the head: shows each window to the snoops and has it cut, while the head
//! packs the one before.

use crossbeam_channel::{Receiver, Sender};

use super::examine::{Examiner, Inspected, wrong_cuts};
use super::feed::Told;
use super::journal::OpenEntry;
use crate::archive::{Part, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Cut;

/// A window that can be packed.
pub(super) struct Looked {
    pub(super) window: Window,
    /// Bytes that were read for it: all but what the window before left uncut.
    pub(super) read_length: usize,
    /// Its blocks. Bytes at its end may belong to none of them: the next window begins with those.
    pub(super) cuts: Vec<Cut>,
    pub(super) inspected: Inspected,
    /// Where it ends inside an entry: everything that other snoops need to go on from there.
    pub(super) states: Option<Vec<Vec<u8>>>,
}

/// What the head is told, in the order of the feed.
pub(super) enum Seen {
    Window(Looked),
    /// The snoops have caught up with so many bytes that are in chunks already.
    CaughtUp(usize),
    /// As the feed has told it.
    Resumed(Box<OpenEntry>, Vec<u8>),
    /// As the feed has told it.
    Restarted(Vec<u8>, &'static str),
}

/// Looks at windows, one after another.
pub(super) struct Looker<'a> {
    examiner: Examiner<'a>,
    /// Bytes at the end of the last window that belong to none of its blocks, and the offset of the
    /// first of them in the open entry.
    uncut: (Vec<u8>, u64),
    /// Bytes of the next window that the snoops have seen in an earlier session.
    seen_ahead: usize,
    /// The path of the entry that the last window ended in.
    open: Option<Vec<u8>>,
}

impl<'a> Looker<'a> {
    pub(super) fn new(examiner: Examiner<'a>) -> Looker<'a> {
        Looker { examiner, uncut: (Vec::new(), 0), seen_ahead: 0, open: None }
    }

    /// Works until the feed has nothing more to tell.
    pub(super) fn run(mut self, told: Receiver<Told>, seen: Sender<Seen>) -> Result<()> {
        let meter = self.examiner.waiting();
        while let Ok(told) = meter.wait(|| told.recv()) {
            let next = match told {
                Told::Window(window) => Seen::Window(self.look(window)?),
                Told::CatchUp(bytes) => {
                    self.examiner.catch_up(&bytes)?;
                    Seen::CaughtUp(bytes.len())
                }
                Told::Resumed(open, first) => {
                    // Less than a block, which the last window had left uncut.
                    let ahead = open.snoops.seen.saturating_sub(open.offset);
                    self.seen_ahead = usize::try_from(ahead).expect("shorter than a block");
                    self.open = Some(open.entry.path.clone());
                    Seen::Resumed(open, first)
                }
                Told::Restarted(path, why) => Seen::Restarted(path, why),
            };
            if meter.wait(|| seen.send(next).is_err()) {
                let message = "the pipeline was stopped behind its snoops";
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
        }
        Ok(())
    }

    fn look(&mut self, mut window: Window) -> Result<Looked> {
        let read_length = window.filled().len();
        match std::mem::take(&mut self.seen_ahead) {
            0 => window.prepend(&self.uncut.0, self.uncut.1),
            ahead => window.mark_seen(ahead),
        }
        let (inspected, cuts) = self.examiner.examine(&window, self.open.as_deref())?;
        self.keep_uncut(&window, &cuts)?;
        let turn = window.parts.iter().rev().find_map(|part| match part {
            Part::Begin { entry, .. } => Some(Some(entry.path.clone())),
            Part::End { .. } => Some(None),
            _ => None,
        });
        if let Some(open) = turn {
            self.open = open;
        }
        let states = self.open.is_some().then(|| self.examiner.save()).transpose()?;
        Ok(Looked { window, read_length, cuts, inspected, states })
    }

    fn keep_uncut(&mut self, window: &Window, cuts: &[Cut]) -> Result<()> {
        let bytes = window.filled();
        let cut = cuts.iter().map(|cut| cut.length as usize).sum();
        let rest = bytes.get(cut..).ok_or_else(wrong_cuts)?;
        let (kept, offset) = &mut self.uncut;
        kept.clear();
        kept.extend_from_slice(rest);
        match window.parts.last() {
            _ if rest.is_empty() => Ok(()),
            Some(Part::Data(piece)) if rest.len() <= piece.length => {
                *offset = piece.offset + (piece.length - rest.len()) as u64;
                Ok(())
            }
            _ => Err(wrong_cuts()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crossbeam_channel::bounded;
    use format::{Entry, EntryKind, Options};

    use super::*;
    use crate::pipeline::{Cutter, Inspector, Verdict};
    use crate::session::head::HeadMeters;
    use crate::session::journal::Snoops;

    /// Cuts blocks of so many bytes, shorter ones where an entry ends, and leaves what is shorter.
    struct Even(usize);

    impl Cutter for Even {
        fn block_length_max(&self) -> usize {
            self.0
        }

        fn cut(&mut self, window: &[u8], ends: &[u32], cuts: &mut Vec<Cut>) -> Result<()> {
            let mut begin = 0;
            let ends = ends.iter().map(|end| (*end as usize, true)).chain([(window.len(), false)]);
            for (end, is_known) in ends {
                let blocks = window[begin..end].chunks(self.0);
                let kept = blocks.filter(|it| it.len() == self.0 || is_known);
                cuts.extend(kept.map(|it| Cut { length: it.len() as u32, crc: 0 }));
                begin = end;
            }
            Ok(())
        }
    }

    /// Keeps what it was shown; its state is how much that is.
    #[derive(Clone, Default)]
    struct Shown(Arc<Mutex<Vec<u8>>>);

    impl Inspector for Shown {
        fn name(&self) -> &str {
            "shown"
        }

        fn inspect(&mut self, window: &[u8], ends: &[u32]) -> Result<Vec<Verdict>> {
            self.0.lock().unwrap().extend_from_slice(window);
            Ok(vec![Verdict::default(); ends.len()])
        }

        fn save(&mut self) -> Result<Vec<u8>> {
            Ok(vec![u8::try_from(self.0.lock().unwrap().len()).unwrap()])
        }
    }

    fn meters() -> HeadMeters {
        let new = crate::pipeline::Meter::new;
        HeadMeters {
            snoop: new("snoop"),
            dedupe: new("dedupe"),
            identify: new("identify"),
            lookup: new("lookup"),
            pack: new("pack"),
        }
    }

    fn begin() -> Part {
        let entry = Box::new(Entry::new("file", EntryKind::File));
        Part::Begin { number: 1, entry, options: Options::default() }
    }

    fn end() -> Part {
        Part::End { size: 0, faulty: false }
    }

    /// A window of parts, of which data is at an offset.
    fn window(parts: Vec<std::result::Result<Part, (u64, &[u8])>>) -> Window {
        let mut window = Window::new(8, 64);
        for part in parts {
            match part {
                Ok(part) => window.parts.push(part),
                Err((offset, bytes)) => {
                    window.read_with(|room| {
                        room[..bytes.len()].copy_from_slice(bytes);
                        (bytes.len(), ())
                    });
                    window.mark_data(offset, bytes.len());
                }
            }
        }
        window
    }

    fn lengths(looked: &Looked) -> Vec<u32> {
        looked.cuts.iter().map(|cut| cut.length).collect()
    }

    #[test]
    fn what_is_left_uncut_begins_the_next_window_and_is_shown_once() {
        let (meters, shown) = (meters(), Shown::default());
        let examiner = Examiner::new(vec![Box::new(shown.clone())], Box::new(Even(4)), &meters);
        let mut looker = Looker::new(examiner);
        let looked = looker.look(window(vec![Ok(begin()), Err((0, b"abcdef"))])).unwrap();
        assert_eq!((lengths(&looked), looked.read_length), (vec![4], 6));
        assert_eq!(looked.states, Some(vec![vec![6]]), "it ends inside an entry");
        let next = window(vec![Err((6, b"ghi")), Ok(end()), Ok(begin()), Ok(end())]);
        let looked = looker.look(next).unwrap();
        assert_eq!(looked.window.filled(), b"efghi");
        let Part::Data(piece) = looked.window.parts[0] else { panic!("{:?}", looked.window) };
        assert_eq!((piece.offset, piece.length), (4, 5));
        assert_eq!((lengths(&looked), looked.read_length), (vec![4, 1], 3));
        assert_eq!((looked.states, looked.inspected.answers.len()), (None, 2));
        assert_eq!(*shown.0.lock().unwrap(), b"abcdefghi");
    }

    #[test]
    fn what_an_earlier_session_showed_is_not_shown_again() {
        let (meters, shown) = (meters(), Shown::default());
        let examiner = Examiner::new(vec![Box::new(shown.clone())], Box::new(Even(4)), &meters);
        let ((feed, told), (see, seen)) = (bounded(2), bounded(2));
        let open = OpenEntry {
            number: 1,
            entry: Entry::new("file", EntryKind::File),
            next_block: 1,
            offset: 4,
            extents: Vec::new(),
            written: Vec::new(),
            snoops: Snoops { seen: 6, states: Vec::new() },
        };
        feed.send(Told::Resumed(Box::new(open), b"abcd".to_vec())).unwrap();
        feed.send(Told::Window(window(vec![Err((4, b"efgh"))]))).unwrap();
        drop(feed);
        Looker::new(examiner).run(told, see).unwrap();
        assert!(matches!(seen.recv(), Ok(Seen::Resumed(..))));
        let Ok(Seen::Window(looked)) = seen.recv() else { panic!("a window follows") };
        assert_eq!((lengths(&looked), looked.read_length), (vec![4], 4));
        assert_eq!(looked.states, Some(vec![vec![2]]));
        assert_eq!(*shown.0.lock().unwrap(), b"gh");
    }

    #[test]
    fn cuts_that_leave_more_than_the_last_entry_or_take_more_than_there_is_are_refused() {
        struct Wrong(Vec<u32>);

        impl Cutter for Wrong {
            fn block_length_max(&self) -> usize {
                4
            }

            fn cut(&mut self, _: &[u8], _: &[u32], cuts: &mut Vec<Cut>) -> Result<()> {
                cuts.extend(self.0.iter().map(|length| Cut { length: *length, crc: 0 }));
                Ok(())
            }
        }

        for cuts in [vec![], vec![1], vec![4, 4]] {
            let meters = meters();
            let examiner = Examiner::new(Vec::new(), Box::new(Wrong(cuts)), &meters);
            let two = [Ok(begin()), Err((0, &b"abc"[..])), Ok(end()), Ok(begin()), Err((0, b"d"))];
            let refused = Looker::new(examiner).look(window(two.into())).map(drop).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Plugin, "{refused}");
        }
    }
}
