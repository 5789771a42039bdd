//! `mover list`: archives, or the entries of one, as they are read.

use std::io::{BufWriter, Write};

use format::{ArchiveFooter, EntryKind, IndexEntry, Timestamp};
use serde_json::{Value, json};

use super::Outcome;
use super::arguments::{Global, List};
use super::console::{Console, path_fields, verdict_name};
use super::open::{cancel_on_signals, engine, keyring, path_bytes};
use super::place::open_store;
use crate::error::{Error, ErrorKind, Result};
use crate::session::{self, ChunkCache, Contents, Decoding, Observer, PathFilter};
use crate::store::{ArchiveRecord, ReadStore};
use crate::units::{path_text, show};

pub(super) fn run(command: List, global: &Global, console: &Console) -> Result<Outcome> {
    let cancel = cancel_on_signals()?;
    let store = open_store(&command.store, global, &cancel, console)?;
    match &command.archive {
        None => archives(&*store, command.all, console),
        Some(name) => {
            let record = store.find_archive(name)?;
            let filter = PathFilter::new(path_bytes(&command.paths));
            entries(&*store, &record, filter, global, console)
        }
    }
}

fn status(record: &ArchiveRecord) -> &'static str {
    match (&record.footer, record.dropped) {
        (_, Some(_)) => "dropped",
        (Some(_), None) => "finished",
        (None, None) => "unfinished",
    }
}

fn archives(store: &dyn ReadStore, all: bool, console: &Console) -> Result<Outcome> {
    let records = store.archives()?;
    let hidden = |record: &ArchiveRecord| record.dropped.is_some();
    let shown: Vec<_> = records.iter().filter(|record| all || !hidden(record)).collect();
    if shown.is_empty() {
        console.line("no archives yet")?;
    } else {
        let (id, made) = ("id", "made");
        console.line(&format!(
            "{id:8}  {made:19}  {:>10}  {:>10}  {:>10}  name",
            "entries", "content", "stored"
        ))?;
    }
    for record in shown {
        let status = status(record);
        let footer = record.footer.as_ref();
        let entries = footer.map_or(0, |footer| footer.entry_count);
        let content = footer.map_or(0, |footer| footer.content_length);
        let id = record.header.archive.to_string();
        console.line(&format!(
            "{}  {}  {entries:>10}  {:>10}  {:>10}  {}{}",
            &id[..8],
            time(record.header.started),
            show(content),
            show(record.stored_length),
            path_text(record.header.name.as_bytes()),
            if status == "finished" { String::new() } else { format!(" ({status})") },
        ))?;
        console.document(
            "archive",
            json!({
                "id": id,
                "name": record.header.name,
                "status": status,
                "started": rfc3339(record.header.started),
                "finished": footer.map(|footer| rfc3339(footer.finished)),
                "entries": entries,
                "content_bytes": content,
                "stored_bytes": record.stored_length,
                "faults": footer.map_or(0, |footer| footer.fault_count),
                "sessions": record.sessions.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }),
        )?;
    }
    Ok(Outcome::default())
}

/// The footer of an archive that can be read.
/// What an archive is read by: its footer, or, where it was never finished, one that says what of
/// it arrived.
pub(super) fn readable(
    store: &dyn ReadStore,
    record: &ArchiveRecord,
    console: &Console,
) -> Result<ArchiveFooter> {
    if let Some(footer) = &record.footer {
        return Ok(footer.clone());
    }
    console.note(&format!(
        "archive {} was never finished: what arrived of it is read; files that were unchanged since \
         the archive before are not among it",
        record.header.name
    ));
    session::unfinished_footer(store, &record.header)
}

fn entries(
    store: &dyn ReadStore,
    record: &ArchiveRecord,
    filter: PathFilter,
    global: &Global,
    console: &Console,
) -> Result<Outcome> {
    let footer = &readable(store, record, console)?;
    let keyring = keyring(store, global)?;
    let engine = engine(global, console)?;
    let decoding = Decoding::new(store, &engine, &keyring);
    let cache = ChunkCache::new(&decoding, 4);
    let mut contents = Contents::open(&cache, footer, filter)?;
    let mut output = BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
    let failed = |cause| Error::io("writing", "standard output", cause);
    let (mut faults, mut count) = (false, 0u64);
    for entry in contents.by_ref() {
        match entry {
            Ok(entry) => {
                let line = if console.is_json() { document(&entry) } else { line(&entry) };
                writeln!(output, "{line}").map_err(failed)?;
                count += 1;
                // A first screen at once; after that in large writes.
                if count <= 100 {
                    output.flush().map_err(failed)?;
                }
            }
            Err(error) => {
                faults = true;
                output.flush().map_err(failed)?;
                console.fault(b"", &error);
            }
        }
    }
    output.flush().map_err(failed)?;
    for path in contents.unmatched() {
        faults = true;
        let message = format!("no entry {} in {}", path_text(path), record.header.name);
        console.fault(b"", &Error::new(ErrorKind::Missing, message));
    }
    Ok(Outcome { faults, refused: false })
}

fn kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Directory => "directory",
        EntryKind::Symlink => "symlink",
        EntryKind::Fifo => "fifo",
        EntryKind::CharDevice => "char-device",
        EntryKind::BlockDevice => "block-device",
        EntryKind::Socket => "socket",
    }
}

fn document(entry: &IndexEntry) -> String {
    let mut document = json!({
        "type": "entry",
        "kind": kind_name(entry.entry.kind),
        "size": entry.entry.size,
        "mode": format!("{:04o}", entry.entry.mode),
        "uid": entry.entry.uid,
        "gid": entry.entry.gid,
        "mtime": rfc3339(entry.entry.mtime),
        "verdict": verdict_name(entry.verdict),
        "faulty": entry.faulty,
    });
    if let (Value::Object(fields), Value::Object(path)) =
        (&mut document, path_fields(&entry.entry.path))
    {
        fields.extend(path);
        if !entry.entry.link_target.is_empty() {
            let target = String::from_utf8_lossy(&entry.entry.link_target).into_owned();
            fields.insert("link_target".into(), target.into());
        }
        if !entry.findings.is_empty() {
            let findings = entry.findings.iter().map(|finding| {
                json!({
                    "component": finding.component,
                    "name": finding.name,
                    "offset": finding.offset,
                    "length": finding.length,
                    "detail": finding.detail,
                })
            });
            fields.insert("findings".into(), findings.collect());
        }
    }
    document.to_string()
}

fn line(entry: &IndexEntry) -> String {
    let IndexEntry { entry: file, verdict, faulty, .. } = entry;
    let path = if file.path.is_empty() { ".".to_owned() } else { path_text(&file.path) };
    let target = match file.kind {
        EntryKind::Symlink => format!(" -> {}", path_text(&file.link_target)),
        _ => String::new(),
    };
    let remark = match (verdict, faulty) {
        (format::Verdict::Hold, _) => "  [held]",
        (_, true) => "  [read with faults]",
        _ => "",
    };
    format!(
        "{}{} {:>5} {:>5} {:>12} {} {path}{target}{remark}",
        kind_letter(file.kind),
        permissions(file.mode),
        file.uid,
        file.gid,
        file.size,
        time(file.mtime),
    )
}

fn kind_letter(kind: EntryKind) -> char {
    match kind {
        EntryKind::File => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink => 'l',
        EntryKind::Fifo => 'p',
        EntryKind::CharDevice => 'c',
        EntryKind::BlockDevice => 'b',
        EntryKind::Socket => 's',
    }
}

fn permissions(mode: u32) -> String {
    let special = [(0o4000, 's', 'S'), (0o2000, 's', 'S'), (0o1000, 't', 'T')];
    let mut text = String::with_capacity(9);
    for (place, (bit, with, without)) in special.into_iter().enumerate() {
        let bits = mode >> (6 - 3 * place);
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & bit != 0) {
            (true, true) => with,
            (false, true) => without,
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

fn instant(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(time.seconds, i32::try_from(time.nanoseconds).ok()?).ok()
}

/// Local time, to the second.
fn time(time: Timestamp) -> String {
    match instant(time) {
        Some(instant) => {
            let local = instant.to_zoned(jiff::tz::TimeZone::system());
            local.strftime("%Y-%m-%d %H:%M:%S").to_string()
        }
        None => format!("{:>19}", time.seconds),
    }
}

fn rfc3339(time: Timestamp) -> String {
    instant(time).map_or_else(|| format!("@{}", time.seconds), |instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::permissions;

    #[test]
    fn permissions_read_as_ls_shows_them() {
        assert_eq!(permissions(0o755), "rwxr-xr-x");
        assert_eq!(permissions(0o4755), "rwsr-xr-x");
        assert_eq!(permissions(0o2644), "rw-r-Sr--");
        assert_eq!(permissions(0o1777), "rwxrwxrwt");
    }
}
