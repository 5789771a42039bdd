//! `mover catalog`: what the store knows of its media.

use std::path::Path;

use serde_json::json;

use super::Outcome;
use super::arguments::{Catalog as Command, CatalogCommand, Global};
use super::console::{Console, path_fields};
use super::list::readable;
use super::open::{ambient, cancel_on_signals, engine, keyring};
use super::parity;
use super::place::{local, open_store};
use crate::error::Result;
use crate::session::{self, CompareReport, Decoding, PathDifference, Progress, Watch};
use crate::source::{SourceConfig, raise_open_file_limit};
use crate::store::{Difference, Fault, Rebuilt, Store, StoreConfig, StoreWriter, compare, rebuild};
use crate::units::{counted, path_text, show};

pub(super) fn run(command: Command, global: &Global, console: &Console) -> Result<Outcome> {
    match command.command {
        CatalogCommand::Rebuild { store } => {
            tell_rebuilt(&rebuild(&local(&store, "rebuilding a catalog")?)?, console)
        }
        CatalogCommand::Merge { store, from, to_pool } => merge(&store, &from, &to_pool, console),
        CatalogCommand::Compare { store, archive: None, .. } => with_media(&store, console),
        CatalogCommand::Compare { store, archive: Some(archive), paths, read, selection } => {
            with_source(&store, &archive, &selection.source(&paths), read, global, console)
        }
    }
}

/// What was found on the media.
pub(super) fn tell_rebuilt(rebuilt: &Rebuilt, console: &Console) -> Result<Outcome> {
    let (volumes, chunks) = (rebuilt.volumes, rebuilt.chunks);
    console.line(&format!(
        "found {} on {}",
        counted(chunks, "chunk", "chunks"),
        counted(volumes, "volume", "volumes")
    ))?;
    let faults: Vec<String> = rebuilt.faults.iter().map(ToString::to_string).collect();
    for fault in &faults {
        console.line(&format!("  {fault}"))?;
    }
    console.document("scan", json!({ "volumes": volumes, "chunks": chunks, "faults": faults }))?;
    Ok(Outcome { faults: rebuilt.faults.iter().any(Fault::is_wrong), refused: false })
}

fn merge(store: &Path, from: &Path, pool: &str, console: &Console) -> Result<Outcome> {
    let cancel = cancel_on_signals()?;
    let other = Store::open(&StoreConfig::open(from)?)?;
    let mut writer = StoreWriter::open(&local(store, "merging")?, "catalog merge")?;
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let report = console
        .watch(&progress, || session::merge(&ambient(), &mut writer, &other, pool, &watch))?;
    let unprotected = parity::protect(&mut writer, &cancel, console)?;
    console.document("report", &report)?;
    console.line(&format!(
        "took over {} and {}, {} in {:.1} s",
        counted(report.archives, "archive", "archives"),
        counted(report.chunks, "chunk", "chunks"),
        show(report.stored_bytes),
        report.seconds
    ))?;
    console.counts([
        (report.archives_there, "archive was known already", "archives were known already"),
        (report.healed, "chunk had been lost here", "chunks had been lost here"),
        (report.key_groups, "key group is newer there", "key groups are newer there"),
        (report.faults, "fault, told above", "faults, each told above"),
    ])?;
    Ok(Outcome { faults: report.faults > 0 || unprotected, refused: false })
}

fn with_media(store: &Path, console: &Console) -> Result<Outcome> {
    let mut tell = |difference: &Difference| {
        let Difference { what, name, catalog, media } = difference;
        let side = |said: &Option<String>| said.as_deref().unwrap_or("nothing").to_owned();
        console.line(&format!(
            "{what} {name}: the catalog says {}, the media say {}",
            side(catalog),
            side(media)
        ))?;
        let document = json!({ "what": what, "name": name, "catalog": catalog, "media": media });
        console.document("difference", document)
    };
    let compared = compare(&local(store, "comparing a catalog")?, &mut tell)?;
    let (volumes, chunks, count) = (compared.volumes, compared.chunks, compared.differences);
    let document = json!({ "volumes": volumes, "chunks": chunks, "differences": count });
    console.document("report", document)?;
    console.line(&format!(
        "read {} on {}",
        counted(chunks, "chunk", "chunks"),
        counted(volumes, "volume", "volumes")
    ))?;
    match count {
        0 => console.line("  the catalog says what the media say")?,
        count => {
            let differences = counted(count, "difference", "differences");
            console.line(&format!("  {differences}; the media are right: catalog rebuild"))?;
        }
    }
    Ok(Outcome { faults: count > 0, refused: false })
}

fn with_source(
    store: &Path,
    archive: &str,
    source: &SourceConfig,
    read: bool,
    global: &Global,
    console: &Console,
) -> Result<Outcome> {
    raise_open_file_limit()?;
    let cancel = cancel_on_signals()?;
    let store = open_store(store, global, &cancel, console)?;
    let record = store.find_archive(archive)?;
    let footer = readable(&*store, &record, console)?;
    let keyring = keyring(&*store, global)?;
    let engine = engine(global, console)?;
    let decoding = Decoding::new(&*store, &engine, &keyring);
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let mut tell = |path: &[u8], difference: &PathDifference| tell_path(path, difference, console);
    let report = console.watch(&progress, || {
        session::compare(&ambient(), &decoding, &footer, source, read, &mut tell, &watch)
    })?;
    console.document("report", &report)?;
    tell_compared(&report, read, console)?;
    Ok(Outcome { faults: report.differences() + report.faults > 0, refused: false })
}

fn tell_path(path: &[u8], difference: &PathDifference, console: &Console) -> Result<()> {
    let name = if path.is_empty() { ".".to_owned() } else { path_text(path) };
    console.line(&match difference {
        PathDifference::OnlyInArchive => format!("only in the archive  {name}"),
        PathDifference::OnlyInSource => format!("only in the source   {name}"),
        PathDifference::Changed { what } => {
            format!("changed              {name}: {}", what.join(", "))
        }
    })?;
    let mut document = path_fields(path);
    if let (Some(fields), Ok(serde_json::Value::Object(said))) =
        (document.as_object_mut(), serde_json::to_value(difference))
    {
        fields.extend(said);
    }
    console.document("difference", document)
}

fn tell_compared(report: &CompareReport, read: bool, console: &Console) -> Result<()> {
    let content = match read {
        true => format!(", {} of content compared", show(report.bytes_compared)),
        false => String::new(),
    };
    console.line(&format!("{} paths are the same{content}", report.same))?;
    console.counts([
        (report.changed, "changed", "changed"),
        (report.only_in_archive, "only in the archive", "only in the archive"),
        (report.only_in_source, "only in the source", "only in the source"),
        (report.faults, "fault, told above", "faults, each told above"),
    ])?;
    Ok(())
}
