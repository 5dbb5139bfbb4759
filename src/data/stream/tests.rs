//! Streams against a plain model: a vector of entries, and a map of what is pending.
use super::*;
use crate::data::listpack::Listpack;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Pairs = Vec<Vec<u8>>;

fn read(entry: Entry) -> (StreamId, Pairs) {
    let pairs: Pairs = entry
        .pairs()
        .flat_map(|(field, value)| [field, value].map(|part| part.bytes(&mut itoa::Buffer::new()).to_vec()))
        .collect();
    assert_eq!(pairs.len(), 2 * entry.fields());
    (entry.id, pairs)
}
fn all(log: &Log) -> Vec<(StreamId, Pairs)> {
    log.range(StreamId::MIN, StreamId::MAX).map(read).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Add {
        ms: u64,
        seq: u64,
        pairs: Pairs,
    },
    /// By index, among those that are or were there.
    Delete(prop::sample::Index),
    Trim {
        to: Result<u64, prop::sample::Index>,
        approximate: bool,
        entries_max: u64,
    },
}

fn pairs() -> impl Strategy<Value = Pairs> {
    let name = prop_oneof![Just(b"temp".to_vec()), Just(b"hum".to_vec()), Just(b"17".to_vec())];
    let value = prop_oneof![
        (0..1000i64).prop_map(|n| n.to_string().into_bytes()),
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(any::<u8>(), 60..70),
    ];
    prop::collection::vec((name, value), 1..4)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(name, value)| [name, value]).collect())
}
fn step() -> impl Strategy<Value = Step> {
    let small = prop_oneof![5 => 0..3u64, 1 => 0..1u64 << 40];
    let to = prop_oneof![(0..30u64).prop_map(Ok), any::<prop::sample::Index>().prop_map(Err)];
    prop_oneof![
        12 => (small.clone(), small, pairs()).prop_map(|(ms, seq, pairs)| Step::Add { ms, seq, pairs }),
        4 => any::<prop::sample::Index>().prop_map(Step::Delete),
        1 => (to, any::<bool>(), prop_oneof![Just(0), 1..20u64])
            .prop_map(|(to, approximate, entries_max)| Step::Trim { to, approximate, entries_max }),
    ]
}
fn limits() -> impl Strategy<Value = NodeLimits> {
    (prop::sample::select(&[0, 60, 200, 4096][..]), prop::sample::select(&[0, 1, 2, 5, 100][..]))
        .prop_map(|(bytes_max, entries_max)| NodeLimits { bytes_max, entries_max })
}

#[derive(Default)]
struct Model {
    entries: Vec<(StreamId, Pairs)>,
    /// All that were ever added.
    ids: Vec<StreamId>,
    max_deleted: StreamId,
}
impl Model {
    fn some_id(&self, index: prop::sample::Index) -> StreamId {
        if self.ids.is_empty() { StreamId::new(5, 5) } else { *index.get(&self.ids) }
    }
    fn apply(&mut self, log: &mut Log, step: Step, limits: NodeLimits) {
        match step {
            Step::Add { ms, seq, pairs } => {
                let last = log.last_id();
                let id = match ms {
                    0 => StreamId::new(last.ms, last.seq + 1 + seq),
                    ms => StreamId::new(last.ms + ms, seq),
                };
                assert_eq!(log.append(last, &pairs, limits), Err(AppendError::NotAbove));
                assert_eq!(log.append(id, &pairs, limits), Ok(()));
                self.entries.push((id, pairs));
                self.ids.push(id);
            }
            Step::Delete(index) => {
                let id = self.some_id(index);
                let there = self.entries.iter().position(|(other, _)| *other == id);
                assert_eq!(log.delete(id), there.is_some());
                if let Some(index) = there {
                    self.entries.remove(index);
                    self.max_deleted = self.max_deleted.max(id);
                }
            }
            Step::Trim { to, approximate, entries_max } => {
                let to = match to {
                    Ok(length) => Threshold::Length(length),
                    Err(index) => Threshold::Id(self.some_id(index)),
                };
                let exact = match to {
                    Threshold::Length(length) => self.entries.len().saturating_sub(length as usize),
                    Threshold::Id(least) => self.entries.iter().filter(|(id, _)| *id < least).count(),
                };
                let entries_max = if approximate { entries_max } else { 0 };
                let trimmed = log.trim(Trim { to, approximate, entries_max }) as usize;
                match approximate {
                    true => assert!(trimmed <= exact && (entries_max == 0 || trimmed as u64 <= entries_max)),
                    false => assert_eq!(trimmed, exact),
                }
                self.entries.drain(..trimmed);
            }
        }
    }
    fn check(&self, log: &Log) {
        assert_eq!(all(log), self.entries);
        let mut back: Vec<_> = log.range_back(StreamId::MIN, StreamId::MAX).map(read).collect();
        back.reverse();
        assert_eq!(back, self.entries);
        assert_eq!(log.len() as usize, self.entries.len());
        assert_eq!(log.entries_added() as usize, self.ids.len());
        let id = |entry: Option<&(StreamId, Pairs)>| entry.map(|(id, _)| *id);
        assert_eq!(log.first_id(), id(self.entries.first()).unwrap_or_default());
        assert_eq!(log.top_id(), id(self.entries.last()));
        assert_eq!(log.last_id(), self.ids.last().copied().unwrap_or_default());
        assert_eq!(log.max_deleted_id(), self.max_deleted);
    }
}

proptest! {
    #[test]
    fn a_log_holds_what_was_added_and_not_taken_away(
        steps in prop::collection::vec((step(), limits()), 1..120),
        same_limits in proptest::option::of(limits()),
        bounds in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 8),
    ) {
        let (mut log, mut model) = (Log::default(), Model::default());
        for (step, limits) in steps {
            model.apply(&mut log, step, same_limits.unwrap_or(limits));
        }
        model.check(&log);
        for (start, end) in bounds {
            let (start, end) = (model.some_id(start), model.some_id(end));
            let end = if start.seq % 2 == 0 { end.next().unwrap() } else { end };
            let expected: Vec<_> =
                model.entries.iter().filter(|(id, _)| (start..=end).contains(id)).cloned().collect();
            prop_assert_eq!(log.range(start, end).map(read).collect::<Vec<_>>(), expected.clone());
            let back: Vec<_> = log.range_back(start, end).map(read).collect();
            prop_assert_eq!(back, expected.into_iter().rev().collect::<Vec<_>>());
            prop_assert_eq!(log.contains(start), model.entries.iter().any(|(id, _)| *id == start));
        }
        // What a file would hold makes the same log again.
        let mut loaded = Log::default();
        for (master, node) in log.nodes().iter() {
            let pack = Listpack::from_bytes(node.listpack().as_bytes()).unwrap();
            prop_assert!(loaded.push_node(master, Node::from_listpack(pack, master).unwrap()));
        }
        prop_assert_eq!((all(&loaded), loaded.first_id()), (model.entries, log.first_id()));
    }

    #[test]
    fn damaged_nodes_are_refused_or_can_be_read(
        entries in prop::collection::vec(pairs(), 1..5),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        deleted in any::<bool>(),
    ) {
        let mut log = Log::default();
        for (seq, pairs) in (1..).zip(&entries) {
            log.append(StreamId::new(1, seq), pairs, NodeLimits::default()).unwrap();
        }
        if deleted && entries.len() > 1 {
            log.delete(StreamId::new(1, 1));
        }
        let (master, node) = log.nodes().iter().next().unwrap();
        let mut bytes = node.listpack().as_bytes().to_vec();
        *place.get_mut(&mut bytes) = byte;
        if let Some(node) = Listpack::from_bytes(&bytes).ok().and_then(|pack| Node::from_listpack(pack, master)) {
            let live = node.live();
            let mut damaged = Log::default();
            prop_assert!(damaged.push_node(master, node));
            prop_assert_eq!(all(&damaged).len() as u64, live);
            prop_assert_eq!(damaged.range_back(StreamId::MIN, StreamId::MAX).count() as u64, live);
        }
    }

    #[test]
    fn a_group_knows_who_has_what(
        steps in prop::collection::vec((0..6u8, 0..12u64, 0..4u8, 0..1000i64), 1..150)
    ) {
        let mut group = Group::default();
        let mut pending: BTreeMap<StreamId, (Vec<u8>, i64, u64)> = BTreeMap::new();
        let mut names: BTreeMap<Vec<u8>, ()> = BTreeMap::new();
        for (kind, seq, consumer, now_ms) in steps {
            let (id, name) = (StreamId::new(1, seq), vec![b'a' + consumer]);
            match kind {
                0..=2 => {
                    let number = group.find(&name).or_else(|| group.add_consumer(&name, now_ms)).unwrap();
                    prop_assert!(group.add_consumer(&name, now_ms).is_none());
                    let deliveries = now_ms as u64 % 5;
                    group.assign(id, Pending { delivered_ms: now_ms, deliveries, consumer: number });
                    names.insert(name.clone(), ());
                    pending.insert(id, (name, now_ms, deliveries));
                }
                3 => {
                    let gone = group.acknowledge(id).map(|was| (was.delivered_ms, was.deliveries));
                    prop_assert_eq!(gone, pending.remove(&id).map(|(_, time, count)| (time, count)));
                }
                4 => {
                    group.redeliver(id, now_ms);
                    pending.entry(id).and_modify(|(_, time, count)| (*time, *count) = (now_ms, *count + 1));
                }
                _ => {
                    let had = pending.values().filter(|(owner, ..)| *owner == name).count();
                    let expected = names.remove(&name).map(|()| had);
                    prop_assert_eq!(group.remove_consumer(&name), expected);
                    pending.retain(|_, (owner, ..)| *owner != name);
                }
            }
        }
        let story = |consumer: Option<ConsumerNumber>| -> BTreeMap<StreamId, (Vec<u8>, i64, u64)> {
            let within = group.pending_within(StreamId::MIN..=StreamId::MAX, consumer);
            within
                .map(|(id, it)| {
                    (id, (group.consumer(it.consumer).name().to_vec(), it.delivered_ms, it.deliveries))
                })
                .collect()
        };
        prop_assert_eq!(&story(None), &pending);
        let found: Vec<_> = group.consumers().map(|consumer| consumer.name().to_vec()).collect();
        prop_assert_eq!(found, names.keys().cloned().collect::<Vec<_>>());
        for name in names.keys() {
            let mut expected = pending.clone();
            expected.retain(|_, (owner, ..)| owner == name);
            prop_assert_eq!(story(group.find(name)), expected);
        }
    }
}

fn log_of(seqs: impl IntoIterator<Item = u64>) -> Log {
    let mut log = Log::default();
    for seq in seqs {
        log.append(StreamId::new(1, seq), &["temp", "21.5", "hum", "40"], NodeLimits::default()).unwrap();
    }
    log
}

#[test]
fn an_entry_takes_few_bytes() {
    let mut log = Log::default();
    for n in 0..10_000u64 {
        let (id, hum) = (StreamId::new(1_700_000_000_000 + n / 400, n % 400), (n % 100).to_string());
        log.append(id, &["temp", "21.5", "hum", &hum], NodeLimits::default()).unwrap();
    }
    let bytes: usize = log.nodes().iter().map(|(_, node)| node.listpack().memory_bytes()).sum();
    assert_eq!(log.nodes().len(), 100);
    assert!(bytes <= 180_000, "{bytes} bytes for 10,000 entries");
}

#[test]
fn the_bytes_of_a_node_are_those_of_redis() {
    let mut log = Log::default();
    log.append(StreamId::new(5, 1), &["f", "1"], NodeLimits::default()).unwrap();
    log.append(StreamId::new(5, 3), &["f", "ab"], NodeLimits::default()).unwrap();
    log.append(StreamId::new(6, 0), &["g", "x"], NodeLimits::default()).unwrap();
    log.delete(StreamId::new(5, 3));
    let (_, node) = log.nodes().iter().next().unwrap();
    let shown: Vec<String> = node
        .listpack()
        .iter()
        .map(|element| String::from_utf8_lossy(element.bytes(&mut itoa::Buffer::new())).into_owned())
        .collect();
    assert_eq!(shown.join(" "), "2 1 1 f 0 2 0 0 1 4 3 0 2 ab 4 0 1 -1 1 g x 6");
}

#[test]
fn nothing_is_added_below_the_last_id_nor_beyond_all_sizes() {
    let mut log = log_of([5]);
    let limits = NodeLimits::default();
    assert_eq!(log.append(StreamId::new(1, 5), &["a", "b"], limits), Err(AppendError::NotAbove));
    assert_eq!(log.append(StreamId::new(0, 9), &["a", "b"], limits), Err(AppendError::NotAbove));
    assert!(log.delete(StreamId::new(1, 5)));
    assert_eq!(log.append(StreamId::new(1, 5), &["a", "b"], limits), Err(AppendError::NotAbove));
    assert_eq!((log.len(), log.first_id(), log.nodes().len()), (0, StreamId::MIN, 0));
}

#[test]
fn how_far_a_group_has_come_is_known_at_both_ends_and_without_holes() {
    let id = |seq| StreamId::new(1, seq);
    let mut log = log_of(1..=5);
    let up_to = |log: &Log, seqs: std::ops::RangeInclusive<u64>| {
        seqs.map(|seq| log.entries_up_to(id(seq))).collect::<Vec<_>>()
    };
    assert_eq!(up_to(&log, 0..=6), [Some(0), Some(1), None, None, None, Some(5), None]);
    log.delete(id(1));
    assert_eq!(up_to(&log, 0..=5), [Some(1), Some(1), Some(2), None, None, Some(5)]);
    log.delete(id(3));
    assert_eq!(up_to(&log, 0..=5), [None, None, None, None, None, Some(5)]);

    let mut group = Group::new(id(2), Some(2));
    assert_eq!(log.lag(&group), None);
    assert!(group.advance(&log, id(4)));
    assert!(!group.advance(&log, id(4)));
    assert_eq!((group.entries_read, log.lag(&group)), (Some(3), Some(2)));
    assert!(group.advance(&log, id(5)));
    assert_eq!((group.entries_read, log.lag(&group)), (Some(4), Some(1)));
    assert_eq!(Log::default().lag(&Group::default()), Some(0));
}
