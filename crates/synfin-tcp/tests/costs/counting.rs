//! An allocator that counts what each thread does, so that tests that run side by side do not disturb each other.
#![expect(unsafe_code, reason = "an allocator can be no other")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static IN_USE: Cell<i64> = const { Cell::new(0) };
}

fn count(allocations: u64, octets: i64) {
    // A thread that is ending may have lost its counters: what it still does does not matter.
    let _gone = ALLOCATIONS.try_with(|count| count.set(count.get() + allocations));
    let _gone = IN_USE.try_with(|in_use| in_use.set(in_use.get() + octets));
}

fn signed(octets: usize) -> i64 {
    i64::try_from(octets).unwrap_or(i64::MAX)
}

// SAFETY: everything is the system allocator's; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, signed(layout.size()));
        // SAFETY: the caller keeps the same promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -signed(layout.size()));
        // SAFETY: the caller keeps the same promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, signed(size) - signed(layout.size()));
        // SAFETY: the caller keeps the same promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Allocations made while `work` ran, and by how many bytes memory in use has grown.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, u64, i64) {
    let before = (ALLOCATIONS.get(), IN_USE.get());
    let result = work();
    (result, ALLOCATIONS.get() - before.0, IN_USE.get() - before.1)
}
