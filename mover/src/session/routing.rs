//! Decides, for each part of a window, which route it takes.

use std::sync::Arc;

use format::{Entry, Finding, Verdict};

use super::routes::{ContentSoFar, EntryRouter, Router};
use crate::archive::{Part, Window};

/// A snoop's answer for an entry that ends in the window.
pub(super) type Answer = (Verdict, Vec<Finding>);

/// Asks the router along the windows.
pub(super) struct Routing {
    router: Arc<dyn Router>,
    /// Whether each route ends in secrecy.
    sealed: Vec<bool>,
    /// Of the entry that is open, and the route that its last bytes took.
    open: Option<(Box<dyn EntryRouter>, u16)>,
}

impl Routing {
    pub(super) fn new(router: Arc<dyn Router>, sealed: Vec<bool>) -> Routing {
        Routing { router, sealed, open: None }
    }

    /// Goes on in an entry that an earlier session began.
    pub(super) fn resume(&mut self, entry: &Entry, head: &[u8]) {
        let mut router = self.router.entry(entry);
        router.went_on(head);
        self.open = Some((router, 0));
    }

    /// Whether an entry without content, which is names alone, may lie in a chunk of this route:
    /// it is not worth a chunk of its own, and must not be told to those who cannot read others.
    pub(super) fn may_name(&self, route: u16) -> bool {
        self.sealed[usize::from(route)] || !self.sealed[0]
    }

    /// The route of each part; none where any will do. `answers` are those of the entries that end
    /// in the window: what ends here is known whole before any of it is packed.
    pub(super) fn window(&mut self, window: &Window, answers: &[Answer]) -> Vec<Option<u16>> {
        let mut routes = vec![None; window.parts.len()];
        let (mut at, mut answers) = (0, answers.iter());
        let mut begun: Option<usize> = None;
        for (place, part) in window.parts.iter().enumerate() {
            match part {
                Part::Begin { entry, .. } => {
                    self.open = Some((self.router.entry(entry), 0));
                    begun = Some(place);
                }
                Part::Data(piece) => {
                    let bytes = &window.filled()[at..at + piece.length];
                    at += piece.length;
                    let ends_here = ends_behind(&window.parts[place..]);
                    let answer = ends_here.then(|| answers.as_slice().first()).flatten();
                    let route = self.ask(bytes, answer);
                    routes[place] = Some(route);
                    if let Some(begun) = begun.take() {
                        routes[begun] = Some(route);
                    }
                }
                Part::Hole(_) => routes[place] = self.open.as_ref().map(|(_, route)| *route),
                Part::End { .. } => {
                    let answer = answers.next();
                    if let Some(begun) = begun.take() {
                        // Nothing in it, or all of it holes.
                        let route = self.ask(&[], answer);
                        (begun..=place).for_each(|place| routes[place] = Some(route));
                    }
                    routes[place] = self.open.take().map(|(_, route)| route);
                }
                Part::Bare { .. } | Part::Unchanged { .. } | Part::Fault { .. } => {}
            }
        }
        // Where the content of the last entry comes in the next window, any route will do for its
        // beginning that may name it.
        routes
    }

    fn ask(&mut self, bytes: &[u8], answer: Option<&Answer>) -> u16 {
        let Some((router, last)) = &mut self.open else { return 0 };
        let verdict = answer.map(|(verdict, findings)| (*verdict, findings.as_slice()));
        let route = router.route(&ContentSoFar { bytes, verdict });
        *last = route;
        route
    }
}

/// Whether the entry that is open here ends in the window.
fn ends_behind(parts: &[Part]) -> bool {
    let mut behind = parts.iter();
    behind.any(|part| matches!(part, Part::End { .. }))
}
