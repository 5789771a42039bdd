//! A component under examination, with its configuration.

use std::sync::Arc;

use format::Role;

use crate::error::Result;
use crate::pipeline::{ChunkInfo, Cut, Cutter, Inspector, Verdict};
use crate::plugin::{
    ComponentCutter, ComponentFilter, ComponentInspector, ComponentTransform, Direction, Plugin,
};

/// The key of every keyed component here. It is no secret.
pub(super) const KEY: [u8; 32] = [0x6b; 32];
/// The nonce of every chunk here.
pub(super) const NONCE: [u8; 24] = [0x6e; 24];
/// What chunks are said to be.
pub(super) const BINDING: &[u8] = b"mover plugin";
/// Bytes that an archive brings to a snoop or a filter at once.
pub(super) const WINDOW_LENGTH: usize = 1 << 20;

/// A component with a configuration.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The component.
    pub plugin: Arc<Plugin>,
    /// Its configuration: JSON.
    pub config: String,
}

impl Subject {
    /// Its role.
    pub fn role(&self) -> Role {
        self.plugin.role()
    }

    fn is_keyed(&self) -> bool {
        self.plugin.manifest().keyed
    }

    /// Opens an instance of it and lets it go: is the configuration right?
    pub fn open(&self) -> Result<()> {
        match self.role() {
            Role::Transform => self.transform().map(drop),
            Role::Snoop => self.inspector().map(drop),
            Role::Dedupe => self.cutter().map(drop),
            Role::Filter => {
                self.filter(Direction::Apply)?;
                self.filter(Direction::Undo).map(drop)
            }
        }
    }

    pub(super) fn transform(&self) -> Result<ComponentTransform> {
        self.transform_with_key(&KEY)
    }

    /// Components that take no key get none.
    pub(super) fn transform_with_key(&self, key: &[u8]) -> Result<ComponentTransform> {
        self.plugin.transform(&self.config, if self.is_keyed() { key } else { &[] })
    }

    pub(super) fn inspector(&self) -> Result<ComponentInspector> {
        self.plugin.inspector(&self.config)
    }

    pub(super) fn resume(&self, state: Vec<u8>) -> Result<ComponentInspector> {
        self.plugin.resume_inspector(&self.config, state)
    }

    pub(super) fn cutter(&self) -> Result<ComponentCutter> {
        self.plugin.cutter(&self.config)
    }

    pub(super) fn filter(&self, direction: Direction) -> Result<ComponentFilter> {
        self.plugin.filter(&self.config, direction)
    }

    /// What a chunk of so many plain bytes is.
    pub(super) fn chunk(&self, plain_length: usize) -> ChunkInfo<'static> {
        ChunkInfo {
            plain_length: u32::try_from(plain_length).expect("a chunk has at most 16 MiB"),
            nonce: if self.is_keyed() { &NONCE } else { &[] },
            binding: BINDING,
        }
    }
}

/// Shows an entry to a snoop in windows of these lengths; what is left comes in a last one.
pub(super) fn look(
    inspector: &mut dyn Inspector,
    entry: &[u8],
    windows: &[usize],
) -> Result<Verdict> {
    let mut rest = entry;
    for length in windows {
        let (window, behind) = rest.split_at((*length).min(rest.len()));
        inspector.inspect(window, &[])?;
        rest = behind;
    }
    let (head, last) = rest.split_at(rest.len().saturating_sub(WINDOW_LENGTH));
    for window in head.chunks(WINDOW_LENGTH) {
        inspector.inspect(window, &[])?;
    }
    let end = u32::try_from(last.len()).expect("a window is short");
    // The host has checked that there is one verdict for each end.
    Ok(inspector.inspect(last, &[end])?.remove(0))
}

/// Cuts an entry in windows of this length, or of the longest block's where that is more.
pub(super) fn cut(cutter: &mut dyn Cutter, entry: &[u8], window: usize) -> Result<Vec<Cut>> {
    let window = window.max(cutter.block_length_max());
    let (mut cuts, mut some) = (Vec::new(), Vec::new());
    let mut rest = entry;
    while !rest.is_empty() {
        let length = window.min(rest.len());
        let end = u32::try_from(length).expect("a window is short");
        let ends: &[u32] = if length == rest.len() { &[end] } else { &[] };
        cutter.cut(&rest[..length], ends, &mut some)?;
        let done: usize = some.iter().map(|cut| cut.length as usize).sum();
        // The host has checked that less than a block is left, so that every window goes on.
        rest = &rest[done..];
        cuts.append(&mut some);
    }
    Ok(cuts)
}

/// Takes an entry through a filter in pieces of these lengths; what is left comes in windows.
pub(super) fn rewrite(
    filter: &mut ComponentFilter,
    entry: &[u8],
    pieces: &[usize],
) -> Result<Vec<u8>> {
    let (mut all, mut some) = (Vec::new(), Vec::new());
    let mut rest = entry;
    for length in pieces {
        let (piece, behind) = rest.split_at((*length).min(rest.len()));
        filter.next(piece, &mut some)?;
        all.extend_from_slice(&some);
        rest = behind;
    }
    for piece in rest.chunks(WINDOW_LENGTH) {
        filter.next(piece, &mut some)?;
        all.extend_from_slice(&some);
    }
    filter.finish(&mut some)?;
    all.extend_from_slice(&some);
    Ok(all)
}
