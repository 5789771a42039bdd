//! The pools that an archive's index goes to: each that has something of the archive, so that every
//! one of them can be read without the others.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use format::{Context, Options};

use super::routes::RouteConfig;
use crate::archive::Needs;
use crate::error::Result;
use crate::store::{HOME_POOL, ReadStore};

/// Known when all content is packed, which is before the index is.
pub(super) struct IndexPools {
    store: Arc<dyn ReadStore>,
    /// Pools that the routes name: nothing is brought to another one.
    named: BTreeSet<String>,
    /// Those of them that have chunks of other archives, to which this one refers.
    referred: OnceLock<BTreeSet<String>>,
}

impl IndexPools {
    pub(super) fn new(store: Arc<dyn ReadStore>, routes: &[RouteConfig]) -> IndexPools {
        let named = routes.iter().flat_map(|route| &route.pools).cloned().collect();
        IndexPools { store, named, referred: OnceLock::new() }
    }

    /// Looks where everything is that the archive needs of others.
    pub(super) fn look(&self, needs: &Needs) -> Result<()> {
        // The home pool has every index.
        if self.named.iter().any(|pool| pool != HOME_POOL) {
            let mut referred = self.store.pools_of(&needs.ranges())?;
            referred.retain(|pool| self.named.contains(pool));
            self.referred.set(referred).expect("it is looked once");
        }
        Ok(())
    }

    /// The context of an index chunk, where the archive's own chunks are in pools `used`: the home
    /// pool is its first.
    pub(super) fn context<'a>(
        &'a self,
        mut context: Context,
        used: impl Iterator<Item = &'a str>,
    ) -> Context {
        let referred = self.referred.get().into_iter().flatten().map(String::as_str);
        let pools: BTreeSet<&str> = used.chain(referred).collect();
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
