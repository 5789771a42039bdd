//! Crafted entries through the real target of a restore: nothing outside of the folder is made,
//! changed or removed, and nothing panics.
#![no_main]

use fuzz::jail::{JAIL, as_user};
use fuzz::seeds;
use fuzz::steps::{Content, End, Scene, Step};
use libfuzzer_sys::arbitrary::{Result as Read, Unstructured};
use libfuzzer_sys::fuzz_target;
use mover::target::{Placed, PlacedFile, Target, TargetConfig};

fuzz_target!(init: seeds::write_if_asked(seeds::restore::all), |input: &[u8]| {
    // What makes no step is no run.
    let _ = restore(&mut Unstructured::new(input));
});

/// More would only take longer.
const STEPS_MAX: usize = 64;

fn restore(bytes: &mut Unstructured<'_>) -> Read<()> {
    let scene = Scene::read(bytes)?;
    let jail = &*JAIL;
    jail.set(scene.traps, scene.as_user);
    let into = match scene.dry_run {
        true => jail.folder().join("new"),
        false => jail.folder().to_owned(),
    };
    let mut steps = Vec::new();
    // Behind the end of the bytes, numbers are zeros: for ever.
    while !bytes.is_empty() && steps.len() < STEPS_MAX {
        steps.push(Step::read(bytes, jail.outside())?);
    }
    let run = || {
        let mut config = TargetConfig::new(&into);
        (config.overwrite, config.was_empty) = (scene.overwrite, scene.was_empty);
        (config.owners, config.dry_run) = (scene.owners, scene.dry_run);
        play(config, &steps);
    };
    match scene.as_user {
        true => as_user(run),
        false => run(),
    }
    jail.check();
    assert!(!scene.dry_run || !into.exists());
    Ok(())
}

fn play(config: TargetConfig, steps: &[Step]) {
    let Ok(mut target) = Target::open(config) else { return };
    let mut late = Vec::new();
    for step in steps {
        match step {
            Step::Begin(entry, content) => {
                if let Ok(Placed::NeedsContent(file)) = target.begin(entry) {
                    late.extend(fill(file, content));
                }
            }
            Step::Recall(entry) => drop(target.recall(entry)),
            Step::Resume(entry, content) => {
                if let Ok(Some(file)) = target.resume(entry) {
                    let _ = (file.length(), file.inode(), file.holds(0, b"half"));
                    late.extend(fill(file, content));
                }
            }
            Step::Glance(entry) => drop(target.glance(entry)),
        }
        drop(target.take_faults());
    }
    for file in late {
        let _ = file.finish(4);
    }
    target.finish();
}

/// Gives back a file that is to be finished behind all others.
fn fill(mut file: PlacedFile, content: &Content) -> Option<PlacedFile> {
    let mut end = 0;
    for (offset, length) in &content.writes {
        let bytes = vec![*length; usize::from(*length)];
        if file.write_at(*offset, &bytes).is_ok() {
            end = end.max(offset.saturating_add(bytes.len() as u64));
        }
    }
    let said = file.entry().size;
    match content.end {
        End::AsSaid => drop(file.finish(said)),
        End::AsWritten => drop(file.finish(end)),
        End::Cut => {
            let _ = file.cut(1);
            drop(file.finish(1));
        }
        End::Dropped => drop(file),
        End::Paused => file.pause(),
        End::Late => return Some(file),
    }
    None
}
