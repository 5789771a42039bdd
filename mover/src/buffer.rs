//! Buffers from a fixed pool: the memory that a pipeline may hold, decided when it is built.
//!
//! A buffer goes back to its pool when it is dropped, with its memory. Whoever asks while none is
//! left waits: that wait is the back-pressure of the whole pipeline.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex};

/// A fixed number of reusable buffers.
#[derive(Debug)]
pub struct BufferPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    capacity: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug)]
struct State {
    idle: Vec<Vec<u8>>,
    /// Buffers that were not made yet: memory is taken at the first use only.
    unmade: usize,
    closed: bool,
}

impl BufferPool {
    /// A pool of `count` buffers that have room for `capacity` bytes each.
    pub fn new(count: usize, capacity: usize) -> BufferPool {
        assert!(count > 0, "a pool has buffers");
        let state = State { idle: Vec::with_capacity(count), unmade: count, closed: false };
        BufferPool {
            shared: Arc::new(Shared {
                capacity,
                state: Mutex::new(state),
                returned: Condvar::new(),
            }),
        }
    }

    /// An empty buffer; waits for one. `None` after [`BufferPool::close`].
    pub fn acquire(&self) -> Option<Buffer> {
        let mut state = self.shared.state.lock().expect("no holder panics");
        loop {
            if state.closed {
                return None;
            }
            let bytes = match state.idle.pop() {
                Some(bytes) => bytes,
                None if state.unmade > 0 => {
                    state.unmade -= 1;
                    Vec::with_capacity(self.shared.capacity)
                }
                None => {
                    state = self.shared.returned.wait(state).expect("no holder panics");
                    continue;
                }
            };
            return Some(Buffer { bytes, pool: Some(Arc::clone(&self.shared)) });
        }
    }

    /// Wakes everybody who waits: the pipeline is being stopped.
    pub fn close(&self) {
        self.shared.state.lock().expect("no holder panics").closed = true;
        self.shared.returned.notify_all();
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
        // A stage may have swapped in another vector, or made this one grow.
        bytes.shrink_to(pool.capacity);
        pool.state.lock().expect("no holder panics").idle.push(bytes);
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
