//! Quicklists against a plain queue, with nodes small enough that all of their life is seen.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::data::listpack::Needle;

fn layout(limit: i32) -> Layout {
    Layout { limit: NodeLimit::of(limit), compress_depth: 0, plain_from_bytes: None }
}

fn list(limit: i32, elements: impl IntoIterator<Item = String>) -> Quicklist {
    let mut list = Quicklist::new(layout(limit));
    elements.into_iter().for_each(|element| list.push(End::Tail, element.as_bytes()));
    list
}

fn contents(list: &Quicklist) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    list.walk(0, End::Tail, |element| {
        contents.push(element.to_bytes().to_vec());
        ControlFlow::Continue(())
    });
    contents
}

fn node_lens(list: &Quicklist) -> Vec<usize> {
    list.nodes.iter().map(Node::len).collect()
}

#[test]
fn limits_are_those_of_the_parameter() {
    for (parameter, limit) in [
        (-1, NodeLimit::Bytes(4096)),
        (-2, NodeLimit::Bytes(8192)),
        (-5, NodeLimit::Bytes(65536)),
        (i32::MIN, NodeLimit::Bytes(65536)),
        (0, NodeLimit::Elements(1)),
        (128, NodeLimit::Elements(128)),
    ] {
        assert_eq!(NodeLimit::of(parameter), limit);
        assert_eq!(NodeLimit::of(limit.parameter() as i32), limit);
    }
    assert!(!NodeLimit::of(-1).is_exceeded(4096, 5000) && NodeLimit::of(-1).is_exceeded(4097, 1));
    assert!(!NodeLimit::of(3).is_exceeded(8192, 3) && NodeLimit::of(3).is_exceeded(8193, 3));
    assert!(NodeLimit::of(3).is_exceeded(20, 4));
    assert!(NodeLimit::of(-1).is_half(2048, 5000) && !NodeLimit::of(-1).is_half(2049, 1));
    assert!(NodeLimit::of(5).is_half(9999, 2) && !NodeLimit::of(5).is_half(1, 3));
}

#[test]
fn an_element_takes_little_more_than_its_bytes() {
    for end in [End::Head, End::Tail] {
        let mut list = Quicklist::new(layout(-2));
        let elements = 100_000;
        for number in 0..elements {
            list.push(end, format!("element:{number:08}").as_bytes());
        }
        let per_element = list.memory_bytes(0) as f64 / elements as f64;
        assert!(per_element < 18.35, "{per_element}");
    }
}

#[test]
fn pushing_and_popping_at_either_end_keeps_what_room_is_worth() {
    let mut list = list(-2, (0..300).map(|number| number.to_string()));
    for round in 0..10_000 {
        let end = if round % 3 == 0 { End::Head } else { End::Tail };
        let other = if end == End::Head { End::Tail } else { End::Head };
        list.push(end, b"something");
        list.pop(other);
    }
    assert_eq!(list.len(), 300);
    assert!(list.memory_bytes(0) < 3 * list.byte_len());
    for _ in 0..299 {
        list.pop(End::Head);
    }
    assert!(list.memory_bytes(0) < 400);
}

#[test]
fn a_full_node_splits_and_neighbours_merge() {
    let mut list = list(4, (0..8).map(|number| number.to_string()));
    assert_eq!(node_lens(&list), [4, 4]);
    list.insert(1, End::Tail, b"a");
    assert_eq!(node_lens(&list), [2, 3, 4]);
    list.insert(0, End::Head, b"b");
    assert_eq!(node_lens(&list), [3, 3, 4]);
    list.insert(9, End::Tail, b"c");
    assert_eq!(node_lens(&list), [3, 3, 4, 1]);
    list.insert(9, End::Tail, b"d");
    assert_eq!(node_lens(&list), [3, 3, 4, 2]);
    let text: Vec<_> = contents(&list).concat();
    assert_eq!(String::from_utf8(text).unwrap(), "b01a234567dc");
    list.remove_range(2, 7);
    assert_eq!(node_lens(&list), [2, 1, 2]);
}

#[test]
fn a_large_element_stands_alone() {
    let mut list = list(-1, (0..6).map(|number| number.to_string()));
    let large = vec![b'x'; 5000];
    list.insert(2, End::Tail, &large);
    assert_eq!(node_lens(&list), [3, 1, 3]);
    assert!(list.replace(3, b"y"));
    assert_eq!(node_lens(&list), [3, 4]);
    assert!(list.replace(0, &large));
    assert_eq!(node_lens(&list), [1, 2, 4]);
    assert_eq!(list.end(End::Head), Some(Element::Bytes(&large)));
    assert_eq!(list.remove_matching(&Needle::new(&large), End::Tail, 5), 1);
    assert_eq!((list.len(), list.node_count()), (6, 2));
}

#[test]
fn a_short_list_can_become_a_listpack() {
    let mut list = list(4, (0..5).map(|number| number.to_string()));
    assert!(list.to_listpack().is_none());
    list.pop(End::Tail);
    let listpack = list.to_listpack().unwrap();
    assert_eq!((listpack.len(), list.listpack_len()), (4, Some(listpack.byte_len())));
    assert_eq!(contents(&Quicklist::from_listpack(&listpack, layout(4))), contents(&list));
}

#[test]
fn nodes_far_from_both_ends_are_compressed() {
    let mut list = Quicklist::new(Layout { compress_depth: 1, ..layout(10) });
    for number in 0..100 {
        list.push(End::Tail, format!("a text that repeats itself {number}").as_bytes());
    }
    let compressed = |list: &Quicklist| {
        let marks = list.nodes.iter().map(|node| matches!(node, Node::Compressed(_)) as usize);
        marks.collect::<Vec<_>>()
    };
    assert_eq!(compressed(&list), [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    assert!(list.memory_bytes(0) < list.byte_len());
    for _ in 0..10 {
        list.pop(End::Head);
    }
    assert_eq!(compressed(&list), [0, 1, 1, 1, 1, 1, 1, 1, 0]);
    list.replace(15, b"another");
    assert_eq!(compressed(&list), [0, 1, 1, 1, 1, 1, 1, 1, 0]);
    assert_eq!(contents(&list)[15], b"another");
}

#[derive(Clone, Debug)]
enum Step {
    Push(End, Vec<u8>),
    Pop(End, usize),
    Insert(usize, End, Vec<u8>),
    Replace(usize, Vec<u8>),
    RemoveRange(usize, usize),
    RemoveMatching(Vec<u8>, End, usize),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..20_u32).prop_map(|number| number.to_string().into_bytes()),
        4 => "[a-c]{0,3}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..30),
        1 => (0..3000_usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop::sample::select(vec![End::Head, End::Tail]);
    let index = 0..100_usize;
    prop_oneof![
        10 => (end.clone(), text()).prop_map(|(end, text)| Step::Push(end, text)),
        2 => (end.clone(), 1..8_usize).prop_map(|(end, count)| Step::Pop(end, count)),
        6 => (index.clone(), end.clone(), text()).prop_map(|(at, end, text)| Step::Insert(at, end, text)),
        4 => (index.clone(), text()).prop_map(|(at, text)| Step::Replace(at, text)),
        1 => (index, 0..20_usize).prop_map(|(at, count)| Step::RemoveRange(at, count)),
        1 => (text(), end, 1..6_usize).prop_map(|(text, end, max)| Step::RemoveMatching(text, end, max)),
    ]
}

fn apply(list: &mut Quicklist, model: &mut VecDeque<Vec<u8>>, step: Step) {
    let len = model.len();
    match step {
        Step::Push(end, text) => {
            list.push(end, &text);
            match end {
                End::Head => model.push_front(text),
                End::Tail => model.push_back(text),
            }
        }
        Step::Pop(end, count) => {
            for _ in 0..count {
                list.pop(end);
                match end {
                    End::Head => model.pop_front(),
                    End::Tail => model.pop_back(),
                };
            }
        }
        Step::Insert(at, towards, text) => {
            if len > 0 {
                let at = at % len;
                list.insert(at, towards, &text);
                model.insert(at + (towards == End::Tail) as usize, text);
            }
        }
        Step::Replace(at, text) => {
            assert_eq!(list.replace(at, &text), at < len);
            if at < len {
                model[at] = text;
            }
        }
        Step::RemoveRange(at, count) => {
            list.remove_range(at, count);
            model.drain(at.min(len)..(at + count).min(len));
        }
        Step::RemoveMatching(text, from, max) => {
            let mut found: Vec<usize> = (0..len).filter(|index| model[*index] == text).collect();
            if from == End::Head {
                found.reverse();
            }
            let found = found.split_off(found.len().saturating_sub(max));
            assert_eq!(list.remove_matching(&Needle::new(&text), from, max), found.len());
            let mut index = 0..;
            model.retain(|_| !found.contains(&index.next().unwrap()));
        }
    }
}

fn check(list: &Quicklist, model: &VecDeque<Vec<u8>>) {
    assert_eq!(list.len(), model.len());
    assert_eq!(*model, contents(list));
    assert_eq!(node_lens(list).iter().sum::<usize>(), model.len());
    assert!(!node_lens(list).contains(&0));
    let ends = [(End::Head, model.front()), (End::Tail, model.back())];
    for (end, expected) in ends {
        assert_eq!(list.end(end).map(|element| element.to_bytes().to_vec()), expected.cloned());
    }
    for from in [0, model.len() / 3, model.len().saturating_sub(1)] {
        let mut backwards = VecDeque::new();
        list.walk(from, End::Head, |element| {
            backwards.push_front(element.to_bytes().to_vec());
            ControlFlow::Continue(())
        });
        assert!(backwards.iter().eq(model.iter().take(from + 1)));
    }
    let depth = list.layout.compress_depth;
    for (index, node) in list.nodes.iter().enumerate() {
        if index < depth || list.nodes.len() - 1 - index < depth || depth == 0 {
            assert!(!matches!(node, Node::Compressed(_)), "{index} of {}", list.nodes.len());
        } else if let Node::Packed(_) | Node::Plain(_) = node {
            let mut copy = node.clone();
            copy.compress();
            assert!(!matches!(copy, Node::Compressed(_)), "{index} of {}", list.nodes.len());
        }
    }
}

proptest! {
    #[test]
    fn a_quicklist_is_a_queue(
        limit in prop::sample::select(vec![0, 1, 2, 5, 30, -1, -2]),
        compress_depth in 0..3_usize,
        plain_from_bytes in prop::sample::select(vec![None, Some(1), Some(3), Some(100)]),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let layout = Layout { limit: NodeLimit::of(limit), compress_depth, plain_from_bytes };
        let (mut list, mut model) = (Quicklist::new(layout), VecDeque::new());
        for step in steps {
            apply(&mut list, &mut model, step);
            check(&list, &model);
        }
        check(&list.clone(), &model);
    }
}
