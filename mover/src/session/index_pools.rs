//! The pools that an archive's index goes to: each that has something of the archive, so that every
//! one of them can be read without the others.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use format::{Context, Extent, Options};

use super::routes::RouteConfig;
use crate::archive::{Needs, Part};
use crate::error::Result;
use crate::store::{HOME_POOL, ReadStore};

/// What is known so far of that; nothing new is learnt behind the last window.
pub(super) struct IndexPools {
    store: Arc<dyn ReadStore>,
    referred: Mutex<Referred>,
}

struct Referred {
    /// Pools that have chunks of other archives, to which this one refers.
    found: BTreeSet<String>,
    /// Those of which that is not known. Pools that no route names are not among them: nothing is
    /// brought there.
    unknown: BTreeSet<String>,
}

impl IndexPools {
    pub(super) fn new(store: Arc<dyn ReadStore>, routes: &[RouteConfig]) -> IndexPools {
        let named = routes.iter().flat_map(|route| &route.pools);
        // The home pool has every index.
        let unknown = named.filter(|pool| *pool != HOME_POOL).cloned().collect();
        IndexPools { store, referred: Mutex::new(Referred { found: BTreeSet::new(), unknown }) }
    }

    /// Looks where the content of unchanged files is. Other blocks that are known lie where the
    /// route says that refers to them.
    pub(super) fn look(&self, parts: &[Part]) -> Result<()> {
        let mut referred = self.referred.lock().expect("no holder panics");
        if referred.unknown.is_empty() {
            return Ok(());
        }
        let mut needs = Needs::default();
        for part in parts {
            let Part::Unchanged { previous, .. } = part else { continue };
            for extent in &previous.extents {
                if let Extent::Data(run) = extent {
                    needs.insert(run.chunk);
                }
            }
        }
        let ranges = needs.ranges();
        if !ranges.is_empty() {
            for pool in self.store.pools_of(&ranges)? {
                if referred.unknown.remove(&pool) {
                    referred.found.insert(pool);
                }
            }
        }
        Ok(())
    }

    /// The context of an index chunk, where the archive's own chunks are in pools `used`: the home
    /// pool is its first.
    pub(super) fn context<'a>(
        &self,
        mut context: Context,
        used: impl Iterator<Item = &'a str>,
    ) -> Context {
        let referred = self.referred.lock().expect("no holder panics");
        let mut pools: BTreeSet<&str> = referred.found.iter().map(String::as_str).collect();
        for pool in used {
            pools.insert(pool);
        }
        if !pools.is_empty() {
            context.options = Options::default();
            context.options.push(Context::POOL, HOME_POOL);
            for pool in pools.into_iter().filter(|pool| *pool != HOME_POOL) {
                context.options.push(Context::POOL, pool);
            }
        }
        context
    }
}
