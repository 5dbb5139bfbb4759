//! Lists: a listpack while it is small, else a quicklist.
//!
//! A list becomes a quicklist when it is about to exceed the limit of a node (`list-max-listpack-size`), and a listpack
//! again only below half of it, as otherwise a list about the limit would be converted at every step. A command calls
//! [`List::grow`] before it adds and [`List::shrink`] when it has removed.

use std::ops::ControlFlow;

use super::{super::EncodingLimits, Stored};
use crate::data::listpack::{Element, Listpack, Needle};
pub use crate::data::quicklist::End;
use crate::data::quicklist::{Layout, NodeLimit, Quicklist};

pub struct List(Form);

enum Form {
    Packed(Listpack),
    Quick(Box<Quicklist>),
}

impl Default for List {
    fn default() -> List {
        List(Form::Packed(Listpack::new()))
    }
}

fn layout(limits: &EncodingLimits) -> Layout {
    Layout {
        // A quicklist keeps its limit in few bits in Redis.
        limit: NodeLimit::of(limits.list_listpack_size.min(i16::MAX.into())),
        compress_depth: limits.list_compress_depth.min(u16::MAX.into()) as usize,
        plain_from_bytes: limits.list_plain_from_bytes,
    }
}

impl List {
    /// A list that will be long, perhaps: once it is filled, [`List::settle`] tells.
    pub fn long(limits: &EncodingLimits) -> List {
        List(Form::Quick(Box::new(Quicklist::new(layout(limits)))))
    }

    /// Files elements behind all others as a node, as large as it is; for a list that was made as a long one.
    pub fn push_listpack(&mut self, listpack: &Listpack) {
        match &mut self.0 {
            Form::Quick(list) => list.push_listpack(listpack),
            Form::Packed(mine) => *mine = std::mem::take(mine).merge(listpack.clone()),
        }
    }

    /// Files an element behind all others in a node of its own; for a list that was made as a long one.
    pub fn push_plain(&mut self, element: &[u8]) {
        match &mut self.0 {
            Form::Quick(list) => list.push_plain(element),
            Form::Packed(listpack) => listpack.push(element),
        }
    }

    /// Makes a list that was made as a long one a listpack, if it is not too long for that.
    pub fn settle(&mut self, limits: &EncodingLimits) {
        if let Form::Quick(list) = &self.0
            && let Some(bytes) = list.listpack_len()
            && !NodeLimit::of(limits.list_listpack_size).is_exceeded(bytes, list.len())
            && let Some(listpack) = list.to_listpack()
        {
            self.0 = Form::Packed(listpack);
        }
    }

    /// Makes ready for so many elements more, of so many bytes together.
    pub fn grow(&mut self, elements: usize, bytes: usize, limits: &EncodingLimits) {
        match &mut self.0 {
            Form::Quick(list) => list.set_plain_from_bytes(limits.list_plain_from_bytes),
            Form::Packed(listpack) => {
                let limit = NodeLimit::of(limits.list_listpack_size);
                if limit.is_exceeded(listpack.byte_len() + bytes, listpack.len() + elements) {
                    self.0 = Form::Quick(Box::new(Quicklist::from_listpack(listpack, layout(limits))));
                }
            }
        }
    }

    /// Takes note that elements were removed: what is short now may be a listpack again.
    #[inline]
    pub fn shrink(&mut self, limits: &EncodingLimits) {
        if let Form::Quick(list) = &self.0
            && let Some(bytes) = list.listpack_len()
            && NodeLimit::of(limits.list_listpack_size).is_half(bytes, list.len())
            && let Some(listpack) = list.to_listpack()
        {
            self.0 = Form::Packed(listpack);
        }
    }

    /// Adds an element at an end; [`List::grow`] comes before.
    #[inline]
    pub fn push(&mut self, end: End, element: &[u8]) {
        match (&mut self.0, end) {
            (Form::Packed(listpack), End::Head) => listpack.push_front(element),
            (Form::Packed(listpack), End::Tail) => listpack.push(element),
            (Form::Quick(list), _) => list.push(end, element),
        }
    }

    /// The element at an end.
    #[inline]
    pub fn end(&self, end: End) -> Option<Element<'_>> {
        match (&self.0, end) {
            (Form::Packed(listpack), End::Head) => listpack.iter().next(),
            (Form::Packed(listpack), End::Tail) => listpack.iter().next_back(),
            (Form::Quick(list), _) => list.end(end),
        }
    }

    /// Removes the element at an end.
    #[inline]
    pub fn pop(&mut self, end: End) {
        match &mut self.0 {
            Form::Packed(listpack) => {
                let position = if end == End::Head { listpack.first() } else { listpack.last() };
                if let Some(position) = position {
                    listpack.remove(position);
                }
            }
            Form::Quick(list) => list.pop(end),
        }
    }

    /// Shows the elements from an index on, in the direction of an end, until told to stop.
    #[inline]
    pub fn walk(&self, from: usize, towards: End, visit: impl FnMut(Element<'_>) -> ControlFlow<()>) {
        match &self.0 {
            Form::Quick(list) => list.walk(from, towards, visit),
            Form::Packed(listpack) => {
                let Some(position) = listpack.seek(from as isize) else { return };
                // Whether it was stopped or came to its end is all one to the caller.
                let _ = match towards {
                    End::Tail => listpack.iter_from(position).try_for_each(visit),
                    End::Head => listpack.iter_to(position).rev().try_for_each(visit),
                };
            }
        }
    }

    /// Inserts before (towards the head) or behind the element of an index; [`List::grow`] comes before.
    pub fn insert(&mut self, index: usize, towards: End, element: &[u8]) {
        match &mut self.0 {
            Form::Quick(list) => list.insert(index, towards, element),
            Form::Packed(listpack) => {
                if let Some(position) = listpack.seek(index as isize) {
                    match towards {
                        End::Head => listpack.insert(position, element),
                        End::Tail => _ = listpack.insert_behind(position, element),
                    }
                }
            }
        }
    }

    /// Puts another element in the place of one; [`List::grow`] comes before. False if there is none.
    pub fn replace(&mut self, index: usize, element: &[u8]) -> bool {
        match &mut self.0 {
            Form::Quick(list) => list.replace(index, element),
            Form::Packed(listpack) => match listpack.seek(index as isize) {
                Some(position) => {
                    listpack.replace(position, element);
                    true
                }
                None => false,
            },
        }
    }

    /// Removes up to `count` elements from an index on.
    pub fn remove_range(&mut self, index: usize, count: usize) {
        match &mut self.0 {
            Form::Quick(list) => list.remove_range(index, count),
            Form::Packed(listpack) => listpack.remove_range(index as isize, count),
        }
    }

    /// Removes elements that equal the needle, as they come from an end, not more than `max`; returns how many.
    pub fn remove_matching(&mut self, needle: &Needle, from: End, max: usize) -> usize {
        match &mut self.0 {
            Form::Quick(list) => list.remove_matching(needle, from, max),
            Form::Packed(listpack) => listpack.remove_matching(needle, from == End::Tail, max),
        }
    }

    /// The listpack, while the list is one.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Form::Packed(listpack) => Some(listpack),
            Form::Quick(_) => None,
        }
    }

    /// The quicklist, once the list is one.
    pub fn as_quicklist(&self) -> Option<&Quicklist> {
        match &self.0 {
            Form::Packed(_) => None,
            Form::Quick(list) => Some(list),
        }
    }
}

impl Stored for List {
    #[inline]
    fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(listpack) => listpack.len(),
            Form::Quick(list) => list.len(),
        }
    }
    #[inline]
    fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Packed(listpack) => listpack.is_empty(),
            Form::Quick(list) => list.is_empty(),
        }
    }
    fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Packed(_) => "listpack",
            Form::Quick(_) => "quicklist",
        }
    }
    fn memory_bytes(&self, samples: usize) -> usize {
        match &self.0 {
            Form::Packed(listpack) => listpack.memory_bytes(),
            Form::Quick(list) => size_of::<Quicklist>() + list.memory_bytes(samples),
        }
    }
    fn weight(&self) -> usize {
        match &self.0 {
            Form::Packed(_) => 1,
            Form::Quick(list) => list.node_count(),
        }
    }
    fn duplicate(&self) -> Self {
        List(match &self.0 {
            Form::Packed(listpack) => Form::Packed(listpack.clone()),
            Form::Quick(list) => Form::Quick(list.clone()),
        })
    }
}
