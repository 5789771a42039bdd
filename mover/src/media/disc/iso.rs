//! Finds files in an ISO 9660 file system, by its Joliet names.
//!
//! Only what our own discs have: a few folders, and files that lie together. A disc is the word of a
//! stranger: all lengths and depths are bounded. `docs/decisions/0003` says why no crate
//! does it.

use super::burner::BurnedFile;
use super::xorriso::BLOCK;
use crate::{Error, ErrorKind, Result};

const BLOCK_LENGTH: usize = BLOCK as usize;
/// Volume descriptors stand from here on.
const FIRST_DESCRIPTOR: u64 = 16;
/// There are three or four.
const DESCRIPTORS_MAX: u64 = 64;
/// Bytes of a folder; ours have at most some hundred entries of less than 256 bytes.
const FOLDER_LENGTH_MAX: u64 = 1 << 20;
/// Folders of a disc.
const FOLDERS_MAX: usize = 1024;
/// Folders inside of folders.
const DEPTH_MAX: usize = 4;

/// Fills bytes, a multiple of a block, from a block on.
pub(super) type ReadBlocks<'a> = &'a mut dyn FnMut(u64, &mut [u8]) -> Result<()>;

/// What a disc says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileSystem {
    /// Its name.
    pub(super) label: String,
    /// When it was made, in digits from the year on.
    pub(super) created: String,
    /// All files.
    pub(super) files: Vec<BurnedFile>,
}

/// Reads the file system; none where there is none of this kind.
pub(super) fn read(blocks: ReadBlocks<'_>) -> Result<Option<FileSystem>> {
    let mut block = [0; BLOCK_LENGTH];
    let (mut primary, mut root) = (None, None);
    for number in FIRST_DESCRIPTOR..FIRST_DESCRIPTOR + DESCRIPTORS_MAX {
        match blocks(number, &mut block) {
            // A disc that is shorter has no file system.
            Err(error) if error.kind() != ErrorKind::Io => return Ok(None),
            done => done?,
        }
        if block[1..6] != *b"CD001" {
            return Ok(None);
        }
        match block[0] {
            1 => primary = Some((text(&block[40..72]), text(&block[813..829]))),
            // By its escape sequence: the levels of Joliet.
            2 if block[88..90] == *b"%/" => root = Record::parse(&block[156..190]),
            255 => break,
            _ => {}
        }
    }
    let (Some((label, created)), Some(root)) = (primary, root) else { return Ok(None) };
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), 0, root)];
    let mut seen = 0;
    while let Some((path, depth, folder)) = folders.pop() {
        seen += 1;
        if seen > FOLDERS_MAX || depth > DEPTH_MAX || folder.length > FOLDER_LENGTH_MAX {
            return Err(damaged(&label));
        }
        let length = usize::try_from(folder.length).expect("checked to be small");
        let mut bytes = vec![0; length.next_multiple_of(BLOCK_LENGTH)];
        blocks(folder.block, &mut bytes)?;
        for record in bytes[..length].chunks(BLOCK_LENGTH).flat_map(records) {
            let path = format!("{path}/{}", record.name);
            if record.is_folder {
                folders.push((path, depth + 1, record));
            } else {
                let (at, length) = (record.block * BLOCK, record.length);
                files.push(BurnedFile { path, at, length });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Some(FileSystem { label, created, files }))
}

fn damaged(label: &str) -> Error {
    let message = format!("the folders of disc {label} make no sense");
    Error::new(ErrorKind::Damaged, message).way_out("clean the disc, or use another copy")
}

/// An entry of a folder.
#[derive(Clone, Debug)]
struct Record {
    block: u64,
    length: u64,
    is_folder: bool,
    name: String,
}

impl Record {
    /// None for a file that does not lie together, which none of ours is.
    fn parse(bytes: &[u8]) -> Option<Record> {
        const FOLDER: u8 = 0x02;
        const GOES_ON: u8 = 0x80;
        let number = |at: usize| {
            let bytes = bytes.get(at..at + 4)?.try_into().expect("four bytes");
            Some(u64::from(u32::from_le_bytes(bytes)))
        };
        let (block, length, flags) = (number(2)?, number(10)?, *bytes.get(25)?);
        let name = bytes.get(33..33 + usize::from(*bytes.get(32)?))?;
        let units = name.chunks_exact(2).map(|pair| u16::from(pair[0]) << 8 | u16::from(pair[1]));
        let name: String = char::decode_utf16(units).map(|it| it.unwrap_or('?')).collect();
        let name = name.strip_suffix(";1").unwrap_or(&name).to_owned();
        let is_folder = flags & FOLDER != 0;
        (flags & GOES_ON == 0).then_some(Record { block, length, is_folder, name })
    }
}

/// The entries in a block of a folder, without the folder itself and the one above it.
fn records(mut block: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some((record, rest)) =
        block.first().and_then(|length| block.split_at_checked(usize::from(*length)))
    {
        // The rest of the block is empty.
        if record.is_empty() {
            break;
        }
        // Those two have names of one byte.
        records.extend(Record::parse(record).filter(|record| !record.name.is_empty()));
        block = rest;
    }
    records
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::conformance::bytes;
    use crate::media::disc::xorriso;

    /// Reads as a drive does: whole blocks, and an error behind the end.
    fn reader(image: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<()> {
        move |block, bytes| {
            let at = usize::try_from(block * BLOCK).unwrap();
            let end = || Error::new(ErrorKind::Damaged, "behind the end");
            bytes.copy_from_slice(image.get(at..at + bytes.len()).ok_or_else(end)?);
            Ok(())
        }
    }

    fn image(folder: &std::path::Path) -> Vec<u8> {
        let (spool, image) = (folder.join("spool"), folder.join("image"));
        std::fs::write(&spool, bytes(1, 300_000)).unwrap();
        let parts = [(0, 100_000), (100_000, 200_000)];
        let path = |offset| format!("/mover/00000001.volume/{offset:020}");
        xorriso::make(
            &image,
            "DISC0001",
            &spool,
            &parts.map(|(at, length)| (at, length, path(at))),
        )
        .unwrap();
        std::fs::read(image).unwrap()
    }

    #[test]
    fn what_xorriso_wrote_is_found_where_xorriso_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let disc = image(folder.path());
        let found = read(&mut reader(&disc)).unwrap().unwrap();
        assert_eq!(found.label, "DISC0001");
        assert!(found.created.len() == 16 && found.created.starts_with('2'), "{found:?}");
        assert_eq!(found.files, xorriso::files(&folder.path().join("image")).unwrap());
        assert_eq!(found.files.len(), 2);
        let at = usize::try_from(found.files[1].at).unwrap();
        assert!(disc[at..at + 200_000] == bytes(1, 300_000)[100_000..]);
    }

    #[test]
    fn any_bytes_are_a_file_system_or_none() {
        assert_eq!(read(&mut reader(&[])).unwrap(), None);
        assert_eq!(read(&mut reader(&bytes(1, 200_000))).unwrap(), None);
        let folder = tempfile::tempdir().unwrap();
        let whole = image(folder.path());
        // Descriptors, path tables and folders, each byte of them made another.
        for at in 32_768..whole.len().min(140_000) {
            if whole[at] == 0 && at % 7 != 0 {
                continue;
            }
            let mut disc = whole[..140_000.min(whole.len())].to_vec();
            disc[at] ^= 0xff;
            let _ = read(&mut reader(&disc));
        }
    }
}
