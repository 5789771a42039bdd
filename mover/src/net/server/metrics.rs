//! What runs on a server: as JSON for `mover status`, and as metrics for a scraper.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::Server;
use super::attachment::Attachment;
use crate::error::{Error, ErrorKind, Result};
use crate::net::identity::Fingerprint;
use crate::threads;

impl Server {
    /// The sessions that a peer may know of: its own, and those in stores that it may read.
    pub fn status(&self, peer: Option<&Fingerprint>) -> String {
        let may = |attachment: &Arc<Attachment>| {
            peer.is_none_or(|peer| {
                let grant = self.gate.store(&attachment.store_name, peer);
                attachment.peer == *peer || grant.is_some_and(|grant| grant.rights.read)
            })
        };
        let mut sessions: Vec<_> = self.attachments().into_iter().filter(may).collect();
        sessions.sort_by_key(|session| session.since);
        let sessions: Vec<_> = sessions
            .iter()
            .map(|session| {
                json!({
                    "session": session.session().session.to_string(),
                    "archive": session.archive().name,
                    "store": session.store_name,
                    "peer": session.peer_name,
                    "seconds": session.since.elapsed().as_secs(),
                    "bytes": session.bytes.load(Ordering::Relaxed),
                    "chunks": session.chunks.load(Ordering::Relaxed),
                    "paused": session.is_paused.load(Ordering::Relaxed),
                })
            })
            .collect();
        json!({ "sessions": sessions }).to_string()
    }

    /// Metrics in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        let sessions = self.attachments();
        let sum = |of: fn(&Attachment) -> u64| sessions.iter().map(|one| of(one)).sum::<u64>();
        let bytes = sum(|one| one.bytes.load(Ordering::Relaxed));
        let chunks = sum(|one| one.chunks.load(Ordering::Relaxed));
        let counts = &self.counts;
        let ended = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let mut text = String::new();
        for (name, kind, help, value) in [
            (
                "connections_total",
                "counter",
                "Connections that were made.",
                ended(&counts.connections),
            ),
            (
                "connections_failed_total",
                "counter",
                "Connections that ended in an error.",
                ended(&counts.refused),
            ),
            (
                "connections",
                "gauge",
                "Connections that are open.",
                self.connections.load(Ordering::Relaxed) as u64,
            ),
            ("sessions_total", "counter", "Sessions that were begun.", ended(&counts.sessions)),
            ("sessions", "gauge", "Sessions that write.", sessions.len() as u64),
            (
                "received_bytes_total",
                "counter",
                "Bytes of frames that were appended.",
                ended(&counts.bytes) + bytes,
            ),
            (
                "received_chunks_total",
                "counter",
                "Chunks that were appended.",
                ended(&counts.chunks) + chunks,
            ),
        ] {
            let _ = writeln!(
                text,
                "# HELP mover_{name} {help}\n# TYPE mover_{name} {kind}\nmover_{name} {value}"
            );
        }
        text
    }

    /// Answers scrapers on an address, on a thread of its own, for as long as the process lives.
    pub fn serve_metrics(self: &Arc<Server>, address: &str) -> Result<()> {
        let http = tiny_http::Server::http(address).map_err(|cause| {
            Error::new(ErrorKind::Io, format!("listening for scrapers on {address}")).because(cause)
        })?;
        let server = Arc::clone(self);
        threads::start("mover-metrics", move || {
            for request in http.incoming_requests() {
                let is_metrics = request.url() == "/metrics";
                let (text, status) = match is_metrics {
                    true => (server.metrics(), 200),
                    false => ("see /metrics\n".to_owned(), 404),
                };
                let header =
                    tiny_http::Header::from_bytes("Content-Type", "text/plain; version=0.0.4")
                        .expect("a fixed header is right");
                let response = tiny_http::Response::from_string(text).with_header(header);
                // A scraper that went away comes again.
                let _ = request.respond(response.with_status_code(status));
            }
        })?;
        Ok(())
    }
}
