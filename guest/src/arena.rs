//! The memory of one call. An instance lives for one call only, so that hardly anything need ever be
//! given back: places are handed out one after the other from memory that the instance has from the
//! beginning. Having it grow would cost half as much as the rest of a plan.

#![allow(unsafe_code, reason = "an allocator hands out memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// Bytes of the arena; what it has no place for, the system's allocator gives.
const BYTES: usize = 256 << 10;
/// Alignment of the arena; more is the system's, too.
const ALIGN_MAX: usize = 16;

/// Hands out memory. The last place can grow and be given back.
#[repr(C, align(16))]
pub(crate) struct Arena {
    bytes: UnsafeCell<[u8; BYTES]>,
    used: Cell<usize>,
}

// SAFETY: a component has one thread.
#[cfg(all(feature = "component", target_arch = "wasm32"))]
unsafe impl Sync for Arena {}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self { bytes: UnsafeCell::new([0; BYTES]), used: Cell::new(0) }
    }

    fn base(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    /// Where in the arena a place begins, if it is one of it.
    fn offset(&self, place: *const u8) -> Option<usize> {
        let offset = place.addr().wrapping_sub(self.base().addr());
        (offset < BYTES).then_some(offset)
    }

    /// Moves the end to `start + size`, if there is room.
    fn take(&self, start: usize, size: usize) -> Option<()> {
        let end = start.checked_add(size).filter(|end| *end <= BYTES)?;
        self.used.set(end);
        Some(())
    }
}

// SAFETY: a place of the arena is below `used` from when it is handed out until it is given back, and
// `used` only ever falls to the beginning of the last place: no two places overlap. They are aligned, as
// the arena is and each begins at a multiple of its alignment.
unsafe impl GlobalAlloc for Arena {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.used.get().next_multiple_of(layout.align());
        // Nothing is handed out at the arena's end, as `offset` would not know it again.
        if layout.align() <= ALIGN_MAX && start < BYTES && self.take(start, layout.size()).is_some()
        {
            // SAFETY: `take` has found room for it.
            return unsafe { self.base().add(start) };
        }
        // SAFETY: as promised by who calls.
        unsafe { System.alloc(layout) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        match self.offset(place) {
            Some(start) if start + layout.size() == self.used.get() => self.used.set(start),
            Some(_) => {}
            // SAFETY: the system's allocator gave it.
            None => unsafe { System.dealloc(place, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset(place) else {
            // SAFETY: the system's allocator gave it.
            return unsafe { System.realloc(place, layout, size) };
        };
        let is_last = start + layout.size() == self.used.get();
        if is_last && self.take(start, size).is_some() || size <= layout.size() {
            return place;
        }
        // SAFETY: as promised by who calls: not zero, and not too much with its alignment.
        let (new, moved) = unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            (new, layout.size())
        };
        if !new.is_null() {
            // SAFETY: both are at least so large, and do not overlap.
            unsafe {
                new.copy_from_nonoverlapping(place, moved);
                self.dealloc(place, layout);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    /// Places of many sizes, grown, shrunk and given back in any order: each keeps its bytes.
    #[test]
    fn places_keep_what_is_in_them() {
        let mut random = crate::samples::random();
        let arena = Box::new(Arena::new());
        let mut places: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut from_system = 0;
        for round in 0..20_000_usize {
            let mark = u8::try_from(round % 251).unwrap();
            let sizes = [8, 60, 700, 9_000];
            let most = *sizes.get(random(4)).unwrap();
            let size = 1 + random(most);
            match random(5) {
                0 if !places.is_empty() => {
                    let at = random(places.len());
                    let (place, layout, mark) = places.swap_remove(at);
                    assert!(holds(place, layout.size(), mark));
                    // SAFETY: it was given with this layout.
                    unsafe { arena.dealloc(place, layout) };
                }
                // Who grows is the last one, more often than not.
                1 | 2 if !places.is_empty() => {
                    let last = places.len() - 1;
                    let at = if random(2) == 0 { last } else { random(places.len()) };
                    let (place, layout, mark) = places.get_mut(at).unwrap();
                    // SAFETY: it was given with this layout.
                    *place = unsafe { arena.realloc(*place, *layout, size) };
                    assert!(holds(*place, size.min(layout.size()), *mark));
                    *layout = Layout::from_size_align(size, layout.align()).unwrap();
                    // SAFETY: it is so large.
                    unsafe { place.write_bytes(*mark, size) };
                }
                _ => {
                    let layout = Layout::from_size_align(size, 1 << random(6)).unwrap();
                    // SAFETY: its size is not zero.
                    let place = unsafe { arena.alloc(layout) };
                    assert!(place.addr().is_multiple_of(layout.align()));
                    from_system += usize::from(arena.offset(place).is_none());
                    // SAFETY: it is so large.
                    unsafe { place.write_bytes(mark, size) };
                    places.push((place, layout, mark));
                }
            }
            // A call that is over.
            if arena.used.get() > BYTES - 64 && places.len() > 200 {
                for (place, layout, mark) in places.drain(..).rev() {
                    assert!(holds(place, layout.size(), mark));
                    // SAFETY: it was given with this layout.
                    unsafe { arena.dealloc(place, layout) };
                }
                arena.used.set(0);
            }
        }
        assert!(from_system > 100, "{from_system}");
        for (place, layout, mark) in places {
            assert!(holds(place, layout.size(), mark));
            // SAFETY: it was given with this layout.
            unsafe { arena.dealloc(place, layout) };
        }
    }

    fn holds(place: *const u8, size: usize, mark: u8) -> bool {
        // SAFETY: it was given, and written, with at least this size.
        unsafe { std::slice::from_raw_parts(place, size) }.iter().all(|byte| *byte == mark)
    }

    #[test]
    fn the_last_place_grows_where_it_is() {
        let arena = Box::new(Arena::new());
        let layout = Layout::from_size_align(100, 1).unwrap();
        // SAFETY: sizes are not zero, and layouts those that were given.
        unsafe {
            let first = arena.alloc(layout);
            assert_eq!(arena.realloc(first, layout, 5_000), first);
            let grown = Layout::from_size_align(5_000, 1).unwrap();
            let second = arena.alloc(layout);
            assert_eq!(second.addr() - first.addr(), 5_000);
            assert_ne!(arena.realloc(first, grown, 5_001), first);
            let whole = Layout::from_size_align(BYTES, 1).unwrap();
            let large = arena.alloc(whole);
            assert!(arena.offset(large).is_none() && !large.is_null());
            arena.dealloc(large, whole);
        }
    }
}
