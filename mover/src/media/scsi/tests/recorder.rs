//! Discs that are written once.

use super::kit::{FIRST_DRIVE, FIRST_SLOT, Tgt};
use super::tape::record;
use crate::ErrorKind;
use crate::media::scsi::{BLOCK, Changer, DiscState, Recorder};

#[test]
fn a_blank_disc_is_burned_closed_read_and_never_written_again() {
    let tgt = Tgt::jukebox(2);
    let mut recorder = Recorder::open(&tgt.address(1)).unwrap();
    assert_eq!(recorder.disc().unwrap(), None);
    let error = recorder.burn(&mut &b"x"[..], &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
    let mut changer = Changer::open(&tgt.address(2)).unwrap();
    changer.move_medium(FIRST_SLOT, FIRST_DRIVE).unwrap();

    let disc = recorder.disc().unwrap().unwrap();
    assert_eq!((disc.kind(), disc.state), ("DVD+R", DiscState::Blank));
    // What tgt says of every blank disc, in blocks: 4.7 GB.
    assert_eq!(recorder.free_blocks().unwrap(), Some(2_295_104));
    let image = record(1, 1_000_000);
    let mut told = Vec::new();
    let blocks = recorder.burn(&mut &image[..], &mut |written| told.push(written)).unwrap();
    assert_eq!(blocks, 489);
    assert_eq!(told.len(), 16);
    assert_eq!(told.last(), Some(&(489 * BLOCK as u64)));
    assert_eq!(recorder.disc().unwrap().unwrap().state, DiscState::Complete);

    let reads = |recorder: &mut Recorder| {
        // tgt counts one too many.
        assert!((489..=490).contains(&recorder.blocks().unwrap()));
        let mut all = vec![1; 489 * BLOCK];
        recorder.read(0, &mut all).unwrap();
        assert!(all[..image.len()] == image);
        assert!(all[image.len()..].iter().all(|byte| *byte == 0));
        let mut part = vec![0; 3 * BLOCK];
        recorder.read(100, &mut part).unwrap();
        assert!(part == image[100 * BLOCK..103 * BLOCK]);
    };
    reads(&mut recorder);
    // Behind the end: tgt says that the medium is damaged, real drives that there is no such place.
    assert!(recorder.read(488, &mut [0; 2 * BLOCK]).is_err());
    assert_eq!(recorder.read(0, &mut [0; 100]).unwrap_err().kind(), ErrorKind::Usage);

    let error = recorder.burn(&mut &b"again"[..], &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("that is not blank"), "{error}");
    assert!(error.hint().unwrap().contains("blank disc"));
    reads(&mut recorder);

    // It keeps that in its slot, and the next disc is another one.
    recorder.eject().unwrap();
    changer.move_medium(FIRST_DRIVE, FIRST_SLOT).unwrap();
    assert_eq!(recorder.disc().unwrap(), None);
    recorder.eject().unwrap();
    changer.move_medium(FIRST_SLOT + 1, FIRST_DRIVE).unwrap();
    assert_eq!(recorder.disc().unwrap().unwrap().state, DiscState::Blank);
    changer.move_medium(FIRST_DRIVE, FIRST_SLOT + 1).unwrap();
    changer.move_medium(FIRST_SLOT, FIRST_DRIVE).unwrap();
    reads(&mut recorder);
}
