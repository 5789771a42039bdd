//! Says for each file which way it would take and why, without writing anything.

use format::{EntryKind, Verdict};

use super::archive::Watch;
use super::feed::cancelled;
use super::mapped::{MappedRoutes, tags};
use super::routes::{Encryption, OnSnoopFailure};
use super::stages::{Recipe, StageSpec};
use crate::error::Result;
use crate::pipeline::{Action, Inspector};
use crate::plugin::Engine;
use crate::policy::{ContentFacts, Explained, ExplainedWay, HEAD_LENGTH, PassedRule};
use crate::source::{Piece, SourceConfig, Walker};

/// Bytes of a file that are looked at in one piece, as a session does.
const PART_LENGTH: usize = 1 << 20;

/// Walks a source, and tells of each file.
pub fn explain(
    engine: &Engine,
    routes: &MappedRoutes,
    snoops: &[StageSpec],
    encrypted: bool,
    source: &SourceConfig,
    watch: &Watch<'_>,
    tell: &mut dyn FnMut(&Explained) -> Result<()>,
) -> Result<()> {
    // Also refuses stages that cannot be loaded.
    let dedupe = StageSpec::new("crc-dedupe", "{}");
    let recipe = Recipe::load(engine, routes.routes(), &dedupe, snoops, &[], encrypted)?;
    let mut inspectors = recipe.inspectors(&[], OnSnoopFailure::Stop)?;
    let mut walker = Walker::open(source)?;
    let mut buffer = vec![0; PART_LENGTH];
    while let Some(found) = walker.next() {
        if watch.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let found = match found {
            Ok(found) => found,
            Err(fault) => {
                watch.observer.fault(&fault.path, &fault.error);
                continue;
            }
        };
        if found.entry.kind != EntryKind::File || !found.first_link {
            continue;
        }
        let mut reader = match found.open() {
            Ok(reader) => reader,
            Err(fault) => {
                watch.observer.fault(&fault.path, &fault.error);
                continue;
            }
        };
        let mut file = File {
            routes,
            encrypted,
            explained: Explained {
                path: String::from_utf8_lossy(&found.entry.path).into_owned(),
                size: found.entry.size,
                ways: Vec::new(),
                verdict: None,
            },
            head: Vec::new(),
        };
        let narrowed = routes.map().narrow(&routes.facts(&found.entry));
        let mut parts = 0;
        loop {
            // A part is filled as a session's window is.
            let mut filled = 0;
            let mut ends = false;
            while filled < buffer.len() && !ends {
                match reader.next(&mut buffer[filled..]) {
                    Ok(Piece::Data { length, .. }) => filled += length,
                    Ok(Piece::Hole { .. }) => {}
                    Ok(Piece::End) => ends = true,
                    Err(error) => {
                        watch.observer.fault(&found.entry.path, &error);
                        ends = true;
                    }
                }
            }
            let part = &buffer[..filled];
            let answer = inspect(&mut inspectors, part, ends)?;
            if filled > 0 || parts == 0 {
                let known = answer.as_ref().filter(|_| parts == 0);
                file.part(&narrowed, part, known);
            }
            parts += 1;
            if let Some((verdict, mut found)) = answer {
                // Each stands there twice, for rules: by its name, and with its component's.
                found.retain(|tag| tag.contains(':'));
                file.explained.verdict = match verdict {
                    Verdict::Hold => Some(format!("held: {}", found.join(", "))),
                    Verdict::Stop => Some(format!("left out: {}", found.join(", "))),
                    Verdict::Pass | Verdict::Tag => None,
                };
            }
            if ends {
                break;
            }
        }
        tell(&file.explained)?;
    }
    Ok(())
}

/// Shows bytes to all snoops; gives their strongest verdict and all tags where the file ends.
fn inspect(
    inspectors: &mut [Box<dyn Inspector>],
    part: &[u8],
    ends: bool,
) -> Result<Option<(Verdict, Vec<String>)>> {
    let end = [u32::try_from(part.len()).expect("a part is short")];
    let mut verdict = Verdict::Pass;
    let mut found = Vec::new();
    for inspector in inspectors {
        let name = inspector.name().to_owned();
        for answer in inspector.inspect(part, if ends { &end } else { &[] })? {
            verdict = verdict.max(match answer.action {
                Action::Pass => Verdict::Pass,
                Action::Tag => Verdict::Tag,
                Action::Hold => Verdict::Hold,
                Action::Stop => Verdict::Stop,
            });
            let findings: Vec<format::Finding> = answer
                .findings
                .into_iter()
                .map(|it| format::Finding {
                    component: name.clone(),
                    name: it.name,
                    offset: it.offset,
                    length: it.length,
                    detail: it.detail,
                })
                .collect();
            found.extend(tags(&findings));
        }
    }
    Ok(ends.then_some((verdict, found)))
}

struct File<'a> {
    routes: &'a MappedRoutes,
    encrypted: bool,
    explained: Explained,
    head: Vec<u8>,
}

impl File<'_> {
    fn rule_name(&self, place: usize) -> String {
        self.routes.map().rules().nth(place).expect("it is one of them").name.clone()
    }

    fn part(
        &mut self,
        narrowed: &crate::policy::Narrowed,
        part: &[u8],
        answer: Option<&(Verdict, Vec<String>)>,
    ) {
        if self.head.is_empty() {
            self.head.extend_from_slice(&part[..part.len().min(HEAD_LENGTH)]);
        }
        let tags = answer.map(|(_, tags)| tags.as_slice());
        let choice = narrowed.route(&ContentFacts { head: &self.head, part, tags });
        let held = answer.is_some_and(|(verdict, _)| *verdict == Verdict::Hold);
        let (route, rule, why) = match self.routes.hold() {
            Some(hold) if held => (hold, Some("(held)".to_owned()), vec!["a snoop".to_owned()]),
            _ => {
                let rule = choice.rule.map(|at| self.rule_name(at));
                (choice.rule.map_or(0, |rule| rule + 1), rule, choice.why)
            }
        };
        let config = &self.routes.routes()[route];
        let mut stages: Vec<String> =
            config.stages.iter().map(|stage| stage.component.clone()).collect();
        if self.encrypted && config.encryption == Encryption::Last {
            stages.push(super::routes::CIPHER.to_owned());
        }
        let compresses = stages.iter().any(|stage| stage == "zstd");
        let bytes = part.len() as u64;
        let stored = match compresses {
            true => crate::policy::compressed(bytes, crate::policy::entropy(part)),
            false => bytes,
        };
        let passed = choice.passed.into_iter().map(|passed| PassedRule {
            rule: self.rule_name(passed.rule),
            because: passed.because,
        });
        let passed = passed.collect();
        let chunk_size = config.chunk_length as u64;
        let pools = match &config.pools[..] {
            [] => vec![crate::store::HOME_POOL.to_owned()],
            pools => pools.to_vec(),
        };
        let same = |way: &&mut ExplainedWay| way.rule == rule && way.pools == pools;
        match self.explained.ways.iter_mut().find(same) {
            Some(way) => {
                way.bytes += bytes;
                way.stored += stored;
            }
            None => self.explained.ways.push(ExplainedWay {
                rule,
                why,
                passed,
                stages,
                pools,
                chunk_size,
                bytes,
                stored,
            }),
        }
    }
}
