//! Buffers from a pool: the memory that a pipeline may hold, decided when it is built.
//!
//! A buffer goes back to its pool when it is dropped, with its memory. Whoever asks while none is
//! left waits: that wait is the back-pressure of the whole pipeline. Where something else bounds
//! how many are out, as a cache does, a pool only has them used again.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Reusable buffers.
#[derive(Debug)]
pub struct BufferPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug)]
struct State {
    /// Bytes for which there is room in each.
    capacity: usize,
    idle: Vec<Vec<u8>>,
    /// Buffers that were not made yet: memory is taken at the first use only.
    unmade: usize,
    closed: bool,
}

/// Room for what is longer than all before grows by so many bytes.
const GROWTH: usize = 256 << 10;

impl BufferPool {
    /// A pool of `count` buffers that have room for `capacity` bytes each.
    pub fn new(count: usize, capacity: usize) -> BufferPool {
        assert!(count > 0, "a pool has buffers");
        BufferPool::of(count, capacity)
    }

    /// A pool that makes nobody wait, for [`BufferPool::acquire_for`]. It holds as many buffers as
    /// were ever out at once: its user bounds them.
    pub fn unbounded() -> BufferPool {
        BufferPool::of(usize::MAX, 0)
    }

    fn of(unmade: usize, capacity: usize) -> BufferPool {
        let state = State { capacity, idle: Vec::new(), unmade, closed: false };
        BufferPool {
            shared: Arc::new(Shared { state: Mutex::new(state), returned: Condvar::new() }),
        }
    }

    /// An empty buffer; waits for one. `None` after [`BufferPool::close`].
    pub fn acquire(&self) -> Option<Buffer> {
        let mut state = self.shared.lock();
        loop {
            if state.closed {
                return None;
            }
            let bytes = match state.idle.pop() {
                Some(bytes) => bytes,
                None if state.unmade > 0 => {
                    state.unmade -= 1;
                    Vec::with_capacity(state.capacity)
                }
                None => {
                    state = self.shared.returned.wait(state).expect("no holder panics");
                    continue;
                }
            };
            return Some(Buffer { bytes, pool: Some(Arc::clone(&self.shared)) });
        }
    }

    /// The same with room for `length` bytes at least, as all that are asked for by this have from
    /// then on: were each as large as what is in it, those that grow would leave holes that
    /// nothing fits into (the heap of a restore was 94 MiB instead of 74).
    pub fn acquire_for(&self, length: usize) -> Option<Buffer> {
        let capacity = {
            let mut state = self.shared.lock();
            state.capacity = state.capacity.max(length.next_multiple_of(GROWTH));
            state.capacity
        };
        let mut buffer = self.acquire()?;
        buffer.reserve_exact(capacity);
        Some(buffer)
    }

    /// Wakes everybody who waits: the pipeline is being stopped.
    pub fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.returned.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

/// Bytes in flight. Longer than its pool's capacity only where a stage was promised more room;
/// it shrinks back when it is returned.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    pool: Option<Arc<Shared>>,
}

impl Deref for Buffer {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(pool) = self.pool.take() else { return };
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut state = pool.lock();
        // A stage may have swapped in another vector, or made this one grow.
        bytes.shrink_to(state.capacity);
        state.idle.push(bytes);
        drop(state);
        pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_when_it_is_dropped() {
        let pool = BufferPool::new(1, 16);
        let mut buffer = pool.acquire().expect("open");
        buffer.extend_from_slice(b"bytes");
        drop(buffer);
        assert!(pool.acquire().expect("open").is_empty());
    }

    #[test]
    fn whoever_asks_for_one_too_many_waits_until_one_comes_back() {
        let pool = BufferPool::new(1, 16);
        let first = pool.acquire().expect("open");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| pool.acquire().is_some());
            assert!(!second.is_finished());
            drop(first);
            assert!(second.join().expect("no panic"));
        });
    }

    #[test]
    fn a_pool_without_a_bound_makes_nobody_wait_and_its_buffers_are_of_one_size() {
        let pool = BufferPool::unbounded();
        let small = pool.acquire_for(1).expect("open");
        let large = pool.acquire_for(GROWTH + 1).expect("open");
        assert_eq!((small.capacity(), large.capacity()), (GROWTH, 2 * GROWTH));
        drop((small, large));
        let mut held = Vec::new();
        for _ in 0..3 {
            let again = pool.acquire_for(1).expect("open");
            assert_eq!((again.len(), again.capacity()), (0, 2 * GROWTH));
            held.push(again);
        }
    }

    #[test]
    fn closing_wakes_those_who_wait() {
        let pool = BufferPool::new(1, 16);
        let _held = pool.acquire().expect("open");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.acquire().is_none());
            pool.close();
            assert!(waiting.join().expect("no panic"));
        });
    }
}
