//! Entries before a dedupe.

use crate::dedupe::{Cut, Dedupe, cut_window, open};
use crate::error::Result;
use std::marker::PhantomData;

/// A dedupe with one configuration.
#[derive(Debug)]
pub struct DedupeTest<T> {
    config: String,
    dedupe: PhantomData<T>,
}

impl<T: Dedupe> DedupeTest<T> {
    /// With a configuration in JSON; `""` is the default one.
    pub fn new(config: &str) -> Self {
        Self { config: config.to_owned(), dedupe: PhantomData }
    }

    /// Opens the dedupe, and says whether that succeeds.
    pub fn open(&self) -> Result<T> {
        open(&self.config)
    }

    /// Cuts an entry.
    ///
    /// # Panics
    ///
    /// When the blocks are not exactly the entry, or are other ones where windows lie otherwise or
    /// cutting begins anew at a cut.
    pub fn cut(&self, entry: &[u8]) -> Vec<Cut> {
        let dedupe = self.open().expect("open succeeds");
        let end = u32::try_from(entry.len()).expect("an entry of a test has less than 4 GiB");
        let cuts = cut_window(&dedupe, entry, &[end]).expect("cut succeeds");
        let length: usize = cuts.iter().map(|cut| cut.length).sum();
        assert_eq!(length, entry.len(), "the blocks are not the entry");
        let most = dedupe.block_length_max();
        for window in [most, most + 1, 3 * most / 2, 4 * most] {
            let found = self.cut_in_windows(&dedupe, entry, window);
            assert_eq!(found, cuts, "the cuts depend on the windows (of {window} bytes)");
        }
        for from in [1, cuts.len() / 2, cuts.len().saturating_sub(1)] {
            let Some((before, after)) = cuts.split_at_checked(from) else { continue };
            let start: usize = before.iter().map(|cut| cut.length).sum();
            let end = u32::try_from(entry.len() - start).expect("it is less than the whole");
            let found = cut_window(&dedupe, &entry[start..], &[end]).expect("cut succeeds");
            assert_eq!(found, after, "the cuts depend on what came before");
        }
        cuts
    }

    /// As the host does: what is left of a window comes again at the head of the next.
    fn cut_in_windows(&self, dedupe: &T, entry: &[u8], window: usize) -> Vec<Cut> {
        let mut found: Vec<Cut> = Vec::new();
        let mut start = 0;
        while start < entry.len() {
            let end = entry.len().min(start + window);
            let ends: &[u32] = if end == entry.len() { &[(end - start) as u32] } else { &[] };
            let cuts = cut_window(dedupe, &entry[start..end], ends).expect("cut succeeds");
            assert!(!cuts.is_empty(), "there is no cut in a window of {window} bytes");
            start += cuts.iter().map(|cut| cut.length).sum::<usize>();
            found.extend(cuts);
        }
        found
    }
}
