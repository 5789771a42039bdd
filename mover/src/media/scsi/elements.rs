//! What a media changer says of its places.

use super::bytes;

/// Where a changer's elements of each kind are: the first address, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) robots: (u16, u16),
    pub(super) slots: (u16, u16),
    pub(super) portals: (u16, u16),
    pub(super) drives: (u16, u16),
}

impl Layout {
    /// Decodes the element address assignment page, which is behind a 4-byte header.
    pub(super) fn parse(data: &[u8]) -> Option<Layout> {
        let start = 4 + usize::from(*data.get(3)?);
        let page = data.get(start..start + 18)?;
        let pair = |at| (bytes::get16(page, at), bytes::get16(page, at + 2));
        (page[0] & 0x3f == 0x1d).then(|| Layout {
            robots: pair(2),
            slots: pair(6),
            portals: pair(10),
            drives: pair(14),
        })
    }
}

/// A place for one cartridge or disc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its address in the changer.
    pub address: u16,
    /// Whether there is a medium in it.
    pub full: bool,
    /// What the reader read from the label of the medium.
    pub barcode: Option<String>,
    /// Where the medium was before it was moved here.
    pub source: Option<u16>,
    /// What is wrong with it, as additional sense code and qualifier: a label that cannot be read,
    /// or a state that the changer does not know.
    pub exception: Option<(u8, u8)>,
}

/// All places of a changer, each kind in the order of its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Places that only keep.
    pub slots: Vec<Element>,
    /// Drives, in the order in which the changer knows them.
    pub drives: Vec<Element>,
    /// Doors through which media come and go.
    pub portals: Vec<Element>,
}

impl Inventory {
    /// Where the medium with a barcode is, wherever that may be.
    pub fn find(&self, barcode: &str) -> Option<&Element> {
        let all = self.slots.iter().chain(&self.drives).chain(&self.portals);
        all.into_iter().find(|element| element.barcode.as_deref() == Some(barcode))
    }

    /// The first empty slot.
    pub fn empty_slot(&self) -> Option<&Element> {
        self.slots.iter().find(|slot| !slot.full && slot.exception.is_none())
    }
}

/// Bytes of what a description has of every element.
const BARE: usize = 12;
/// The same with a label.
const LABELLED: usize = BARE + 32;

/// Decodes the answer to READ ELEMENT STATUS; elements that are cut off are left out.
pub(super) fn parse(data: &[u8]) -> Vec<Element> {
    let mut elements = Vec::new();
    let end = 8 + bytes::get(data, 5, 3) as usize;
    let mut pages = data.get(8..end.min(data.len())).unwrap_or_default();
    while let Some((header, rest)) = pages.split_at_checked(8) {
        let has_barcode = header[1] & 0x80 != 0;
        let each = usize::from(bytes::get16(header, 2));
        let length = (bytes::get(header, 5, 3) as usize).min(rest.len());
        let (page, behind) = rest.split_at(length);
        // Shorter ones do not even hold what all elements have.
        let least = if has_barcode { LABELLED } else { BARE };
        if each >= least {
            // tgt cuts the last one short, behind all that matters.
            let whole = page.chunks(each).filter(|descriptor| descriptor.len() >= least);
            elements.extend(whole.map(|descriptor| element(descriptor, has_barcode)));
        }
        pages = behind;
    }
    elements.sort_by_key(|element| element.address);
    elements.dedup_by_key(|element| element.address);
    elements
}

fn element(descriptor: &[u8], has_barcode: bool) -> Element {
    let flags = descriptor[2];
    let full = flags & 0x01 != 0;
    let barcode = bytes::text(descriptor, 12, 32);
    let has_barcode = has_barcode && full && !barcode.is_empty();
    Element {
        address: bytes::get16(descriptor, 0),
        full,
        barcode: has_barcode.then_some(barcode),
        source: (descriptor[9] & 0x80 != 0).then(|| bytes::get16(descriptor, 10)),
        exception: (flags & 0x04 != 0).then(|| (descriptor[4], descriptor[5])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        let mut data = vec![0, 1, 0, 2, 0, 0, 0, 8 + 2 * 52];
        data.extend([2, 0x80, 0, 52, 0, 0, 0, 2 * 52]);
        for (address, flags) in [(2, 0x05), (1, 0x01)] {
            let mut one = [0; 52];
            (one[1], one[2], one[4], one[5]) = (address, flags, 0x30, 0x07);
            (one[9], one[11]) = (0x80, 9);
            one[12..20].copy_from_slice(b"TAPE0000");
            one[19] += address;
            one[20..44].fill(b' ');
            data.extend(one);
        }
        data
    }

    #[test]
    fn elements_are_decoded_and_ordered() {
        let elements = parse(&answer());
        assert_eq!(elements.len(), 2);
        assert_eq!(elements[0].barcode.as_deref(), Some("TAPE0001"));
        assert_eq!((elements[0].address, elements[0].source), (1, Some(9)));
        assert_eq!(elements[0].exception, None);
        assert_eq!(elements[1].exception, Some((0x30, 0x07)));
        let inventory = Inventory { slots: elements, ..Inventory::default() };
        assert_eq!(inventory.find("TAPE0002").unwrap().address, 2);
        assert_eq!(inventory.empty_slot(), None);
        // As much as tgt sends of the last one, and less.
        let whole = answer();
        assert_eq!(parse(&whole[..whole.len() - 8])[0], inventory.slots[0]);
        assert_eq!(parse(&whole[..whole.len() - 9]).len(), 1);
    }

    #[test]
    fn any_bytes_are_survived() {
        let whole = answer();
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).len() <= 2);
            let _ = Layout::parse(&whole[..length]);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = whole.clone();
                bad[at] = value;
                assert!(parse(&bad).len() <= whole.len() / 12);
                let _ = Layout::parse(&bad);
            }
        }
    }
}
