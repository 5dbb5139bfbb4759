//! One key with its value: a single allocation that the table points at.
//!
//! ```text
//! offset 0  kind        type in the low four bits, form of the value in the high four
//!        1  flags       which of the optional parts below are there
//!        2  marks       one bit for each snapshot under way: not to be told by it any more
//!        3  clock       24 bits, little endian: access time (LRU) or minutes and counter (LFU)
//!        6  key length, 7 inline value length (each 0 when the long lengths are used)
//!        8  [deadline]  i64, ms since 1970
//!           [payload]   8 bytes: the integer, or a pointer to the value, where it does not stand inline (every
//!                       value that is not a string is such a pointer, of the type that the kind says)
//!           [lengths]   u32 key, u32 inline value, for more than 255 bytes
//!           key bytes, inline value bytes
//! ```
//!
//! A key of 16 bytes with a value of 32 costs 56 bytes: one block of 64. The allocation is always a multiple of 16,
//! so a value may be rewritten in place by any other of the same rounded size.
//!
//! Only this file knows the layout: the faces outside are [`Entry`] (owns), [`EntryRef`] (looks) and [`EntryMut`]
//! (changes in place). Who makes one of a pointer in the table needs `unsafe` once more, and says why nobody else has it.
mod kind;
mod text;

pub use kind::Kind;
pub use text::{Text, TextRef};

use super::values::{Object, ObjectRef, Value};
use crate::{allocator::block_bytes, data::table};
use bytes::Bytes;
use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull,
};

/// Strings of up to this many bytes stand inside their entry; longer ones are held by reference count, so that a
/// reply can carry them without a copy.
pub const INLINE_BYTES_MAX: usize = 4096;
/// Redis' limit of its `embstr` encoding, in bytes: OBJECT ENCODING shows it.
const EMBSTR_BYTES_MAX: usize = 44;

const HEADER: usize = 8;
const ALIGN: usize = 16;
const HAS_DEADLINE: u8 = 1;
const LONG: u8 = 2;
/// The timing wheel knows an earlier deadline of this key only: when that fires, this one is put in.
const UNARMED: u8 = 4;
/// The value has parts with deadlines of their own (fields of a hash), and its database counts it as such.
const HAS_PART_DEADLINES: u8 = 8;
/// As `UNARMED`, for the first deadline of the value's parts.
const UNARMED_PARTS: u8 = 16;

/// What of an entry the timing wheel holds an item for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// Its own deadline.
    Key,
    /// The first of the deadlines of its value's parts.
    Parts,
}
impl Armed {
    pub fn deadline(self, entry: EntryRef) -> Option<i64> {
        match self {
            Armed::Key => entry.deadline(),
            Armed::Parts => entry.object().and_then(ObjectRef::next_deadline),
        }
    }
    /// The flag that says that the wheel knows an earlier deadline only.
    fn unarmed(self) -> u8 {
        match self {
            Armed::Key => UNARMED,
            Armed::Parts => UNARMED_PARTS,
        }
    }
}

/// How the value is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Form {
    /// The payload is an i64.
    Integer = 0,
    /// Bytes behind the key.
    Inline = 1,
    /// The payload points to a `Bytes`.
    Shared = 2,
    /// The payload points to a value of the type that the kind says.
    Object = 3,
}

/// Owns one entry.
pub struct Entry(NonNull<u8>);
// SAFETY: an entry owns its allocation alone, and what that holds (bytes, `Bytes`) is `Send`.
unsafe impl Send for Entry {}

/// Looks at an entry that the table owns.
#[derive(Clone, Copy)]
pub struct EntryRef<'a>(NonNull<u8>, PhantomData<&'a Entry>);
/// Changes an entry in place.
pub struct EntryMut<'a>(NonNull<u8>, PhantomData<&'a mut Entry>);

/// What decides where the parts of an entry stand.
#[derive(Clone, Copy, PartialEq)]
struct Shape {
    deadline: bool,
    payload: bool,
    key: usize,
    value: usize,
}
impl Shape {
    fn long(self) -> bool {
        self.key > u8::MAX as usize || self.value > u8::MAX as usize
    }
    fn payload_at(self) -> usize {
        HEADER + 8 * self.deadline as usize
    }
    fn lengths_at(self) -> usize {
        self.payload_at() + 8 * self.payload as usize
    }
    fn key_at(self) -> usize {
        self.lengths_at() + 8 * self.long() as usize
    }
    fn value_at(self) -> usize {
        self.key_at() + self.key
    }
    fn layout(self) -> Layout {
        let size = (self.value_at() + self.value).next_multiple_of(ALIGN);
        // Key and value are each shorter than 2^32, so the size cannot overflow.
        Layout::from_size_align(size, ALIGN).unwrap_or(Layout::new::<u128>())
    }
    fn flags(self) -> u8 {
        self.deadline as u8 * HAS_DEADLINE + self.long() as u8 * LONG
    }
}

impl Entry {
    pub fn string(key: &[u8], text: Text, deadline: Option<i64>, clock: u32) -> Entry {
        let inline = text.inline_length();
        let shape = Shape {
            deadline: deadline.is_some(),
            payload: text.form() != Form::Inline,
            key: key.len(),
            value: inline,
        };
        let entry = Entry::blank(Kind::String, text.form(), shape, key, deadline, clock);
        // SAFETY: the entry is of this shape, and nothing stands there yet.
        unsafe { write_text(entry.0, shape, text) };
        entry
    }
    /// An entry of a value that is not a string.
    pub fn object(key: &[u8], object: Object, deadline: Option<i64>, clock: u32) -> Entry {
        let shape = Shape { deadline: deadline.is_some(), payload: true, key: key.len(), value: 0 };
        let entry = Entry::blank(object.kind(), Form::Object, shape, key, deadline, clock);
        // SAFETY: the shape has a payload.
        unsafe { entry.0.as_ptr().add(shape.payload_at()).cast::<*mut ()>().write(object.into_raw()) };
        entry
    }
    /// An entry whose value is still to be written; it must not be dropped before.
    fn blank(kind: Kind, form: Form, shape: Shape, key: &[u8], deadline: Option<i64>, clock: u32) -> Entry {
        let layout = shape.layout();
        // SAFETY: the layout has a size of at least 16.
        let Some(raw) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        // SAFETY: `raw` is fresh and as large as `shape` says; every part stands inside it, 8-byte parts on
        // multiples of 8.
        unsafe {
            let at = |offset: usize| raw.as_ptr().add(offset);
            let lengths = if shape.long() { (0, 0) } else { (shape.key as u8, shape.value as u8) };
            let kind = kind as u8 | (form as u8) << 4;
            at(0).cast::<[u8; HEADER]>().write([kind, shape.flags(), 0, 0, 0, 0, lengths.0, lengths.1]);
            if let Some(deadline) = deadline {
                at(HEADER).cast::<i64>().write(deadline);
            }
            if shape.long() {
                at(shape.lengths_at()).cast::<[u32; 2]>().write([shape.key as u32, shape.value as u32]);
            }
            at(shape.key_at()).copy_from_nonoverlapping(key.as_ptr(), key.len());
        }
        let entry = Entry(raw);
        entry.get().set_clock(clock);
        entry
    }
    pub fn get(&self) -> EntryRef<'_> {
        EntryRef(self.0, PhantomData)
    }
    pub fn get_mut(&mut self) -> EntryMut<'_> {
        EntryMut(self.0, PhantomData)
    }
}

/// Writes a string value where `shape` has it.
///
/// # Safety
/// `raw` is an entry of this shape; a `Shared` value that stood there has been dropped or moved out.
unsafe fn write_text(raw: NonNull<u8>, shape: Shape, text: Text) {
    // SAFETY: by the caller's promise all offsets lie inside the allocation.
    unsafe {
        match text {
            Text::Integer(n) => raw.as_ptr().add(shape.payload_at()).cast::<i64>().write(n),
            Text::Inline(bytes) => {
                raw.as_ptr().add(shape.value_at()).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
            }
            Text::Shared(bytes) => raw
                .as_ptr()
                .add(shape.payload_at())
                .cast::<*mut Bytes>()
                .write(Box::into_raw(Box::new(bytes))),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let shape = self.get().shape();
        let form = self.get().form();
        // SAFETY: we own the entry; it was allocated with this layout (rewriting in place keeps it), and a payload
        // of form `Shared` or `Object` is a box of our own.
        unsafe {
            let payload = self.0.as_ptr().add(shape.payload_at());
            match form {
                Form::Shared => drop(Box::from_raw(payload.cast::<*mut Bytes>().read())),
                Form::Object => drop(Object::from_raw(self.get().kind(), payload.cast::<*mut ()>().read())),
                Form::Integer | Form::Inline => {}
            }
            dealloc(self.0.as_ptr(), shape.layout());
        }
    }
}

// SAFETY: an entry is one allocation aligned to 16; its key does not move or change while it lives.
unsafe impl table::Entry for Entry {
    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0
    }
    unsafe fn from_raw(raw: NonNull<u8>) -> Entry {
        Entry(raw)
    }
    unsafe fn key<'a>(raw: NonNull<u8>) -> &'a [u8] {
        EntryRef(raw, PhantomData).key()
    }
}

impl<'a> EntryRef<'a> {
    /// # Safety
    /// `raw` came from an [`Entry`] that outlives `'a` and is not changed during it other than by `set_clock` and `set_armed`.
    pub unsafe fn from_raw(raw: NonNull<u8>) -> EntryRef<'a> {
        EntryRef(raw, PhantomData)
    }
    #[inline]
    fn header(self) -> [u8; HEADER] {
        // SAFETY: every entry begins with its header.
        unsafe { self.0.as_ptr().cast::<[u8; HEADER]>().read() }
    }
    #[inline]
    fn shape(self) -> Shape {
        let header = self.header();
        let deadline = header[1] & HAS_DEADLINE != 0;
        let payload = header[0] >> 4 != Form::Inline as u8;
        let (key, value) = if header[1] & LONG == 0 {
            (header[6] as usize, header[7] as usize)
        } else {
            let at = HEADER + 8 * deadline as usize + 8 * payload as usize;
            // SAFETY: the flag says that the long lengths are there.
            let [key, value] = unsafe { self.0.as_ptr().add(at).cast::<[u32; 2]>().read() };
            (key as usize, value as usize)
        };
        Shape { deadline, payload, key, value }
    }
    fn form(self) -> Form {
        match self.header()[0] >> 4 {
            0 => Form::Integer,
            1 => Form::Inline,
            2 => Form::Shared,
            _ => Form::Object,
        }
    }
    #[inline]
    pub fn kind(self) -> Kind {
        Kind::of_nibble(self.header()[0] & 0xf)
    }
    #[inline]
    pub fn key(self) -> &'a [u8] {
        let shape = self.shape();
        // SAFETY: the key stands there and lives as long as the entry.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(shape.key_at()), shape.key) }
    }
    /// When the key expires, ms since 1970.
    #[inline]
    pub fn deadline(self) -> Option<i64> {
        // SAFETY: the flag says that the deadline is there.
        (self.header()[1] & HAS_DEADLINE != 0)
            .then(|| unsafe { self.0.as_ptr().add(HEADER).cast::<i64>().read() })
    }
    /// The value, where it is not a string.
    pub fn object(self) -> Option<ObjectRef<'a>> {
        if self.form() != Form::Object {
            return None;
        }
        // SAFETY: the payload of this form is a value of this kind, which lives as long as the entry.
        unsafe {
            let payload = self.0.as_ptr().add(self.shape().payload_at()).cast::<*const ()>().read();
            Some(ObjectRef::from_raw(self.kind(), payload))
        }
    }
    /// The value, if it is of this type.
    #[inline]
    pub fn value<T: Value>(self) -> Option<&'a T> {
        if self.kind() != T::KIND {
            return None;
        }
        // SAFETY: only `T` has this kind (see `Value`), and the value lives as long as the entry.
        Some(unsafe { &*self.0.as_ptr().add(self.shape().payload_at()).cast::<*const T>().read() })
    }
    /// The string.
    ///
    /// # Panics
    /// If the value is none: callers look at the kind first.
    #[inline]
    pub fn text(self) -> TextRef<'a> {
        let shape = self.shape();
        // SAFETY: the form says what stands at the place.
        unsafe {
            match self.form() {
                Form::Integer => {
                    TextRef::Integer(self.0.as_ptr().add(shape.payload_at()).cast::<i64>().read())
                }
                Form::Inline => TextRef::Inline(std::slice::from_raw_parts(
                    self.0.as_ptr().add(shape.value_at()),
                    shape.value,
                )),
                Form::Shared => {
                    TextRef::Shared(&*self.0.as_ptr().add(shape.payload_at()).cast::<*const Bytes>().read())
                }
                Form::Object => panic!("a {} has no text", self.kind().name()),
            }
        }
    }
    /// A copy for another key, used last at `clock`. A string that is held by reference count is shared.
    pub fn copied(self, key: &[u8], clock: u32) -> Entry {
        if let Some(object) = self.object() {
            return Entry::object(key, object.duplicate(), self.deadline(), clock);
        }
        let text = match self.text() {
            TextRef::Integer(n) => Text::Integer(n),
            TextRef::Inline(bytes) => Text::Inline(bytes),
            TextRef::Shared(bytes) => Text::Shared(bytes.clone()),
        };
        Entry::string(key, text, self.deadline(), clock)
    }
    /// OBJECT ENCODING's name.
    pub fn encoding(self) -> &'static str {
        if let Some(object) = self.object() {
            return object.encoding();
        }
        match self.text() {
            TextRef::Integer(_) => "int",
            TextRef::Inline(bytes) if bytes.len() <= EMBSTR_BYTES_MAX => "embstr",
            _ => "raw",
        }
    }
    /// The 24-bit access clock.
    pub fn clock(self) -> u32 {
        let header = self.header();
        u32::from_le_bytes([header[3], header[4], header[5], 0])
    }
    /// Sets the access clock. It is the one part that readers may change: nothing ever borrows it.
    pub fn set_clock(self, clock: u32) {
        let [a, b, c, _] = clock.to_le_bytes();
        // SAFETY: the clock lies in the header, no reference to it exists, and one thread owns the store.
        unsafe { self.0.as_ptr().add(3).cast::<[u8; 3]>().write([a, b, c]) }
    }
    /// The snapshots that need not tell this entry when they come to it, a bit each.
    #[inline]
    pub fn marks(self) -> u8 {
        self.header()[2]
    }
    pub fn set_marks(self, marks: u8) {
        // SAFETY: as for `set_clock`: the marks lie in the header, and nothing ever borrows them.
        unsafe { self.0.as_ptr().add(2).write(marks) }
    }
    /// Where the entry lies, for as long as it lives.
    pub fn address(self) -> NonNull<u8> {
        self.0
    }
    /// Whether the timing wheel holds an item for exactly this deadline of the entry. A new entry counts as armed.
    pub fn is_armed(self, what: Armed) -> bool {
        self.header()[1] & what.unarmed() == 0
    }
    pub fn set_armed(self, what: Armed, armed: bool) {
        let flags = self.header()[1] & !what.unarmed() | if armed { 0 } else { what.unarmed() };
        // SAFETY: as for `set_clock`: the flags lie in the header, and nothing ever borrows them.
        unsafe { self.0.as_ptr().add(1).write(flags) }
    }
    /// Whether parts of the value have deadlines of their own, as its database counts it.
    pub fn has_part_deadlines(self) -> bool {
        self.header()[1] & HAS_PART_DEADLINES != 0
    }
    pub fn set_part_deadlines(self, has: bool) {
        let flags = self.header()[1] & !HAS_PART_DEADLINES | if has { HAS_PART_DEADLINES } else { 0 };
        // SAFETY: as for `set_clock`: the flags lie in the header, and nothing ever borrows them.
        unsafe { self.0.as_ptr().add(1).write(flags) }
    }
    /// Memory of the entry and its value, in bytes; of a value with many parts `samples` are looked at (0: all), and
    /// the rest is estimated.
    pub fn size_bytes(self, samples: usize) -> usize {
        let value = match (self.object(), self.form()) {
            (Some(object), _) => object.memory_bytes(samples),
            // A box of the handle, and the reference count beside the bytes.
            (None, Form::Shared) => size_of::<Bytes>() + 32 + block_bytes(self.text().len()),
            (None, _) => 0,
        };
        block_bytes(self.shape().layout().size()) + value
    }
    /// Freeing it takes long enough to be done elsewhere.
    pub fn is_big(self) -> bool {
        /// As many parts with allocations of their own as take some microseconds to free.
        const PARTS_MAX: usize = 64;
        match self.object() {
            Some(object) => object.weight() > PARTS_MAX,
            None => matches!(self.text(), TextRef::Shared(bytes) if bytes.len() >= 64 * 1024),
        }
    }
}

impl<'a> EntryMut<'a> {
    /// As [`EntryMut::value_mut`], for as long as the entry is borrowed.
    #[inline]
    pub fn into_value_mut<T: Value>(self) -> Option<&'a mut T> {
        if self.get().kind() != T::KIND {
            return None;
        }
        let place = self.get().shape().payload_at();
        // SAFETY: only `T` has this kind (see `Value`), and nothing else looks at the entry during `'a`.
        Some(unsafe { &mut *self.0.as_ptr().add(place).cast::<*mut T>().read() })
    }
    /// # Safety
    /// `raw` came from an [`Entry`] that outlives `'a`; nothing else looks at it meanwhile.
    pub unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        EntryMut(raw, PhantomData)
    }
    pub fn get(&self) -> EntryRef<'_> {
        EntryRef(self.0, PhantomData)
    }
    /// Writes a string value and deadline in place, if the allocation has the right size for them; else gives the
    /// value back, and a new entry must be made.
    pub fn rewrite<'t>(&mut self, text: Text<'t>, deadline: Option<i64>) -> Result<(), Text<'t>> {
        let old = self.get().shape();
        let new = Shape {
            deadline: deadline.is_some(),
            payload: text.form() != Form::Inline,
            key: old.key,
            value: text.inline_length(),
        };
        let same_places = (old.deadline, old.payload, old.long()) == (new.deadline, new.payload, new.long());
        if !same_places || old.layout() != new.layout() {
            return Err(text);
        }
        drop(self.take_shared());
        drop(self.take_object());
        // SAFETY: the shapes have all places in common and the same size; what was shared has been taken out.
        unsafe {
            self.0.as_ptr().write(Kind::String as u8 | (text.form() as u8) << 4);
            if let Some(deadline) = deadline {
                self.0.as_ptr().add(HEADER).cast::<i64>().write(deadline);
            }
            if new.long() {
                self.0
                    .as_ptr()
                    .add(new.lengths_at())
                    .cast::<[u32; 2]>()
                    .write([new.key as u32, new.value as u32]);
            } else {
                self.0.as_ptr().add(7).write(new.value as u8);
            }
            write_text(self.0, new, text);
        }
        Ok(())
    }
    /// The deadline alone, if there is a place for it already (and it is not taken away).
    pub fn rewrite_deadline(&mut self, deadline: Option<i64>) -> bool {
        match (self.get().deadline(), deadline) {
            (None, None) => true,
            (Some(_), Some(new)) => {
                // SAFETY: the entry has a deadline, and this is its place.
                unsafe { self.0.as_ptr().add(HEADER).cast::<i64>().write(new) };
                true
            }
            _ => false,
        }
    }
    /// A value that is held by reference count, to be changed in its place.
    pub fn shared_mut(&mut self) -> Option<&mut Bytes> {
        if self.get().form() != Form::Shared {
            return None;
        }
        let place = self.get().shape().payload_at();
        // SAFETY: a payload of form `Shared` is a box of our own, and `self` is borrowed for as long as the reference.
        Some(unsafe { &mut *self.0.as_ptr().add(place).cast::<*mut Bytes>().read() })
    }
    /// The value, to be changed in its place, if it is of this type.
    #[inline]
    pub fn value_mut<T: Value>(&mut self) -> Option<&mut T> {
        EntryMut(self.0, PhantomData).into_value_mut()
    }
    /// Moves the value to an entry of its own, with this key and deadline. What is left is to be dropped.
    pub fn moved(&mut self, key: &[u8], deadline: Option<i64>) -> Entry {
        let clock = self.get().clock();
        if let Some(object) = self.take_object() {
            return Entry::object(key, object, deadline, clock);
        }
        let shared = self.take_shared();
        let text = match (shared, self.get().text()) {
            (Some(bytes), _) => Text::Shared(bytes),
            (None, TextRef::Integer(n)) => Text::Integer(n),
            (None, TextRef::Inline(bytes)) => Text::Inline(bytes),
            (None, TextRef::Shared(bytes)) => Text::Shared(bytes.clone()),
        };
        Entry::string(key, text, deadline, clock)
    }
    /// Moves a value that is not a string out, and leaves an integer in its place.
    pub fn take_object(&mut self) -> Option<Object> {
        if self.get().form() != Form::Object {
            return None;
        }
        let (kind, place) = (self.get().kind(), self.get().shape().payload_at());
        // SAFETY: as for `take_shared`.
        unsafe {
            let object = Object::from_raw(kind, self.0.as_ptr().add(place).cast::<*mut ()>().read());
            self.0.as_ptr().write(Kind::String as u8 | (Form::Integer as u8) << 4);
            self.0.as_ptr().add(place).cast::<i64>().write(0);
            Some(object)
        }
    }
    /// Moves a string that is held by reference count out, and leaves an integer in its place.
    pub fn take_shared(&mut self) -> Option<Bytes> {
        if self.get().form() != Form::Shared {
            return None;
        }
        let place = self.get().shape().payload_at();
        // SAFETY: the payload is a box of our own; kind and payload change together, so nobody drops it twice.
        unsafe {
            let bytes = *Box::from_raw(self.0.as_ptr().add(place).cast::<*mut Bytes>().read());
            self.0.as_ptr().write(Kind::String as u8 | (Form::Integer as u8) << 4);
            self.0.as_ptr().add(place).cast::<i64>().write(0);
            Some(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Option<Bytes>> {
        prop_oneof![
            any::<i64>().prop_map(|n| Some(Bytes::from(n.to_string()))),
            proptest::collection::vec(any::<u8>(), 0..80).prop_map(|v| Some(Bytes::from(v))),
            proptest::collection::vec(any::<u8>(), 200..320).prop_map(|v| Some(Bytes::from(v))),
            proptest::collection::vec(any::<u8>(), 4000..5000).prop_map(|v| Some(Bytes::from(v))),
        ]
    }

    proptest! {
        #[test]
        fn an_entry_gives_back_what_was_put_in_also_when_rewritten(
            key in proptest::collection::vec(any::<u8>(), 0..300),
            steps in proptest::collection::vec((text(), proptest::option::of(any::<i64>())), 1..12),
        ) {
            let mut entry: Option<Entry> = None;
            for (value, deadline) in steps {
                let value = value.unwrap_or_default();
                let rewritten = entry.as_mut().is_some_and(|entry| {
                    entry.get_mut().rewrite(Text::smallest(&value), deadline).is_ok()
                });
                if !rewritten {
                    entry = Some(Entry::string(&key, Text::smallest(&value), deadline, 77));
                }
                let seen = entry.as_ref().unwrap().get();
                prop_assert_eq!(seen.key(), &key[..]);
                prop_assert_eq!(seen.text().to_bytes(), value);
                prop_assert_eq!(seen.deadline(), deadline);
                prop_assert_eq!(seen.clock(), 77);
            }
        }
    }

    #[test]
    fn sizes_are_those_that_the_design_counts_on() {
        let size = |key: &[u8], value: &'static str, deadline| {
            Entry::string(key, Text::smallest(&Bytes::from(value)), deadline, 0).get().size_bytes(0)
        };
        let key = b"key:000000000001";
        assert_eq!(size(key, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", None), 64);
        assert_eq!(size(key, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", Some(1)), 64);
        assert_eq!(size(key, "7919", None), 32);
    }

    #[test]
    fn encodings_have_the_names_of_redis() {
        let name = |value: Bytes| Entry::string(b"k", Text::smallest(&value), None, 0).get().encoding();
        assert_eq!(name("12345".into()), "int");
        assert_eq!(name("x".repeat(44).into()), "embstr");
        assert_eq!(name("x".repeat(45).into()), "raw");
        assert_eq!(name("x".repeat(9999).into()), "raw");
    }
}
