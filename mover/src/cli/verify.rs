//! `mover verify`: checks a store.

use super::Outcome;
use super::arguments::{Global, Verify};
use super::console::Console;
use super::open::{ambient, cancel_on_signals, engine, keyring, workers};
use super::place::open_store;
use crate::error::Result;
use crate::key::Keyring;
use crate::session::{self, Decoding, Progress, VerifyConfig, Watch};
use crate::units::show;

pub(super) fn run(command: Verify, global: &Global, console: &Console) -> Result<Outcome> {
    let cancel = cancel_on_signals()?;
    let store = open_store(&command.store, global, &cancel, console)?;
    let archive = match &command.archive {
        Some(name) => Some(store.find_archive(name)?.header.archive),
        None => None,
    };
    // Checksums stand outside the encryption: without `--read` no key is needed.
    let keyring = if command.read { keyring(&*store, global)? } else { Keyring::empty() };
    let engine = engine(global, console)?;
    let decoding = Decoding::new(&*store, &engine, &keyring);
    let config = VerifyConfig { read: command.read, archive, workers: workers(command.workers) };
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let report = console
        .watch(&progress, || session::verify(&ambient(), &*store, &decoding, &config, &watch))?;
    console.document("report", &report)?;
    console.line(&format!(
        "checked {} chunks of {} archives, {} in {:.1} s{}",
        report.chunks,
        report.archives,
        show(report.stored_bytes_read),
        report.seconds,
        if report.decoded { ", all decoded" } else { "" },
    ))?;
    match report.damaged {
        0 => console.line("  all is well")?,
        count => console.line(&format!("  {count} damaged or missing, each told above"))?,
    }
    Ok(Outcome { faults: report.damaged > 0, refused: false })
}
