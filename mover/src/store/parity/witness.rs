//! What parity tells of volumes when a store is opened to be written to.

use format::StoreId;

use super::look;
use crate::Result;
use crate::store::catalog::{Catalog, query};
use crate::store::shelf::Shelf;

/// What the sets of all pools know, whatever the catalog says.
pub(in crate::store) struct Witness {
    /// The highest number of a volume: a new one with it would be taken for damage.
    pub(in crate::store) last_number: u32,
    /// Volumes that are shorter than they were, with the numbers of their bytes now and then.
    cut: Vec<(u32, u64, u64)>,
}

impl Witness {
    pub(in crate::store) fn of(shelf: &Shelf, store: StoreId) -> Result<Witness> {
        let mut witness = Witness { last_number: 0, cut: Vec::new() };
        for (_, pool) in shelf.on_disk() {
            let found = look(&*pool.storage, store)?;
            witness.last_number = witness.last_number.max(found.last_number());
            for (number, lack) in found.lacking(&*pool.storage)? {
                witness.cut.extend(lack.length.map(|length| (number, length, lack.known)));
            }
        }
        Ok(witness)
    }

    /// Nothing is written behind the end of a volume that was cut, of which a catalog that was made
    /// anew knows nothing: what comes there would be taken for damage, and healed.
    pub(in crate::store) fn close_cut(&self, catalog: &mut Catalog, shelf: &Shelf) -> Result<()> {
        if self.cut.is_empty() {
            return Ok(());
        }
        let rows = query::volumes(&catalog.connection)?;
        let indexing = catalog.begin()?;
        for (number, length, known) in &self.cut {
            if !rows.iter().any(|row| row.number == *number && row.closed) {
                indexing.cut((*number, shelf.pool_name(*number)), Some(*length), *known)?;
            }
        }
        indexing.commit()
    }
}
