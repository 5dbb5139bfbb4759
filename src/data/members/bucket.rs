//! Some ten members in one run of bytes.
//!
//! ```text
//! fingerprints  1 byte each: a search looks at these first
//! key lengths   1 byte each; the top bit is the caller's mark
//! ends          2 bytes each, little endian: where the member's bytes end, counted from the first member's; the two
//!               top bits say that key or value stand elsewhere (see `long`)
//! bytes         of each member, key and value
//! ```
//!
//! The block is as large as the allocator makes it anyway, so members are mostly added without a new one.
use super::{Member, long};

/// Longer keys and values stand elsewhere: they would be moved around too often.
const KEY_BYTES_MAX: usize = 127;
const VALUE_BYTES_MAX: usize = 192;
/// What stands in the bucket for such a one.
pub const LONG_BYTES: usize = 16;

/// Bytes of a member in the three tables before the bytes.
const INDEX_BYTES: usize = 4;
const MARK: u8 = 0x80;
const KEY_IS_LONG: u16 = 0x8000;
const VALUE_IS_LONG: u16 = 0x4000;
const END_MAX: usize = 0x3fff;
/// Beyond that, `u8` could not count them. A keyed hash puts that many into one bucket about never.
const COUNT_MAX: usize = 255;

#[derive(Default)]
pub struct Bucket {
    /// Behind `used` it holds nothing that means anything.
    block: Box<[u8]>,
    used: u32,
    count: u8,
}

/// Where the parts of one member stand.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    key_end: usize,
    end: usize,
    key_is_long: bool,
    value_is_long: bool,
    marked: bool,
}

impl Bucket {
    pub fn len(&self) -> usize {
        self.count as usize
    }
    /// Memory of the block, in bytes; of what stands elsewhere, the changing calls tell.
    pub fn memory_bytes(&self) -> usize {
        self.block.len()
    }
    fn end_at(&self, slot: usize) -> (usize, u16) {
        let at = 2 * self.len() + 2 * slot;
        let word = u16::from_le_bytes([self.block[at], self.block[at + 1]]);
        ((word & END_MAX as u16) as usize, word & !(END_MAX as u16))
    }
    fn set_end(&mut self, slot: usize, end: usize, flags: u16) {
        let at = 2 * self.len() + 2 * slot;
        self.block[at..at + 2].copy_from_slice(&(end as u16 | flags).to_le_bytes());
    }
    fn place(&self, slot: usize) -> Place {
        let base = INDEX_BYTES * self.len();
        let start = if slot == 0 { 0 } else { self.end_at(slot - 1).0 };
        let (end, flags) = self.end_at(slot);
        let key_byte = self.block[self.len() + slot];
        Place {
            start: base + start,
            key_end: base + start + (key_byte & !MARK) as usize,
            end: base + end,
            key_is_long: flags & KEY_IS_LONG != 0,
            value_is_long: flags & VALUE_IS_LONG != 0,
            marked: key_byte & MARK != 0,
        }
    }
    fn key(&self, place: Place) -> &[u8] {
        let bytes = &self.block[place.start..place.key_end];
        // SAFETY: the flag says that a string elsewhere is owned by these bytes, and they are borrowed.
        if place.key_is_long { unsafe { long::read(bytes) } } else { bytes }
    }
    pub fn member(&self, slot: usize) -> Member<'_> {
        let place = self.place(slot);
        let bytes = &self.block[place.key_end..place.end];
        // SAFETY: as in `key`.
        let value = if place.value_is_long { unsafe { long::read(bytes) } } else { bytes };
        Member { key: self.key(place), value, marked: place.marked }
    }
    pub fn value_mut(&mut self, slot: usize) -> &mut [u8] {
        let place = self.place(slot);
        let bytes = &mut self.block[place.key_end..place.end];
        // SAFETY: as in `key`, and they are borrowed for writing.
        if place.value_is_long { unsafe { long::read_mut(bytes) } } else { bytes }
    }
    /// The slot of a member.
    #[inline]
    pub fn find(&self, fingerprint: u8, key: &[u8]) -> Option<usize> {
        let fingerprints = &self.block[..self.len()];
        memchr::memchr_iter(fingerprint, fingerprints).find(|&slot| self.key(self.place(slot)) == key)
    }
    /// Adds a member that is not there. Tells how much memory outside of the bucket that takes, in bytes.
    pub fn push(&mut self, fingerprint: u8, key: &[u8], value: &[u8], marked: bool) -> isize {
        assert!(self.len() < COUNT_MAX, "a keyed hash does not put {COUNT_MAX} members into one bucket");
        let used = self.used as usize - INDEX_BYTES * self.len();
        // Where many large ones meet in one bucket, they stand elsewhere, too.
        let crowded = used + key.len() + value.len() > END_MAX - COUNT_MAX * 2 * LONG_BYTES;
        let mut outside = 0;
        let mut stand_for = |bytes: &[u8], bytes_max: usize| {
            (bytes.len() > bytes_max || crowded && bytes.len() > LONG_BYTES).then(|| {
                outside += bytes.len() as isize;
                long::store(bytes)
            })
        };
        let (long_key, long_value) = (stand_for(key, KEY_BYTES_MAX), stand_for(value, VALUE_BYTES_MAX));
        let key_bytes = long_key.as_ref().map_or(key, |place| &place[..]);
        let value_bytes = long_value.as_ref().map_or(value, |place| &place[..]);
        let flags = if long_key.is_some() { KEY_IS_LONG } else { 0 }
            | if long_value.is_some() { VALUE_IS_LONG } else { 0 };
        self.push_raw(
            fingerprint,
            key_bytes.len() as u8 | if marked { MARK } else { 0 },
            flags,
            key_bytes,
            value_bytes,
        );
        outside
    }
    /// Adds a member as it stands in a bucket.
    fn push_raw(&mut self, fingerprint: u8, key_byte: u8, flags: u16, key: &[u8], value: &[u8]) {
        let (count, old_used) = (self.len(), self.used as usize);
        let used = old_used + INDEX_BYTES + key.len() + value.len();
        self.make_room(used);
        // From the back on, each table moves up by what those before it grow.
        self.block.copy_within(INDEX_BYTES * count..old_used, INDEX_BYTES * (count + 1));
        self.block.copy_within(2 * count..INDEX_BYTES * count, 2 * (count + 1));
        self.block.copy_within(count..2 * count, count + 1);
        self.block[count] = fingerprint;
        self.block[2 * count + 1] = key_byte;
        let start = used - key.len() - value.len();
        self.block[start..start + key.len()].copy_from_slice(key);
        self.block[start + key.len()..used].copy_from_slice(value);
        self.count += 1;
        self.used = used as u32;
        self.set_end(count, used - INDEX_BYTES * (count + 1), flags);
    }
    /// Gives a member another value. Tells by how much memory outside of the bucket changes, in bytes.
    pub fn set_value(&mut self, slot: usize, value: &[u8], marked: bool) -> isize {
        let place = self.place(slot);
        if !place.value_is_long && place.end - place.key_end == value.len() {
            self.block[place.key_end..place.end].copy_from_slice(value);
            let at = self.len() + slot;
            self.block[at] = self.block[at] & !MARK | if marked { MARK } else { 0 };
            return 0;
        }
        let (fingerprint, key) = (self.block[slot], self.key(place).to_vec());
        self.remove(slot) + self.push(fingerprint, &key, value, marked)
    }
    /// Takes a member out. Tells by how much memory outside of the bucket changes, in bytes.
    pub fn remove(&mut self, slot: usize) -> isize {
        let place = self.place(slot);
        let mut outside = 0;
        for (is_long, range) in
            [(place.key_is_long, place.start..place.key_end), (place.value_is_long, place.key_end..place.end)]
        {
            if is_long {
                let bytes = &self.block[range];
                outside -= long::memory_bytes(bytes) as isize;
                // SAFETY: the flag says that the string is owned here, and the member goes now.
                unsafe { long::free(bytes) };
            }
        }
        self.forget(slot, place);
        outside
    }
    /// Takes the bytes of a member out, and frees nothing that they stand for.
    fn forget(&mut self, slot: usize, place: Place) {
        let (count, used) = (self.len(), self.used as usize);
        let size = place.end - place.start;
        for later in slot..count {
            let (end, flags) = self.end_at(later);
            if later > slot {
                self.set_end(later, end - size, flags);
            }
        }
        let index = [slot, count + slot, 2 * count + 2 * slot, 2 * count + 2 * slot + 2];
        self.block.copy_within(index[0] + 1..index[1], index[0]);
        self.block.copy_within(index[1] + 1..index[2], index[1] - 1);
        self.block.copy_within(index[3]..place.start, index[2] - 2);
        self.block.copy_within(place.end..used, place.start - INDEX_BYTES);
        self.count -= 1;
        self.used -= (INDEX_BYTES + size) as u32;
        if self.count == 0 {
            self.block = Box::default();
        } else if block_bytes(self.used as usize) * 2 <= self.block.len() {
            self.resize(block_bytes(self.used as usize));
        }
    }
    /// Divides the members in two buckets by their keys: those for which `stays` is true, and the others.
    pub fn partition(mut self, stays: impl Fn(&[u8]) -> bool) -> (Bucket, Bucket) {
        let (mut kept, mut gone) = (Bucket::default(), Bucket::default());
        for slot in 0..self.len() {
            let side = if stays(self.key(self.place(slot))) { &mut kept } else { &mut gone };
            side.push_from(&self, slot);
        }
        // What members stand for belongs to the new buckets now.
        self.count = 0;
        (kept, gone)
    }
    /// Adds all members of another bucket.
    pub fn append(&mut self, mut other: Bucket) {
        for slot in 0..other.len() {
            self.push_from(&other, slot);
        }
        other.count = 0;
    }
    fn push_from(&mut self, other: &Bucket, slot: usize) {
        let (place, (_, flags)) = (other.place(slot), other.end_at(slot));
        let key = &other.block[place.start..place.key_end];
        let value = &other.block[place.key_end..place.end];
        self.push_raw(other.block[slot], other.block[other.len() + slot], flags, key, value);
    }
    fn make_room(&mut self, bytes: usize) {
        if bytes > self.block.len() {
            self.resize(block_bytes(bytes));
        }
    }
    fn resize(&mut self, bytes: usize) {
        let mut block = std::mem::take(&mut self.block).into_vec();
        if bytes > block.len() {
            block.reserve_exact(bytes - block.len());
            block.resize(bytes, 0);
        } else {
            block.truncate(bytes);
        }
        self.block = block.into_boxed_slice();
    }
}

/// What the allocator gives for a request of so many bytes: multiples of 16 up to 128, then four sizes to a doubling.
fn block_bytes(bytes: usize) -> usize {
    match bytes {
        0..=128 => bytes.next_multiple_of(16),
        _ => bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2)),
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        for slot in 0..self.len() {
            let place = self.place(slot);
            // SAFETY: the flags say what is owned here, and it is used no more.
            unsafe {
                if place.key_is_long {
                    long::free(&self.block[place.start..place.key_end]);
                }
                if place.value_is_long {
                    long::free(&self.block[place.key_end..place.end]);
                }
            }
        }
    }
}
impl Clone for Bucket {
    fn clone(&self) -> Bucket {
        let mut copy = Bucket::default();
        copy.make_room(self.used as usize);
        for slot in 0..self.len() {
            let Member { key, value, marked } = self.member(slot);
            copy.push(self.block[slot], key, value, marked);
        }
        copy
    }
}
