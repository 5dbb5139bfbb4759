//! Values that are not strings: what an entry points at.
//!
//! Each type is a file here: the semantics of its Redis type, the encodings it chooses between, and when it changes from
//! one to another. The bytes and trees of those encodings are pure structures in [`crate::data`].
mod hash;
mod list;
mod set;
pub mod sorted_set;
mod stream;

pub use hash::{Field, Hash, HashBuilder};
pub use list::{End, List};
pub use set::Set;
pub use sorted_set::SortedSet;
pub use stream::Stream;

use super::entry::Kind;
use bytes::Bytes;

/// A value of any type that is not stored yet.
pub enum Content {
    Integer(i64),
    Text(Bytes),
    Object(Object),
}

/// What all values have in common.
pub trait Stored: Send + Sized + 'static {
    /// Elements, fields, members or entries in it.
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// OBJECT ENCODING's name.
    fn encoding(&self) -> &'static str;
    /// Memory of the value without its entry, in bytes. `samples` of its parts are looked at (0: all), and the rest is
    /// estimated from them.
    fn memory_bytes(&self, samples: usize) -> usize;
    /// Allocations that freeing it frees, about.
    fn weight(&self) -> usize;
    /// A copy that shares nothing with it.
    fn duplicate(&self) -> Self;
    /// The first moment at which a part of it expires, in ms since 1970.
    fn next_deadline(&self) -> Option<i64> {
        None
    }
}

/// A type that an entry can point at.
///
/// # Safety
/// No two types have the same `KIND`: an entry finds the type of what it points at by it.
pub unsafe trait Value: Stored {
    const KIND: Kind;
    fn into_object(self) -> Object;
}

macro_rules! values {
    ($($Type:ident),*) => {
        /// A value of any type, owned.
        pub enum Object {
            $($Type(Box<$Type>)),*
        }
        /// A value of any type, looked at.
        #[derive(Clone, Copy)]
        pub enum ObjectRef<'a> {
            $($Type(&'a $Type)),*
        }
        $(
            // SAFETY: each type stands once in the list, and its kind has its name.
            unsafe impl Value for $Type {
                const KIND: Kind = Kind::$Type;
                fn into_object(self) -> Object {
                    Object::$Type(Box::new(self))
                }
            }
        )*
        impl Object {
            pub fn kind(&self) -> Kind {
                match self {
                    $(Object::$Type(_) => Kind::$Type),*
                }
            }
            pub fn get(&self) -> ObjectRef<'_> {
                match self {
                    $(Object::$Type(value) => ObjectRef::$Type(value)),*
                }
            }
            /// Gives the value away as an address.
            pub(super) fn into_raw(self) -> *mut () {
                match self {
                    $(Object::$Type(value) => Box::into_raw(value).cast()),*
                }
            }
            /// Takes a value back.
            ///
            /// # Safety
            /// `raw` came from `into_raw` of an object of this kind, and nobody uses it afterwards.
            pub(super) unsafe fn from_raw(kind: Kind, raw: *mut ()) -> Object {
                // SAFETY: by the caller's promise.
                unsafe {
                    match kind {
                        $(Kind::$Type => Object::$Type(Box::from_raw(raw.cast())),)*
                        Kind::String => unreachable!("strings are no objects"),
                    }
                }
            }
        }
        impl<'a> ObjectRef<'a> {
            /// # Safety
            /// `raw` came from `into_raw` of an object of this kind, which lives for `'a` and is not changed.
            pub(super) unsafe fn from_raw(kind: Kind, raw: *const ()) -> ObjectRef<'a> {
                // SAFETY: by the caller's promise.
                unsafe {
                    match kind {
                        $(Kind::$Type => ObjectRef::$Type(&*raw.cast()),)*
                        Kind::String => unreachable!("strings are no objects"),
                    }
                }
            }
            pub fn duplicate(self) -> Object {
                match self {
                    $(ObjectRef::$Type(value) => value.duplicate().into_object()),*
                }
            }
            pub fn len(self) -> usize {
                match self {
                    $(ObjectRef::$Type(value) => value.len()),*
                }
            }
            pub fn is_empty(self) -> bool {
                self.len() == 0
            }
            pub fn encoding(self) -> &'static str {
                match self {
                    $(ObjectRef::$Type(value) => value.encoding()),*
                }
            }
            /// See [`Stored::memory_bytes`]; the box of the value included.
            pub fn memory_bytes(self, samples: usize) -> usize {
                match self {
                    $(ObjectRef::$Type(value) => size_of::<$Type>() + value.memory_bytes(samples)),*
                }
            }
            pub fn weight(self) -> usize {
                match self {
                    $(ObjectRef::$Type(value) => value.weight()),*
                }
            }
            pub fn next_deadline(self) -> Option<i64> {
                match self {
                    $(ObjectRef::$Type(value) => value.next_deadline()),*
                }
            }
        }
    };
}
values!(List, Set, SortedSet, Hash, Stream);

impl<T: Value> From<T> for Object {
    fn from(value: T) -> Object {
        value.into_object()
    }
}
