//! The inner nodes of the tree, and what is done on the way from the root down to a run and back.
//!
//! A node's separators are a [`Run`] of their own: separator `i` is above everything in child `i`, and not above
//! anything in child `i + 1`. It is cut to what tells the two apart (mostly the score alone), and stays where it is
//! when the items beside it go, so removing needs no care for it.
//!
//! Children that became small are joined with a neighbour once both fill three quarters of one, not before: sizes do
//! not swing around a limit.
use super::run::{BLOCK_BYTES_MAX, INLINE_BYTES_MAX, Piece, Run};
use crate::allocator::block_bytes;
use std::{borrow::Cow, ops::Range};

/// Children of a node at most.
const CHILDREN_MAX: usize = 64;
/// Children that a list has room for beyond those in it, when it grows.
const CHILDREN_SPARE: usize = 8;

/// What hangs below a node, or is the root. All children of a node are of one kind, and equally high.
#[derive(Clone, Debug)]
pub enum Child {
    Run(Run),
    Node(Box<Node>),
}
#[derive(Clone, Debug)]
pub struct Node {
    children: Vec<Child>,
    /// Items below each child.
    counts: Vec<usize>,
    separators: Run,
}

/// Where an item is to go.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    score: f64,
    member: &'a [u8],
    /// The way so far led along the tree's left edge, along its right edge.
    leftmost: bool,
    rightmost: bool,
}
impl<'a> Target<'a> {
    pub fn new(score: f64, member: &'a [u8]) -> Target<'a> {
        Target { score, member, leftmost: true, rightmost: true }
    }
}

/// The bound between two items that follow one another.
struct Separator {
    score: f64,
    member: Piece<'static>,
}
impl Separator {
    /// The shortest one between the items of two runs.
    fn between(left: &Run, right: &Run) -> Separator {
        let ((left_score, left), (score, bytes)) = (left.get(left.len() - 1), right.get(0));
        if left_score < score {
            return Separator { score, member: Piece::Inside(Cow::Borrowed(&[])) };
        }
        let common = left.iter().zip(bytes).take_while(|(one, other)| one == other).count();
        let member = match right.piece(0) {
            Piece::Outside(member) if common >= INLINE_BYTES_MAX => Piece::Outside(member),
            _ => Piece::Inside(bytes[..bytes.len().min(common + 1)].to_vec().into()),
        };
        Separator { score, member }
    }
}

/// What a full child gave up: one that comes behind it, and what separates the two.
pub struct Split {
    separator: Separator,
    right: Child,
}

impl Child {
    pub fn new() -> Child {
        Child::Run(Run::new())
    }
    /// A new root, from one that split.
    pub fn above(self, split: Split) -> Child {
        let counts = vec![self.len(), split.right.len()];
        let mut separators = Run::new();
        separators.insert(0, split.separator.score, split.separator.member);
        Child::Node(Box::new(Node { children: vec![self, split.right], counts, separators }))
    }
    /// The only child of a root that has no other: the tree is lower than it was.
    pub fn take_only_child(&mut self) -> Option<Child> {
        match self {
            Child::Node(node) if node.children.len() == 1 => node.children.pop(),
            _ => None,
        }
    }
    /// Items in or below it.
    pub fn len(&self) -> usize {
        match self {
            Child::Run(run) => run.len(),
            Child::Node(node) => node.counts.iter().sum(),
        }
    }
    /// How many items come before the first that does not satisfy this.
    pub fn partition_point(&self, mut before: impl FnMut(f64, &[u8]) -> bool) -> usize {
        let (mut child, mut rank) = (self, 0);
        loop {
            match child {
                Child::Run(run) => return rank + run.partition_point(before),
                Child::Node(node) => {
                    let index = node.separators.partition_point(&mut before);
                    rank += node.counts[..index].iter().sum::<usize>();
                    child = &node.children[index];
                }
            }
        }
    }
    /// How many items come before this one, if it is there.
    pub fn rank(&self, score: f64, member: &[u8]) -> Option<usize> {
        let (mut child, mut rank) = (self, 0);
        loop {
            match child {
                Child::Run(run) => return Some(rank + run.find(score, member)?),
                Child::Node(node) => {
                    let index = node.separators.count_up_to(score, member);
                    rank += node.counts[..index].iter().sum::<usize>();
                    child = &node.children[index];
                }
            }
        }
    }
    /// The run that holds the item of this rank, and its index there. There must be one.
    pub fn select(&self, mut rank: usize) -> (&Run, usize) {
        let mut child = self;
        loop {
            match child {
                Child::Run(run) => return (run, rank),
                Child::Node(node) => {
                    let (index, rest) = node.child_at(rank);
                    (child, rank) = (&node.children[index], rest);
                }
            }
        }
    }
    /// Bytes of the allocations below, in the allocator's sizes, and their number.
    pub fn memory(&self) -> (usize, usize) {
        match self {
            Child::Run(run) => (run.memory_bytes(), run.allocations()),
            Child::Node(node) => {
                let lists = block_bytes(node.children.capacity() * size_of::<Child>())
                    + block_bytes(node.counts.capacity() * size_of::<usize>());
                let own = block_bytes(size_of::<Node>()) + lists + node.separators.memory_bytes();
                let below = node.children.iter().map(Child::memory);
                below.fold((own, 4), |(bytes, count), (more_bytes, more)| (bytes + more_bytes, count + more))
            }
        }
    }

    /// Inserts an item that is not there yet. What no longer fits is given up, for the parent to take in.
    pub fn insert(&mut self, target: Target) -> Option<Split> {
        match self {
            Child::Run(run) => insert_in_run(run, target),
            Child::Node(node) => node.insert(target),
        }
    }
    /// Removes an item; false if it is not there.
    pub fn remove(&mut self, score: f64, member: &[u8]) -> bool {
        match self {
            Child::Run(run) => run.find(score, member).map(|index| run.remove(index)).is_some(),
            Child::Node(node) => {
                let index = node.separators.count_up_to(score, member);
                let removed = node.children[index].remove(score, member);
                if removed {
                    node.counts[index] -= 1;
                    node.mend(index);
                }
                removed
            }
        }
    }
    /// Removes items by their ranks, but not all.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        match self {
            Child::Run(run) => run.remove_range(ranks),
            Child::Node(node) => node.remove_range(ranks),
        }
    }
    /// Gives an item another score, if its neighbours show that it stays where it is.
    pub fn rescore(&mut self, score: f64, member: &[u8], new: f64) -> bool {
        match self {
            Child::Run(run) => run.find(score, member).is_some_and(|index| run.rescore(index, new)),
            Child::Node(node) => {
                let index = node.separators.count_up_to(score, member);
                node.children[index].rescore(score, member, new)
            }
        }
    }

    /// So little is left in it that it looks for a neighbour to join.
    fn is_small(&self) -> bool {
        match self {
            Child::Run(run) => run.needed_bytes() <= BLOCK_BYTES_MAX / 4,
            Child::Node(node) => node.children.len() <= CHILDREN_MAX / 4,
        }
    }
    fn fits(&self, right: &Child) -> bool {
        match (self, right) {
            (Child::Run(left), Child::Run(right)) => {
                left.needed_bytes() + right.needed_bytes() <= BLOCK_BYTES_MAX / 4 * 3
            }
            (Child::Node(left), Child::Node(right)) => {
                left.children.len() + right.children.len() <= CHILDREN_MAX / 4 * 3
            }
            _ => false,
        }
    }
    fn join(&mut self, score: f64, member: Piece, right: Child) {
        match (self, right) {
            (Child::Run(left), Child::Run(right)) => left.append(&right),
            (Child::Node(left), Child::Node(right)) => {
                left.separators.insert(left.separators.len(), score, member);
                left.separators.append(&right.separators);
                left.children.extend(right.children);
                left.counts.extend(right.counts);
            }
            _ => unreachable!("children of one node are equally high"),
        }
    }
}

// Where a full run or node is divided: in the middle, but for items that come in ascending (or descending) order. They
// find the last (first) one full again and again, which is then left full.

fn insert_in_run(run: &mut Run, target: Target) -> Option<Split> {
    let Target { score, member, leftmost, rightmost } = target;
    let (index, piece) = (run.position(score, member), Piece::of(member));
    if run.has_place_for(&piece) {
        run.insert(index, score, piece);
        return None;
    }
    let (division, goes_right) = match index {
        0 if leftmost => (0, false),
        _ if rightmost && index == run.len() => (index, true),
        _ => (run.middle(), index > run.middle()),
    };
    let mut right = run.split_off(division);
    match goes_right {
        true => right.insert(index - division, score, piece),
        false => run.insert(index, score, piece),
    }
    Some(Split { separator: Separator::between(run, &right), right: Child::Run(right) })
}

impl Node {
    /// The child that holds the item of this rank, and the item's rank there.
    fn child_at(&self, mut rank: usize) -> (usize, usize) {
        let last = self.counts.len() - 1;
        for (child, &count) in self.counts[..last].iter().enumerate() {
            if rank < count {
                return (child, rank);
            }
            rank -= count;
        }
        (last, rank)
    }

    fn insert(&mut self, target: Target) -> Option<Split> {
        let Target { score, member, leftmost, rightmost } = target;
        let (index, length) = (self.separators.count_up_to(score, member), self.children.len());
        let below = Target {
            leftmost: leftmost && index == 0,
            rightmost: rightmost && index + 1 == length,
            ..target
        };
        let split = self.children[index].insert(below);
        self.counts[index] += 1;
        self.insert_child(index, split?);
        if length < CHILDREN_MAX {
            return None;
        }
        let division = match index {
            0 if leftmost => 1,
            _ if rightmost && index + 1 == length => length,
            _ => self.children.len() / 2,
        };
        Some(self.split_off(division))
    }
    /// Takes in what child `index` gave up.
    fn insert_child(&mut self, index: usize, split: Split) {
        let count = split.right.len();
        if self.children.len() == self.children.capacity() {
            self.children.reserve_exact(CHILDREN_SPARE);
            self.counts.reserve_exact(CHILDREN_SPARE);
        }
        self.separators.insert(index, split.separator.score, split.separator.member);
        self.children.insert(index + 1, split.right);
        self.counts[index] -= count;
        self.counts.insert(index + 1, count);
    }
    fn split_off(&mut self, division: usize) -> Split {
        let separators = self.separators.split_off(division);
        let (score, member) = self.separators.take(division - 1);
        let node = Node {
            children: self.children.split_off(division),
            counts: self.counts.split_off(division),
            separators,
        };
        self.shrink_lists();
        Split { separator: Separator { score, member }, right: Child::Node(Box::new(node)) }
    }
    fn shrink_lists(&mut self) {
        if self.children.capacity() > self.children.len() + 2 * CHILDREN_SPARE {
            self.children.shrink_to(self.children.len() + CHILDREN_SPARE);
            self.counts.shrink_to(self.counts.len() + CHILDREN_SPARE);
        }
    }

    fn remove_range(&mut self, ranks: Range<usize>) {
        if ranks.is_empty() {
            return;
        }
        let ((first, from), (last, to)) = (self.child_at(ranks.start), self.child_at(ranks.end - 1));
        if first == last {
            self.remove_from(first, from..to + 1);
        } else {
            self.remove_from(last, 0..to + 1);
            self.remove_from(first, from..self.counts[first]);
            self.remove_children(first + 1..last);
        }
        // What stood behind `first` stands next to it now.
        if first + 1 < self.children.len() && first != last {
            self.mend(first + 1);
        }
        self.mend(first);
    }
    fn remove_from(&mut self, child: usize, ranks: Range<usize>) {
        let count = ranks.len();
        if count < self.counts[child] {
            self.children[child].remove_range(ranks);
        } else {
            self.children[child] = Child::new();
        }
        self.counts[child] -= count;
    }
    /// Takes out children that are not all: what separates them goes, too.
    fn remove_children(&mut self, children: Range<usize>) {
        // Of the separators beside those that go, the ones in front go as well; the first child has none in front.
        let first = children.start.saturating_sub(1);
        self.separators.remove_range(first..first + children.len());
        self.counts.drain(children.clone());
        self.children.drain(children);
        self.shrink_lists();
    }
    /// Sees to a child that became smaller: if it is empty, it goes; if it is small, it may join a neighbour.
    fn mend(&mut self, child: usize) {
        if self.counts[child] == 0 {
            if self.children.len() > 1 {
                self.remove_children(child..child + 1);
            }
            return;
        }
        if !self.children[child].is_small() {
            return;
        }
        let lefts = child.saturating_sub(1)..=child;
        let fitting = lefts.into_iter().find(|&left| {
            left + 1 < self.children.len() && self.children[left].fits(&self.children[left + 1])
        });
        if let Some(left) = fitting {
            let right = self.children.remove(left + 1);
            self.counts[left] += self.counts.remove(left + 1);
            let (score, member) = self.separators.take(left);
            self.children[left].join(score, member, right);
            self.shrink_lists();
        }
    }
}
