//! `mover identity` and `mover trust`: who this machine is, and whom it trusts.

use std::io::{BufRead, IsTerminal, Write};

use serde_json::json;

use super::Outcome;
use super::arguments::{Trust, TrustCommand};
use super::console::Console;
use crate::error::{Error, ErrorKind, Result};
use crate::net::{Identity, KnownPeers, fingerprint_at, with_port};

pub(super) fn identity(console: &Console) -> Result<Outcome> {
    let fingerprint = Identity::open(None)?.fingerprint().to_string();
    console.line(&fingerprint)?;
    console.document("identity", json!({ "event": "identity", "fingerprint": fingerprint }))?;
    Ok(Outcome::default())
}

pub(super) fn run(command: Trust, console: &Console) -> Result<Outcome> {
    let peers = KnownPeers::open(None)?;
    match command.command {
        TrustCommand::Add { address, fingerprint } => {
            let address = host_of(&address);
            let fingerprint = match fingerprint {
                Some(fingerprint) => fingerprint,
                None => {
                    let found = fingerprint_at(&address, &Identity::open(None)?)?;
                    confirm(&address, &found.to_string())?;
                    found
                }
            };
            peers.trust(&address, fingerprint)?;
            console.line(&format!("{fingerprint} is trusted at {address}"))?;
        }
        TrustCommand::List => {
            for (address, fingerprint) in peers.list()? {
                console.line(&format!("{fingerprint}  {address}"))?;
                let document = json!({
                    "address": address,
                    "fingerprint": fingerprint.to_string(),
                });
                console.document("peer", document)?;
            }
        }
        TrustCommand::Remove { address } => {
            peers.remove(&host_of(&address))?;
            console.line(&format!("nobody is trusted at {} any more", host_of(&address)))?;
        }
    }
    Ok(Outcome::default())
}

/// The host of what was typed, be it an address of a store.
fn host_of(text: &str) -> String {
    let host = text.strip_prefix("mover://").unwrap_or(text);
    with_port(host.split('/').next().unwrap_or(host))
}

/// Asks a person; a script gives the fingerprint instead.
fn confirm(address: &str, fingerprint: &str) -> Result<()> {
    let refused = |why: &str| {
        Error::new(ErrorKind::Refused, format!("{fingerprint} answers at {address}; {why}"))
            .way_out(format!("compare it with `mover identity` there, then: mover trust add {address} {fingerprint}"))
    };
    if !std::io::stdin().is_terminal() {
        return Err(refused("there is no terminal to ask on whether that is right"));
    }
    let mut output = std::io::stderr().lock();
    let asked = write!(
        output,
        "{fingerprint} answers at {address}.\nIs that what `mover identity` prints there? [yes/no] "
    );
    asked
        .and_then(|()| output.flush())
        .map_err(|cause| Error::io("asking on", "the terminal", cause))?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|cause| Error::io("reading from", "the terminal", cause))?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(refused("it is not trusted")),
    }
}
