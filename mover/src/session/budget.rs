//! How many workers have room in the memory that an archive may take.

use super::archive::ArchiveConfig;
use super::sink::Pools;
use super::stages::Recipe;

/// As many workers as are asked for, or fewer, and one at least: each takes its share of the
/// buffers, and an instance of each transform. Head, index and catalog have bounds of their own;
/// see `docs/architecture.md`.
pub(super) fn workers(config: &ArchiveConfig, recipe: &Recipe) -> usize {
    let shared = Pools::memory(config, 0);
    let buffers_of_one = Pools::memory(config, 1) - shared;
    let room = config.memory.saturating_sub(shared);
    // Where the most that they may take fits, nothing has to be measured.
    let most = recipe.worker_memory_max();
    if room / (buffers_of_one + most) >= config.workers as u64 {
        return config.workers;
    }
    let one = buffers_of_one + recipe.worker_memory(Pools::plain_length(config));
    usize::try_from(room / one).map_or(config.workers, |fit| fit.clamp(1, config.workers))
}
