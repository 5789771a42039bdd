//! Holds the catalog against what the media say, row by row.
//!
//! A second catalog is made from the media, beside the first, and SQLite tells what is in one and
//! not in the other: so a store of any size is compared in the memory of two connections.

use std::path::Path;

use format::ArchiveHeader;
use rusqlite::Connection;

use super::catalog::{Catalog, Place, failed};
use super::config::StoreConfig;
use super::lock::{self, Attempt};
use super::recovery::{Recovery, beside, discard};
use super::shelf::Shelf;
use super::volumes;
use crate::{Error, ErrorKind, Result};

/// Something that catalog and media say differently of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind of thing it is: `volume`, `archive`, `chunk` and so on.
    pub what: &'static str,
    /// Which one.
    pub name: String,
    /// What the catalog says; none where it knows nothing of it.
    pub catalog: Option<String>,
    /// What the media say; none where they say nothing of it.
    pub media: Option<String>,
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Volumes that were read.
    pub volumes: u64,
    /// Chunks on them.
    pub chunks: u64,
    /// Differences that were told.
    pub differences: u64,
}

/// A kind of thing, and a question that gives for each one of `DB` a name and what is said of it.
/// Behind a line feed in what is said stands what is compared and not shown.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "volume",
        "SELECT printf('%08d.volume', number),
            printf('%d bytes in pool %s', indexed_length, pools.name)
         FROM DB.volumes JOIN DB.pools ON pools.id = volumes.pool",
    ),
    (
        "key group",
        "SELECT lower(hex(key_group)), 'revision ' || revision || char(10) || hex(body)
         FROM DB.key_groups",
    ),
    (
        "component",
        "SELECT lower(hex(digest)), printf('on volume %d at 0x%x', volume, offset)
         FROM DB.components",
    ),
    (
        "session",
        "SELECT lower(hex(session)), CASE status WHEN 0 THEN 'complete' WHEN 1 THEN
            'complete with faults' WHEN 2 THEN 'failed' ELSE 'without an end' END
            || char(10) || hex(header) || coalesce(ended_seconds, '')
            || '.' || coalesce(ended_nanoseconds, '')
         FROM DB.sessions WHERE header IS NOT NULL
            AND (status IS NOT NULL OR id IN (SELECT session FROM DB.chunks))",
    ),
    // Of one that was dropped nothing else is kept. Which of the sessions that wrote to it is named
    // in its first header, behind the 32 digits of its id, changes when volumes are emptied.
    (
        "archive",
        "SELECT lower(hex(archive)), CASE WHEN dropped_seconds IS NOT NULL THEN 'dropped'
            WHEN footer IS NULL THEN 'unfinished' || char(10)
                || coalesce(substr(hex(header), 65), '')
            ELSE 'finished' || char(10) || coalesce(substr(hex(header), 65), '')
                || ' ' || hex(footer) || ' ' || hex(footer_lists) END
         FROM DB.archives
         WHERE header IS NOT NULL OR footer IS NOT NULL OR dropped_seconds IS NOT NULL",
    ),
    (
        "chunk",
        "SELECT printf('%s %s/%d', lower(hex(archives.archive)),
                CASE stream WHEN -1 THEN 'index' ELSE stream END, chunks.number),
            printf('%d + %d bytes on volume %d at 0x%x', length, footer_length, volume, offset)
            || char(10) || kind || ' ' || hex(sessions.session)
         FROM DB.chunks JOIN DB.archives ON archives.id = chunks.archive
                        JOIN DB.sessions ON sessions.id = chunks.session",
    ),
    (
        "run of chunks",
        "SELECT printf('%s %d/%d', lower(hex(archives.archive)), stream, number), hex(body)
         FROM DB.runs JOIN DB.archives ON archives.id = runs.archive",
    ),
    // Which of several chunks stands for a block is nothing that media decide.
    (
        "block",
        "SELECT lower(hex(identity)), printf('%d bytes in pool %s', length, pools.name)
         FROM DB.blocks JOIN DB.pools ON pools.id = blocks.pool",
    ),
];

/// Compares, and gives each difference to `tell`. Nothing of the store is changed; nobody may write
/// to it meanwhile.
pub fn compare(
    config: &StoreConfig,
    tell: &mut dyn FnMut(&Difference) -> Result<()>,
) -> Result<Compared> {
    super::open::look_at(config)?;
    let _lock = match lock::acquire(&config.lock(), "catalog compare", config.clock.as_ref())? {
        Attempt::Held(lock) => lock,
        Attempt::Busy(error) | Attempt::Unwritable(error) => return Err(error),
    };
    let shelf = Shelf::new(config);
    let lengths = shelf.lengths()?;
    let (store, _) = volumes::identify(&shelf, &lengths)?;
    let path = config.catalog();
    let known = Catalog::open(&path, store, config.cache_size)?.ok_or_else(|| {
        let message = format!("{} is no catalog of this store", path.display());
        Error::new(ErrorKind::Missing, message)
            .way_out("make it from the media: mover catalog rebuild STORE")
    })?;
    let fresh = beside(&path, ".compared");
    discard(&fresh)?;
    let compared = with_catalog_of_media(config, &shelf, &known, &fresh, tell);
    drop(known);
    discard(&fresh)?;
    compared
}

/// Makes the second catalog at `fresh`, and asks both.
fn with_catalog_of_media(
    config: &StoreConfig,
    shelf: &Shelf,
    known: &Catalog,
    fresh: &Path,
    tell: &mut dyn FnMut(&Difference) -> Result<()>,
) -> Result<Compared> {
    let lengths = shelf.lengths()?;
    let (store, _) = volumes::identify(shelf, &lengths)?;
    let place = Place::File(fresh.to_owned());
    let mut catalog = Catalog::create(&place, store, config.cache_size)?;
    let recovery = Recovery { shelf, lengths: &lengths, writable: false, vouched: false };
    let chunks = recovery.run(&mut catalog)?;
    drop(catalog);
    let name = fresh.to_str().ok_or_else(|| {
        let message = format!("{} is not UTF-8, and SQLite wants that", fresh.display());
        Error::new(ErrorKind::Unsupported, message)
    })?;
    let attached = known.connection.execute("ATTACH DATABASE ?1 AS media", [name]);
    attached.map_err(|cause| failed("reading the media's catalog", cause))?;
    let mut compared = Compared { volumes: lengths.len() as u64, chunks, ..Compared::default() };
    for (what, question) in QUESTIONS {
        compared.differences += differences(&known.connection, what, question, tell)?;
    }
    Ok(compared)
}

/// Tells what is in one and not in the other; gives how many.
fn differences(
    connection: &Connection,
    what: &'static str,
    question: &str,
    tell: &mut dyn FnMut(&Difference) -> Result<()>,
) -> Result<u64> {
    let (ours, theirs) = (question.replace("DB.", "main."), question.replace("DB.", "media."));
    let statement = format!(
        "SELECT 1, * FROM ({ours} EXCEPT {theirs}) UNION ALL
         SELECT 2, * FROM ({theirs} EXCEPT {ours}) ORDER BY 2, 3"
    );
    let reading = |cause| failed("comparing catalogs", cause);
    let mut prepared = connection.prepare(&statement).map_err(reading)?;
    let mut rows = prepared.query([]).map_err(reading)?;
    let mut count = 0;
    let mut open: Option<Difference> = None;
    while let Some(row) = rows.next().map_err(reading)? {
        let column = |at| row.get::<_, String>(at).map_err(reading);
        let (name, said) = (column(1)?, column(2)?);
        let is_catalog = row.get::<_, i64>(0).map_err(reading)? == 1;
        // The other side of the one before.
        let fits = |open: &Difference| {
            open.name == name
                && if is_catalog { open.catalog.is_none() } else { open.media.is_none() }
        };
        let mut difference = match open.take_if(|open| fits(open)) {
            Some(open) => open,
            None => Difference { what, name, catalog: None, media: None },
        };
        match is_catalog {
            true => difference.catalog = Some(said),
            false => difference.media = Some(said),
        }
        if let Some(before) = open.replace(difference) {
            count += 1;
            tell(&shown(connection, before))?;
        }
    }
    if let Some(last) = open {
        count += 1;
        tell(&shown(connection, last))?;
    }
    Ok(count)
}

/// What people see of it: archives with their names, and no bytes.
fn shown(connection: &Connection, mut difference: Difference) -> Difference {
    for said in [&mut difference.catalog, &mut difference.media].into_iter().flatten() {
        if let Some(end) = said.find('\n') {
            said.truncate(end);
        }
    }
    if difference.catalog == difference.media {
        // They differ in bytes alone.
        difference.media = difference.media.map(|said| format!("{said}, with other contents"));
    }
    if difference.what == "archive"
        && let Some(name) = archive_name(connection, &difference.name)
    {
        difference.name = format!("{name} ({})", &difference.name[..8]);
    }
    difference
}

fn archive_name(connection: &Connection, archive: &str) -> Option<String> {
    let in_one = |database: &str| {
        let question =
            format!("SELECT header FROM {database}.archives WHERE lower(hex(archive)) = ?1");
        let header: Option<Vec<u8>> =
            connection.query_row(&question, [archive], |row| row.get(0)).ok()?;
        ArchiveHeader::decode(&header?).ok().map(|header| header.name)
    };
    in_one("main").or_else(|| in_one("media"))
}
