//! `mover plugin bench`.

use format::Role;
use serde_json::json;

use super::arguments::Bench;
use super::found;
use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::console::Console;
use crate::error::{Error, Result};
use crate::kit::{Figures, Pace, bench, bench_data};
use crate::plugin::{describe, find};
use crate::units::show;

pub(super) fn run(command: &Bench, global: &Global, console: &Console) -> Result<Outcome> {
    let data = match &command.input {
        Some(path) => std::fs::read(path).map_err(|cause| Error::io("reading", path, cause))?,
        None => bench_data(),
    };
    let subject = found(&command.stage.component, global)?;
    let own = bench(&subject, &command.stage.config, &data)?;
    console.document("figures", &own)?;
    let role = describe(&subject.bytes).manifest.and_then(|manifest| manifest.role().ok());
    // In the same run, on the same data: figures of different runs say little.
    let other = match role.and_then(built_in) {
        Some(name) if name != own.name => {
            let other = bench(&find(name, None, None)?, "{}", &data)?;
            console.document("figures", &other)?;
            Some(other)
        }
        _ => None,
    };
    table(&own, other.as_ref(), data.len() as u64, console)?;
    console.document("report", json!({ "name": own.name, "bytes": data.len() }))?;
    Ok(Outcome::default())
}

/// The built-in component of a role, to compare with.
fn built_in(role: Role) -> Option<&'static str> {
    match role {
        Role::Transform => Some("zstd"),
        Role::Snoop => Some("snoop-yara"),
        Role::Dedupe => Some("crc-dedupe"),
        Role::Filter => None,
    }
}

type Column<'a> = &'a dyn Fn(&Figures) -> String;

fn table(own: &Figures, other: Option<&Figures>, length: u64, console: &Console) -> Result<()> {
    let cell = |figures: &Figures, column: Column<'_>| format!("{:>16}", column(figures));
    let row = |name: &str, column: Column<'_>| {
        let other = other.map_or(String::new(), |other| cell(other, column));
        console.line(format!("  {name:<26}{}{other}", cell(own, column)).trim_end())
    };
    console.line(&format!("on {}, in parts of 1 MiB:", show(length)))?;
    row("", &|it| it.name.clone())?;
    ways("", &|it| Some(&it.forth), &row)?;
    if own.back.is_some() {
        ways("back: ", &|it| it.back.as_ref(), &row)?;
    }
    if own.ratio.is_some() {
        row("bytes out for each in", &|it| {
            it.ratio.map_or("-".to_owned(), |it| format!("{it:.3}"))
        })?;
    }
    row("peak memory", &|it| show(it.memory_peak))?;
    let milliseconds = |seconds: f64| format!("{:.2} ms", seconds * 1e3);
    row("compile, once", &|it| milliseconds(it.compile_seconds))?;
    row("load from the cache", &|it| milliseconds(it.load_seconds))?;
    row("instantiate and open", &|it| milliseconds(it.open_seconds))
}

fn ways(
    way: &str,
    pace: &dyn Fn(&Figures) -> Option<&Pace>,
    row: &dyn Fn(&str, Column<'_>) -> Result<()>,
) -> Result<()> {
    let told = |figures: &Figures, tell: &dyn Fn(&Pace) -> String| {
        pace(figures).map_or("-".to_owned(), tell)
    };
    row(&format!("{way}speed"), &|it| {
        told(it, &|pace| format!("{:.0} MB/s", pace.megabytes_per_second))
    })?;
    row(&format!("{way}instructions a byte"), &|it| {
        told(it, &|pace| format!("{:.2}", pace.fuel_per_byte))
    })?;
    row(&format!("{way}calls"), &|it| told(it, &|pace| pace.calls.to_string()))?;
    row(&format!("{way}copied in"), &|it| told(it, &|pace| show(pace.bytes_in)))?;
    row(&format!("{way}copied out"), &|it| told(it, &|pace| show(pace.bytes_out)))
}
