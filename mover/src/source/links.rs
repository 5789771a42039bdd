//! Numbers for groups of hard links: names of the same file get the same one.

use std::collections::HashMap;

use format::Entry;

/// Holds a group only until its last name was seen.
#[derive(Default)]
pub(super) struct LinkGroups {
    outstanding: HashMap<(u64, u64), Group>,
    count: u64,
}

struct Group {
    number: u64,
    names_left: u32,
}

impl LinkGroups {
    /// Takes over a group whose first name an earlier session has seen. How many names are still to
    /// come is not known, so it is held to the end.
    pub(super) fn remember(&mut self, device: u64, inode: u64, number: u64) {
        self.count = self.count.max(number);
        self.outstanding.insert((device, inode), Group { number, names_left: u32::MAX });
    }

    /// Sets the entry's group, and answers whether this is the first name that is seen of it.
    pub(super) fn assign(&mut self, entry: &mut Entry, link_count: u32) -> bool {
        if link_count < 2 {
            return true;
        }
        let key = (entry.device, entry.inode);
        if let Some(group) = self.outstanding.get_mut(&key) {
            entry.link_group = group.number;
            group.names_left -= 1;
            if group.names_left == 0 {
                self.outstanding.remove(&key);
            }
            return false;
        }
        self.count += 1;
        entry.link_group = self.count;
        self.outstanding.insert(key, Group { number: self.count, names_left: link_count - 1 });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use format::EntryKind;

    #[test]
    fn a_group_is_forgotten_after_its_last_name() {
        let mut groups = LinkGroups::default();
        let mut seen = |inode, link_count| {
            let mut entry = Entry::new("x", EntryKind::File);
            entry.inode = inode;
            let first = groups.assign(&mut entry, link_count);
            (entry.link_group, first, groups.outstanding.len())
        };
        assert_eq!(seen(7, 1), (0, true, 0));
        assert_eq!(seen(8, 3), (1, true, 1));
        assert_eq!(seen(9, 2), (2, true, 2));
        assert_eq!(seen(8, 3), (1, false, 2));
        assert_eq!(seen(8, 3), (1, false, 1));
        assert_eq!(seen(9, 2), (2, false, 0));
    }
}
