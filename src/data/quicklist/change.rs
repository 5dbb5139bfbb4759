//! Changes of a quicklist, and what follows from them: nodes split, merged, compressed.

use std::ops::Range;

use super::node::Node;
use super::{End, Place, Quicklist};
use crate::data::listpack::{FRAME_BYTES, Needle};

impl Quicklist {
    #[inline]
    pub fn push(&mut self, end: End, element: &[u8]) {
        self.len += 1;
        if self.takes(self.node(end), element) {
            let node = match end {
                End::Head => self.nodes.front_mut(),
                End::Tail => self.nodes.back_mut(),
            };
            if let Some(Node::Packed(run)) = node {
                return match end {
                    End::Head => run.push_front(element),
                    End::Tail => run.push(element),
                };
            }
        }
        self.push_node(end, Node::with(element, self.is_large(element)));
    }

    #[cold]
    pub(super) fn push_node(&mut self, end: End, node: Node) {
        let at = if end == End::Head { 0 } else { self.nodes.len() };
        self.insert_node(at, node);
    }

    /// Removes the element at one end.
    #[inline]
    pub fn pop(&mut self, end: End) {
        let node = match end {
            End::Head => self.nodes.front_mut(),
            End::Tail => self.nodes.back_mut(),
        };
        let Some(node) = node else { return };
        self.len -= 1;
        if node.len() == 1 {
            self.pop_node(end);
        } else if let Node::Packed(run) = node {
            match end {
                End::Head => run.remove_first(),
                End::Tail => run.remove_last(),
            }
        }
    }

    #[cold]
    fn pop_node(&mut self, end: End) {
        match end {
            End::Head => self.nodes.pop_front(),
            End::Tail => self.nodes.pop_back(),
        };
        self.settle_around(0);
    }

    /// Inserts before or behind the element of an index, which there must be.
    pub fn insert(&mut self, index: usize, towards: End, element: &[u8]) {
        let Some(place) = self.place(index) else { return };
        self.len += 1;
        let (node, last) = (place.node, self.nodes[place.node].len() - 1);
        let behind = towards == End::Tail;
        let at_end = place.index == if behind { last } else { 0 };
        let beside = if behind { Some(node + 1) } else { node.checked_sub(1) };
        let beside = beside.filter(|&beside| at_end && beside < self.nodes.len());
        let new_at = node + behind as usize;
        if self.is_large(element) {
            if !at_end {
                self.split(place, behind);
            }
            // Split off or not, the new node comes between what was before and what was behind.
            self.insert_node(node + (behind || !at_end) as usize, Node::with(element, true));
        } else if self.takes(self.nodes.get(node), element) {
            self.insert_into(node, place.index + behind as usize, element);
        } else if let Some(beside) = beside.filter(|&beside| self.takes(self.nodes.get(beside), element)) {
            let index = if behind { 0 } else { self.nodes[beside].len() };
            self.insert_into(beside, index, element);
        } else if at_end {
            self.insert_node(new_at, Node::with(element, false));
        } else {
            self.split(place, behind);
            let (half, index) = if behind { (node + 1, 0) } else { (node, place.index) };
            self.insert_into(half, index, element);
            self.merge_around(if behind { node } else { node + 1 });
        }
    }

    fn insert_into(&mut self, node: usize, index: usize, element: &[u8]) {
        if let Some(run) = self.nodes[node].run_mut() {
            run.insert(index, element);
        }
        self.settle(node);
    }

    /// Splits a node in two behind an element, or before it.
    fn split(&mut self, place: Place, behind: bool) {
        let Some(run) = self.nodes[place.node].run_mut() else { return };
        let back = run.split_off(place.index + behind as usize);
        run.fit();
        self.nodes.insert(place.node + 1, Node::Packed(back));
    }

    /// Puts another element in the place of one; false if there is none.
    pub fn replace(&mut self, index: usize, element: &[u8]) -> bool {
        let Some(place) = self.place(index) else { return false };
        let (node, is_large) = (place.node, self.is_large(element));
        match (self.nodes[node].is_plain(), is_large) {
            (false, false) => {
                if let Some(run) = self.nodes[node].run_mut() {
                    run.replace(place.index, element);
                }
                self.settle(node);
            }
            (true, true) => {
                self.nodes[node] = Node::Plain(element.into());
                self.settle(node);
            }
            (true, false) => {
                self.insert(index, End::Tail, element);
                self.remove_range(index, 1);
            }
            (false, true) => self.replace_by_plain(place, element),
        }
        true
    }

    fn replace_by_plain(&mut self, place: Place, element: &[u8]) {
        let Place { node, index } = place;
        if index + 1 < self.nodes[node].len() {
            self.split(place, true);
        }
        if self.nodes[node].len() == 1 {
            self.nodes[node] = Node::with(element, true);
            return self.settle_around(node);
        }
        if let Some(run) = self.nodes[node].run_mut() {
            run.remove_last();
        }
        self.nodes.insert(node + 1, Node::with(element, true));
        self.merge_around(node + 1);
    }

    /// Removes up to `count` elements from an index on.
    pub fn remove_range(&mut self, index: usize, count: usize) {
        let Some(Place { node: first, index }) = self.place(index) else { return };
        let (mut node, mut index, mut left) = (first, index, count);
        // Nodes of which nothing stays, and those of which something does.
        let mut whole = None;
        while left > 0 && node < self.nodes.len() {
            let len = self.nodes[node].len();
            let removed = left.min(len - index);
            if removed == len {
                whole = Some(whole.map_or(node..node + 1, |whole: Range<usize>| whole.start..node + 1));
            } else if let Some(run) = self.nodes[node].run_mut() {
                run.remove_range(index, removed);
            }
            self.len -= removed;
            left -= removed;
            (node, index) = (node + 1, 0);
        }
        if let Some(whole) = whole {
            self.nodes.drain(whole);
        }
        self.settle_around(first);
    }

    /// Removes elements that equal the needle, as they come from an end, not more than `max`; returns how many.
    pub fn remove_matching(&mut self, needle: &Needle, from: End, max: usize) -> usize {
        let mut removed = 0;
        let nodes = self.nodes.len();
        for number in 0..nodes {
            if removed == max {
                break;
            }
            let node = if from == End::Head { number } else { nodes - 1 - number };
            let was_compressed = matches!(self.nodes[node], Node::Compressed(_));
            removed += self.nodes[node].remove_matching(needle, from, max - removed);
            if was_compressed {
                self.nodes[node].compress();
            }
        }
        self.len -= removed;
        if removed > 0 {
            // All at once: one by one, the others would move each time.
            self.nodes.retain(|node| node.len() > 0);
            self.settle_ends();
        }
        removed
    }

    /// Whether an element has a node of its own.
    #[inline]
    fn is_large(&self, element: &[u8]) -> bool {
        match self.layout.plain_from_bytes {
            Some(bytes) => element.len() >= bytes,
            None => element.len() > self.layout.limit.shared_bytes_max(),
        }
    }

    /// Whether an element may be put into a node.
    #[inline]
    fn takes(&self, node: Option<&Node>, element: &[u8]) -> bool {
        let Some(node) = node else { return false };
        let fits = self.layout.limit.takes(node.byte_len(), node.len(), element.len());
        fits && !node.is_plain() && !self.is_large(element)
    }

    fn insert_node(&mut self, at: usize, node: Node) {
        // Whatever was an end and is none now will hardly grow any more.
        for end in [at.checked_sub(1), Some(at)].into_iter().flatten() {
            if let Some(Node::Packed(run)) = self.nodes.get_mut(end) {
                run.fit();
            }
        }
        self.nodes.insert(at, node);
        self.settle_around(at);
    }

    /// Merges a node and its neighbours, two on each side, where the limit allows.
    fn merge_around(&mut self, centre: usize) {
        let mut centre = centre;
        if centre >= 2 && self.merge(centre - 2) {
            centre -= 1;
        }
        self.merge(centre + 1);
        if centre >= 1 && self.merge(centre - 1) {
            centre -= 1;
        }
        self.merge(centre);
        self.settle_around(centre);
    }

    /// Merges a node and the next one, if they may be one.
    fn merge(&mut self, node: usize) -> bool {
        let (Some(one), Some(other)) = (self.nodes.get(node), self.nodes.get(node + 1)) else { return false };
        if one.is_plain() || other.is_plain() {
            return false;
        }
        let bytes = one.byte_len() + other.byte_len() - FRAME_BYTES;
        if self.layout.limit.is_exceeded(bytes, one.len() + other.len()) {
            return false;
        }
        let mut other = self.nodes.remove(node + 1);
        let runs = (self.nodes[node].run_mut(), other.as_mut().and_then(Node::run_mut));
        if let (Some(run), Some(other)) = runs {
            run.append(other);
        }
        true
    }

    /// Makes it true again that nodes are compressed unless they are near an end, after what a node holds changed.
    #[inline]
    fn settle(&mut self, node: usize) {
        if self.layout.compress_depth > 0 {
            self.settle_ends();
            self.compress_inner(node..node + 1);
        }
    }

    /// The same, after nodes came and went about this one.
    #[inline]
    fn settle_around(&mut self, node: usize) {
        if self.layout.compress_depth > 0 {
            self.settle_ends();
            self.compress_inner(node.saturating_sub(2)..node + 3);
            // Not more than two come at a time, by a split around a new one: so many have left each end.
            let (front, back) =
                (self.layout.compress_depth, self.nodes.len().saturating_sub(self.layout.compress_depth));
            self.compress_inner(front..front.saturating_add(2));
            self.compress_inner(back.saturating_sub(2)..back);
        }
    }

    fn settle_ends(&mut self) {
        let nodes = self.nodes.len();
        for near in 0..self.layout.compress_depth.min(nodes) {
            self.nodes[near].decompress();
            self.nodes[nodes - 1 - near].decompress();
        }
    }

    fn compress_inner(&mut self, nodes: Range<usize>) {
        let depth = self.layout.compress_depth;
        for node in nodes.start.max(depth)..nodes.end.min(self.nodes.len().saturating_sub(depth)) {
            self.nodes[node].compress();
        }
    }
}
