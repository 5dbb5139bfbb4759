//! A quicklist: a long list as a row of nodes, each of which holds many small elements in one block, or a large one.
//!
//! Per element this takes little more than its bytes, and yet inserting and deleting in the middle moves no more than
//! one node. Nodes stand in a double-ended queue, so that an index is found by adding up counts that lie side by side.
//! The sizes of nodes, and which of them are split, merged or compressed, follow the rules of Redis' quicklist, since
//! they decide when a list is small enough to be a single listpack again, which a client can see.
//!
//! Nodes further from both ends than a *depth* are compressed (see [`crate::data::lzf`]): of a long list, mostly the
//! ends are used. A compressed node is decompressed for the length of a walk, or, to be changed, until the change ends.

mod change;
mod limit;
mod node;
mod run;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::ControlFlow;

pub use self::limit::NodeLimit;
use self::node::Node;
pub use self::node::NodeBytes;
use self::run::Run;
use super::listpack::{Element, Listpack};

/// One end of a list, and the direction towards it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Head,
    Tail,
}

/// How a list lays out its nodes.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub limit: NodeLimit,
    /// Nodes at each end that are never compressed; 0: none ever is.
    pub compress_depth: usize,
    /// From how many bytes on an element has a node of its own; none: where it exceeds the limit of a node. Tests
    /// set this to have such nodes without large elements.
    pub plain_from_bytes: Option<usize>,
}

#[derive(Clone)]
pub struct Quicklist {
    /// None is empty.
    nodes: VecDeque<Node>,
    /// Elements.
    len: usize,
    layout: Layout,
}

/// Where an element is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    node: usize,
    /// Of the element in its node.
    index: usize,
}

impl Quicklist {
    pub fn new(layout: Layout) -> Quicklist {
        Quicklist { nodes: VecDeque::new(), len: 0, layout }
    }

    /// A list whose first node holds what was a list by itself.
    pub fn from_listpack(listpack: &Listpack, layout: Layout) -> Quicklist {
        let mut list = Quicklist::new(layout);
        list.len = listpack.len();
        if list.len > 0 {
            list.nodes.push_back(Node::Packed(Run::from_elements(listpack.elements(), list.len)));
        }
        list
    }

    /// The only node as a listpack; none if there are more, or it is plain.
    pub fn to_listpack(&self) -> Option<Listpack> {
        self.only_run().map(|run| Listpack::from_elements(run.elements(), run.len()))
    }

    /// Bytes of the listpack that [`Quicklist::to_listpack`] would make.
    pub fn listpack_len(&self) -> Option<usize> {
        self.only_run().map(Run::listpack_len)
    }

    #[inline]
    fn only_run(&self) -> Option<&Run> {
        match self.nodes.front() {
            Some(Node::Packed(run)) if self.nodes.len() == 1 => Some(run),
            _ => None,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// From how many bytes on an element has a node of its own, from now on; see [`Layout`].
    #[inline]
    pub fn set_plain_from_bytes(&mut self, bytes: Option<usize>) {
        self.layout.plain_from_bytes = bytes;
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Files a node behind all others, as large as it is.
    pub fn push_listpack(&mut self, listpack: &Listpack) {
        let count = listpack.len();
        if count > 0 {
            self.len += count;
            let run = Run::from_elements(listpack.elements(), count);
            self.push_node(End::Tail, Node::Packed(run));
        }
    }

    /// Files an element behind all others in a node of its own, however small it is.
    pub fn push_plain(&mut self, element: &[u8]) {
        self.len += 1;
        self.push_node(End::Tail, Node::Plain(element.into()));
    }

    /// The bytes of nodes from one on, as [`Quicklist::push_listpack`] and [`Quicklist::push_plain`] take them.
    pub fn node_bytes(&self, from: usize) -> impl Iterator<Item = NodeBytes<'_>> {
        self.nodes.range(from.min(self.nodes.len())..).map(Node::to_bytes)
    }

    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Bytes of all nodes without compression.
    pub fn byte_len(&self) -> usize {
        self.nodes.iter().map(Node::byte_len).sum()
    }

    /// What it takes of memory behind this handle. So many nodes are looked at (0: all), and the rest is estimated from
    /// them.
    pub fn memory_bytes(&self, samples: usize) -> usize {
        let nodes = self.nodes.len();
        let looked_at = if samples == 0 { nodes } else { samples.min(nodes) };
        let seen: usize = self.nodes.iter().take(looked_at).map(Node::memory_bytes).sum();
        let table = self.nodes.capacity() * size_of::<Node>();
        table + (seen as f64 / looked_at.max(1) as f64 * nodes as f64) as usize
    }

    /// The element at one end.
    #[inline]
    pub fn end(&self, end: End) -> Option<Element<'_>> {
        self.node(end).and_then(|node| node.end(end))
    }

    #[inline]
    fn node(&self, end: End) -> Option<&Node> {
        match end {
            End::Head => self.nodes.front(),
            End::Tail => self.nodes.back(),
        }
    }

    /// Shows the elements from an index on, in the direction of an end, until told to stop.
    #[inline]
    pub fn walk(&self, from: usize, towards: End, mut visit: impl FnMut(Element<'_>) -> ControlFlow<()>) {
        let Some(Place { node, index }) = self.place(from) else { return };
        let mut flow = self.nodes[node].walk(index, towards, &mut visit);
        match towards {
            End::Tail => {
                let mut rest = self.nodes.range(node + 1..);
                while let (ControlFlow::Continue(()), Some(node)) = (flow, rest.next()) {
                    flow = node.walk(0, towards, &mut visit);
                }
            }
            End::Head => {
                let mut rest = self.nodes.range(..node).rev();
                while let (ControlFlow::Continue(()), Some(node)) = (flow, rest.next()) {
                    flow = node.walk(node.len() - 1, towards, &mut visit);
                }
            }
        }
    }

    /// Looks for an index from the nearer end.
    fn place(&self, index: usize) -> Option<Place> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut index = index;
            for (node, elements) in self.nodes.iter().map(Node::len).enumerate() {
                if index < elements {
                    return Some(Place { node, index });
                }
                index -= elements;
            }
        } else {
            let mut from_tail = self.len - index;
            for (node, elements) in self.nodes.iter().map(Node::len).enumerate().rev() {
                if from_tail <= elements {
                    return Some(Place { node, index: elements - from_tail });
                }
                from_tail -= elements;
            }
        }
        None
    }
}
