//! Names of the same file: the first that comes is made, and the others are linked to it.

use std::collections::HashMap;

use format::Entry;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, linkat, openat, unlinkat};

use super::attributes::{identity, stat_open};
use super::folders::open_below;
use super::{Site, last_name, lock, make_anew, parent_path};
use crate::Result;

/// Where the first name of each group lies.
#[derive(Default)]
pub(super) struct Links {
    places: HashMap<u64, Place>,
}

struct Place {
    path: Vec<u8>,
    identity: (u64, u64),
    /// Links made while the content was not complete yet; they go if it never will be.
    unsettled: Option<Vec<Vec<u8>>>,
}

impl Links {
    /// Dry: whether a group is new.
    pub(super) fn pretend(&mut self, group: u64) -> bool {
        let place = Place { path: Vec::new(), identity: (0, 0), unsettled: None };
        self.places.insert(group, place).is_none()
    }
}

/// Links an entry to an earlier name, if there is one, and answers whether there is.
pub(super) fn make(site: &Site, folder: &OwnedFd, entry: &Entry) -> Result<bool> {
    let Some(root) = &site.root else { return Ok(false) };
    let (path, expected) = match lock(&site.links).places.get(&entry.link_group) {
        // The same name again is a new beginning: linking a name to itself would remove it.
        Some(place) if place.path != entry.path => (place.path.clone(), place.identity),
        _ => return Ok(false),
    };
    let failed = |errno| site.failed("linking", &entry.path, errno);
    let name = last_name(&entry.path);
    let first_folder = open_below(root, parent_path(&path)).map_err(failed)?;
    make_anew(site, folder, &entry.path, || {
        linkat(&first_folder, last_name(&path), folder, name, AtFlags::empty())
    })?;
    let made = open_name(folder, name).and_then(|link| stat_open(&link)).map_err(failed)?;
    if identity(&made) != expected {
        // Somebody put something else where the first name was.
        unlinkat(folder, name, AtFlags::empty()).map_err(failed)?;
        return Err(site.refused(&path, "was replaced during the restore, so no link is made"));
    }
    if let Some(place) = lock(&site.links).places.get_mut(&entry.link_group)
        && let Some(unsettled) = &mut place.unsettled
    {
        unsettled.push(entry.path.clone());
    }
    Ok(true)
}

/// Remembers the first name of a group; a file's is settled when its content is complete.
pub(super) fn note(site: &Site, node: &OwnedFd, entry: &Entry, is_complete: bool) -> Result<()> {
    if entry.link_group == 0 {
        return Ok(());
    }
    let stat = stat_open(node).map_err(|errno| site.failed("opening", &entry.path, errno))?;
    let unsettled = if is_complete { None } else { Some(Vec::new()) };
    let place = Place { path: entry.path.clone(), identity: identity(&stat), unsettled };
    lock(&site.links).places.insert(entry.link_group, place);
    Ok(())
}

/// A name that is there and complete: the first of its group, or one more of the same file.
pub(super) fn recall(site: &Site, node: &OwnedFd, entry: &Entry) -> Result<()> {
    let first = lock(&site.links).places.get(&entry.link_group).map(|place| place.identity);
    let Some(first) = first else { return note(site, node, entry, true) };
    let stat = stat_open(node).map_err(|errno| site.failed("opening", &entry.path, errno))?;
    match identity(&stat) == first {
        true => Ok(()),
        false => Err(site.refused(&entry.path, "is not the same file as its other names")),
    }
}

/// The content of a group's file is complete.
pub(super) fn settle(site: &Site, entry: &Entry) {
    if let Some(place) = lock(&site.links).places.get_mut(&entry.link_group) {
        place.unsettled = None;
    }
}

/// The content of a group's file will never be complete: its other names go, too, so that the
/// next one that comes is asked for content.
pub(super) fn abandon(site: &Site, entry: &Entry) {
    let Some(root) = &site.root else { return };
    let mut links = lock(&site.links);
    if links.places.get(&entry.link_group).is_none_or(|place| place.path != entry.path) {
        return;
    }
    let place = links.places.remove(&entry.link_group);
    for path in place.and_then(|place| place.unsettled).unwrap_or_default() {
        let removed = open_below(root, parent_path(&path))
            .and_then(|folder| unlinkat(&folder, last_name(&path), AtFlags::empty()));
        let error = match removed {
            Ok(()) => site.refused(&path, "was removed, because its content is not complete"),
            Err(errno) => site.failed("removing", &path, errno),
        };
        site.fault(&path, error);
    }
}

/// Holds what a name stands for, without opening it.
pub(super) fn open_name(folder: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}
