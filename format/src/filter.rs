//! What a reader has to know to give an entry's bytes back as they were. SPEC 6.5.

use crate::id::Digest;
use crate::limits;
use crate::options::MANDATORY;
use crate::wire::{Put, Take};
use crate::{Options, Result};

/// A filter that an entry's content went through before it was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterRecord {
    /// The component.
    pub component: Digest,
    /// Its configuration: JSON.
    pub config: String,
}

impl FilterRecord {
    /// The key of the option, in an entry's tag and in its index record: one for each filter, in
    /// the order in which they were applied.
    pub const OPTION: u16 = 18 | MANDATORY;

    /// Adds the option.
    pub fn push_to(&self, options: &mut Options) {
        let mut value = Vec::new();
        value.extend_from_slice(&self.component.0);
        value.put_bytes(self.config.as_bytes(), limits::CONFIG_LENGTH_MAX);
        options.push(FilterRecord::OPTION, value);
    }

    /// All filters of an entry, in the order in which they were applied.
    pub fn all(options: &Options) -> Result<Vec<FilterRecord>> {
        options.get(FilterRecord::OPTION).map(FilterRecord::decode).collect()
    }

    fn decode(value: &[u8]) -> Result<FilterRecord> {
        let mut take = Take::new("filter", value);
        let component = Digest(take.array()?);
        let config = take.text(limits::CONFIG_LENGTH_MAX)?;
        take.end()?;
        Ok(FilterRecord { component, config })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_come_back_in_their_order_and_anything_else_is_refused() {
        let filters = [7, 3].map(|byte| FilterRecord {
            component: Digest([byte; 32]),
            config: format!("{{\"width\":{byte}}}"),
        });
        let mut options = Options::default();
        filters.iter().for_each(|filter| filter.push_to(&mut options));
        assert_eq!(FilterRecord::all(&options).unwrap(), filters);
        let value = options.get(FilterRecord::OPTION).next().unwrap().to_vec();
        for length in 0..value.len() {
            let mut options = Options::default();
            options.push(FilterRecord::OPTION, &value[..length]);
            assert!(FilterRecord::all(&options).is_err(), "{length}");
        }
        assert!(options.require_known(&[]).is_err());
    }
}
