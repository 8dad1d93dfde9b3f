//! A number that many threads add to.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Threads that add to one number take turns on its cache line, which costs more than everything else that a repeated token
/// does. So there are several numbers, each on a line of its own, and a thread keeps to one.
#[derive(Default)]
pub(super) struct Counter([Line; 8]);

#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

thread_local! {
    static LINE: Cell<usize> = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        Cell::new(THREADS.fetch_add(1, Ordering::Relaxed))
    };
}

impl Counter {
    pub(super) fn add(&self) {
        let line = LINE.with(Cell::get) % self.0.len();
        if let Some(line) = self.0.get(line) {
            line.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sum(&self) -> u64 {
        self.0
            .iter()
            .map(|line| line.0.load(Ordering::Relaxed))
            .sum()
    }
}
