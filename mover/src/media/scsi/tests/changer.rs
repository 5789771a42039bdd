//! Moving cartridges.

use super::kit::{FIRST_DRIVE, FIRST_SLOT, Tgt};
use crate::ErrorKind;
use crate::media::scsi::{Changer, DeviceType, LogicalUnit, TapeDrive};

#[test]
fn devices_say_who_they_are() {
    let tgt = Tgt::library(1, 8);
    tgt.set(1, "vendor_id=ACME,product_id=Ultra,product_rev=0001,scsi_sn=SERIAL77");
    let mut drive = LogicalUnit::open(&tgt.address(1)).unwrap();
    let identity = drive.identity().unwrap();
    assert_eq!(identity.device_type, DeviceType::Tape);
    assert_eq!((identity.vendor.as_str(), identity.product.as_str()), ("ACME", "Ultra"));
    assert_eq!((identity.revision.as_str(), identity.serial.as_str()), ("0001", "SERIAL77"));
    let error = Changer::open(&tgt.address(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("is a tape drive, not a media changer"), "{error}");
    let error = TapeDrive::open(&tgt.address(9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(error.to_string().contains("is nothing, not a tape drive"), "{error}");
}

#[test]
fn an_inventory_and_moves() {
    let tgt = Tgt::library(4, 8);
    let mut changer = Changer::open(&tgt.address(3)).unwrap();
    changer.look().unwrap();
    let before = changer.inventory().unwrap();
    assert_eq!((before.slots.len(), before.drives.len(), before.portals.len()), (10, 2, 1));
    assert!(before.drives.iter().all(|drive| !drive.full && drive.barcode.is_none()));
    assert_eq!(before.slots.iter().filter(|slot| slot.full).count(), 4);
    assert_eq!(before.find("TST003L4").unwrap().address, FIRST_SLOT + 2);
    assert_eq!(before.empty_slot().unwrap().address, FIRST_SLOT + 4);

    changer.move_medium(FIRST_SLOT + 2, FIRST_DRIVE + 1).unwrap();
    let during = changer.inventory().unwrap();
    let drive = &during.drives[1];
    assert_eq!(drive.barcode.as_deref(), Some("TST003L4"));
    assert_eq!(drive.source, Some(FIRST_SLOT + 2));
    assert!(!during.slots[2].full);

    let error = changer.move_medium(FIRST_SLOT + 2, FIRST_DRIVE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains("no cartridge at the source (sense 5/3b0e)"), "{error}");
    let error = changer.move_medium(FIRST_SLOT, FIRST_DRIVE + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert!(error.to_string().contains("destination already"), "{error}");
    assert!(error.hint().unwrap().contains("inventory"));

    changer.move_medium(FIRST_DRIVE + 1, drive.source.unwrap()).unwrap();
    assert!(changer.inventory().unwrap().slots[2].full);
    changer.move_medium(FIRST_SLOT, before.portals[0].address).unwrap();
    assert_eq!(changer.inventory().unwrap().portals[0].barcode.as_deref(), Some("TST001L4"));
}

#[test]
fn a_locked_cartridge_is_not_moved() {
    use std::time::Duration;

    use crate::media::scsi::{Data, open};
    let tgt = Tgt::library(1, 8);
    let mut changer = Changer::open(&tgt.address(3)).unwrap();
    changer.move_medium(FIRST_SLOT, FIRST_DRIVE).unwrap();
    let (mut transport, lun) = open(&tgt.address(1)).unwrap();
    let second = Duration::from_secs(1);
    // The first command only reports that the session is new.
    let first = transport.execute(lun, &[0x1e, 0, 0, 0, 1, 0], Data::None, second).unwrap();
    assert_eq!(first.sense.unwrap().code(), (6, 0x29, 0));
    let done = transport.execute(lun, &[0x1e, 0, 0, 0, 1, 0], Data::None, second).unwrap();
    assert_eq!(done.status, 0);
    let error = changer.move_medium(FIRST_DRIVE, FIRST_SLOT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("locked in the drive (sense 5/5302)"), "{error}");
}
