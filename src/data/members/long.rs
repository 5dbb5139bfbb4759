//! Strings that are too long to stand in a bucket: an owning pointer and a length, as 16 bytes.
use super::bucket::LONG_BYTES;
use std::ptr;

const _: () = assert!(size_of::<(usize, usize)>() == LONG_BYTES);

/// Moves a copy of `bytes` out, and returns what stands in the bucket for it.
pub fn store(bytes: &[u8]) -> [u8; LONG_BYTES] {
    let boxed: *mut [u8] = Box::into_raw(Box::from(bytes));
    let mut parts = [0; LONG_BYTES];
    parts[..8].copy_from_slice(&(boxed.cast::<u8>().expose_provenance() as u64).to_le_bytes());
    parts[8..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    parts
}
fn parts(place: &[u8]) -> *mut [u8] {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&place[at..at + 8]);
        u64::from_le_bytes(word) as usize
    };
    ptr::slice_from_raw_parts_mut(ptr::with_exposed_provenance_mut(word(0)), word(8))
}
/// The string that a place stands for.
///
/// # Safety
/// The place was made by [`store`], and its string has not been freed; it is not freed or changed while it is borrowed.
pub unsafe fn read<'a>(place: &[u8]) -> &'a [u8] {
    // SAFETY: by the caller's promise.
    unsafe { &*parts(place) }
}
/// The same, to be changed.
///
/// # Safety
/// As for [`read`]; and nothing else looks at it meanwhile.
pub unsafe fn read_mut<'a>(place: &[u8]) -> &'a mut [u8] {
    // SAFETY: by the caller's promise.
    unsafe { &mut *parts(place) }
}
/// Frees the string.
///
/// # Safety
/// As for [`read`]; the place is not used again.
pub unsafe fn free(place: &[u8]) {
    // SAFETY: by the caller's promise.
    drop(unsafe { Box::from_raw(parts(place)) });
}
/// Memory of a string that stands outside, in bytes.
pub fn memory_bytes(place: &[u8]) -> usize {
    parts(place).len()
}
