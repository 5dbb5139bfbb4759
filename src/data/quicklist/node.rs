//! A node of a list: some elements together, or a large one by itself.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::End;
use super::run::Run;
use crate::allocator::block_bytes;
use crate::data::listpack::slice::{elements_of, position, with_frame};
use crate::data::listpack::{Element, Iter, Needle};
use crate::data::lzf;

#[derive(Clone)]
pub(super) enum Node {
    Packed(Run),
    /// One element, too large to be moved about among others.
    Plain(Box<[u8]>),
    Compressed(Box<Compressed>),
}

/// A node as it is kept far from both ends: its listpack, header and end included so that a snapshot may hold the same
/// bytes, or its plain element.
#[derive(Clone)]
pub(super) struct Compressed {
    bytes: Box<[u8]>,
    /// Uncompressed.
    len: usize,
    /// Elements; none for a plain one.
    count: Option<u32>,
}

/// The bytes of a node, as others hold them too.
#[derive(Debug)]
pub struct NodeBytes<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// How many they are without compression, if they are compressed.
    pub compressed_from: Option<usize>,
    /// They are an element; or else a listpack.
    pub is_plain: bool,
}

/// Below this, in bytes, a node is not worth compressing.
const COMPRESSED_FROM_BYTES: usize = 48;
/// What compressing must save at least.
const SAVED_BYTES_MIN: usize = 8;

impl Compressed {
    fn decompressed(&self) -> Vec<u8> {
        lzf::decompress(&self.bytes, self.len).expect("it was compressed by us, and has not changed since")
    }
    /// Of decompressed bytes, the elements.
    fn elements<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.count.is_some() { elements_of(bytes) } else { bytes }
    }
}

impl Node {
    /// A node of one element.
    pub(super) fn with(element: &[u8], plain: bool) -> Node {
        if plain {
            return Node::Plain(element.into());
        }
        let mut run = Run::new();
        run.push(element);
        Node::Packed(run)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Node::Packed(run) => run.len(),
            Node::Plain(_) => 1,
            Node::Compressed(compressed) => compressed.count.map_or(1, |count| count as usize),
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        match self {
            Node::Packed(_) => false,
            Node::Plain(_) => true,
            Node::Compressed(compressed) => compressed.count.is_none(),
        }
    }

    /// Bytes of its listpack, or of its element if that is plain; not compressed.
    #[inline]
    pub(super) fn byte_len(&self) -> usize {
        match self {
            Node::Packed(run) => run.listpack_len(),
            Node::Plain(bytes) => bytes.len(),
            Node::Compressed(compressed) => compressed.len,
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Node::Packed(run) => run.memory_bytes(),
            Node::Plain(bytes) => block_bytes(bytes.len()),
            Node::Compressed(compressed) => {
                block_bytes(size_of::<Compressed>()) + block_bytes(compressed.bytes.len())
            }
        }
    }

    /// The run of a packed node, decompressed for good if need be; none of a plain one.
    pub(super) fn run_mut(&mut self) -> Option<&mut Run> {
        self.decompress();
        match self {
            Node::Packed(run) => Some(run),
            _ => None,
        }
    }

    /// The node as a snapshot holds it.
    pub(super) fn to_bytes(&self) -> NodeBytes<'_> {
        let (bytes, compressed_from) = match self {
            Node::Packed(run) => (with_frame(run.elements(), run.len()).into(), None),
            Node::Plain(bytes) => ((&bytes[..]).into(), None),
            Node::Compressed(compressed) => ((&compressed.bytes[..]).into(), Some(compressed.len)),
        };
        NodeBytes { bytes, compressed_from, is_plain: self.is_plain() }
    }

    pub(super) fn compress(&mut self) {
        let (bytes, count) = match self {
            Node::Packed(run) => (Cow::from(with_frame(run.elements(), run.len())), Some(run.len() as u32)),
            Node::Plain(bytes) => (Cow::from(&bytes[..]), None),
            Node::Compressed(_) => return,
        };
        if bytes.len() < COMPRESSED_FROM_BYTES {
            return;
        }
        if let Some(compressed) = lzf::compress(&bytes, bytes.len() - SAVED_BYTES_MIN) {
            let len = bytes.len();
            let bytes = compressed.into_boxed_slice();
            *self = Node::Compressed(Box::new(Compressed { bytes, len, count }));
        }
    }

    #[inline]
    pub(super) fn decompress(&mut self) {
        if let Node::Compressed(compressed) = self {
            let bytes = compressed.decompressed();
            *self = match compressed.count {
                Some(count) => Node::Packed(Run::from_elements(compressed.elements(&bytes), count as usize)),
                None => Node::Plain(bytes.into()),
            };
        }
    }

    /// The element at one end of a node that is not compressed, as the end nodes of a list never are.
    #[inline]
    pub(super) fn end(&self, end: End) -> Option<Element<'_>> {
        match (self, end) {
            (Node::Packed(run), End::Head) => run.first(),
            (Node::Packed(run), End::Tail) => run.last(),
            (Node::Plain(bytes), _) => Some(Element::Bytes(bytes)),
            (Node::Compressed(_), _) => None,
        }
    }

    /// Shows elements from an index on, in the direction of an end, until told to stop.
    #[inline]
    pub(super) fn walk(
        &self,
        index: usize,
        towards: End,
        visit: &mut impl FnMut(Element<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            Node::Packed(run) => walk(run.elements(), run.len(), index, towards, visit),
            Node::Plain(bytes) => visit(Element::Bytes(bytes)),
            Node::Compressed(compressed) => {
                let bytes = compressed.decompressed();
                match compressed.count {
                    Some(count) => walk(elements_of(&bytes), count as usize, index, towards, visit),
                    None => visit(Element::Bytes(&bytes)),
                }
            }
        }
    }

    /// Removes elements that equal the needle, see [`Run::remove_matching`]. A plain node can become empty: then it is
    /// a packed one without elements. One in which nothing is found stays as it is, compressed perhaps.
    pub(super) fn remove_matching(&mut self, needle: &Needle, from: End, max: usize) -> usize {
        if let Node::Plain(_) | Node::Compressed(_) = self {
            let found = self.walk(0, End::Tail, &mut |element| match needle.equals(element) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            });
            if found.is_continue() {
                return 0;
            }
        }
        match self.run_mut() {
            Some(run) => run.remove_matching(needle, from == End::Tail, max),
            None => {
                *self = Node::Packed(Run::new());
                1
            }
        }
    }
}

#[inline]
fn walk(
    elements: &[u8],
    count: usize,
    index: usize,
    towards: End,
    visit: &mut impl FnMut(Element<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match towards {
        End::Tail => {
            let from = position(elements, count, index);
            Iter::new(elements, from, elements.len()).try_for_each(visit)
        }
        End::Head => {
            let to = position(elements, count, index + 1);
            Iter::new(elements, 0, to).rev().try_for_each(visit)
        }
    }
}
