//! Values at random: small ones and large ones, in every encoding.
use crate::{
    data::stream::{NodeLimits, Pending, StreamId},
    store::{Content, EncodingLimits, End, Hash, List, Object, Set, SortedSet, Stream, sorted_set::Adding},
};
use proptest::prelude::*;

/// A value as it is made. Which encoding it takes is the limits' doing.
#[derive(Clone, Debug)]
pub enum Model {
    Text(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    SortedSet(Vec<(Vec<u8>, f64)>),
    /// Name, value, deadline.
    Hash(Vec<(Vec<u8>, Vec<u8>, Option<i64>)>),
    Stream(StreamModel),
}

#[derive(Clone, Debug)]
pub struct StreamModel {
    /// Step to the next ID, number of fields, whether it is deleted again.
    entries: Vec<(u64, usize, bool)>,
    /// Consumers of each group, and who has which entry.
    groups: Vec<(u8, Vec<(u8, usize)>)>,
}

fn word() -> impl Strategy<Value = Vec<u8>> + Clone {
    prop_oneof![
        3 => (-300..300_i64).prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 0..20),
        2 => prop::collection::vec(b'a'..b'd', 15..120),
        1 => (60..70_usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-50..50_i32).prop_map(f64::from),
        any::<f64>().prop_filter("a score is a number", |score| !score.is_nan()),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.1),
    ]
}

fn words() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop_oneof![prop::collection::vec(word(), 1..12), prop::collection::vec(word(), 100..260)]
}

fn integers() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let number = prop_oneof![-9..9_i64, any::<i16>().prop_map(i64::from), any::<i64>()];
    prop::collection::vec(number.prop_map(|number| number.to_string().into_bytes()), 1..90)
}

fn stream() -> impl Strategy<Value = StreamModel> {
    let entry = (prop_oneof![Just(0), Just(1), 1..99_u64, any::<u32>().prop_map(u64::from)], 1..4_usize);
    let entries = prop::collection::vec((entry, prop::bool::weighted(0.2)), 0..60);
    let group = (0..5_u8, prop::collection::vec((any::<u8>(), any::<usize>()), 0..30));
    (entries, prop::collection::vec(group, 0..4)).prop_map(|(entries, groups)| StreamModel {
        entries: entries.into_iter().map(|((step, fields), deleted)| (step, fields, deleted)).collect(),
        groups,
    })
}

pub fn model() -> impl Strategy<Value = Model> {
    let deadline = prop_oneof![3 => Just(None), 1 => (1..1_i64 << 46).prop_map(Some)];
    let plain_fields = words().prop_map(|words| {
        words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone(), None)).collect::<Vec<_>>()
    });
    let field = (word(), word(), deadline);
    let fields =
        prop_oneof![prop::collection::vec(field.clone(), 1..9), prop::collection::vec(field, 80..200)];
    prop_oneof![
        word().prop_map(Model::Text),
        prop::collection::vec(any::<u8>(), 4000..5000).prop_map(Model::Text),
        (1..600_000_usize).prop_map(|len| Model::Text((0..len).map(|at| (at % 251) as u8).collect())),
        words().prop_map(Model::List),
        words().prop_map(Model::Set),
        integers().prop_map(Model::Set),
        prop::collection::vec((word(), score()), 1..200).prop_map(Model::SortedSet),
        plain_fields.prop_filter("no hash is empty", |fields| !fields.is_empty()).prop_map(Model::Hash),
        fields.prop_map(Model::Hash),
        stream().prop_map(Model::Stream),
    ]
}

/// Limits at which values of the size above change their encodings.
pub fn limits() -> impl Strategy<Value = EncodingLimits> {
    let size = prop_oneof![Just(0_usize), 1..9_usize, Just(128), Just(512)];
    let bytes = prop_oneof![Just(10_usize), Just(64)];
    let list = prop_oneof![-5..0_i32, 1..30_i32];
    (size.clone(), bytes, list, 0..3_u32, size, prop::option::of(30..90_usize)).prop_map(
        |(entries, bytes, list, depth, integers, plain)| EncodingLimits {
            hash_listpack_entries_max: entries,
            hash_listpack_value_bytes_max: bytes,
            list_listpack_size: list,
            list_compress_depth: depth,
            list_plain_from_bytes: plain,
            set_intset_entries_max: integers,
            set_listpack_entries_max: entries,
            set_listpack_value_bytes_max: bytes,
            sorted_set_listpack_entries_max: entries,
            sorted_set_listpack_value_bytes_max: bytes,
            stream_node_bytes_max: 200,
            stream_node_entries_max: 7,
            ..EncodingLimits::default()
        },
    )
}

impl Model {
    pub fn make(&self, limits: &EncodingLimits) -> Content {
        Content::Object(match self {
            Model::Text(bytes) => return Content::Text(bytes.clone().into()),
            Model::List(words) => make_list(words, limits).into(),
            Model::Set(words) => {
                let mut set = Set::new(&words[0], 1, limits);
                words.iter().for_each(|word| _ = set.insert(word, limits));
                set.into()
            }
            Model::SortedSet(items) => {
                let mut set = SortedSet::new(1, 1, limits);
                for (member, score) in items {
                    set.add(member, *score, Adding::default(), limits).expect("a score is a number");
                }
                set.into()
            }
            Model::Hash(fields) => {
                let mut hash = Hash::default();
                for (name, value, deadline) in fields {
                    hash.set(name, value, limits);
                    if deadline.is_some() {
                        hash.set_deadline(name, *deadline);
                    }
                }
                hash.into()
            }
            Model::Stream(model) => Object::from(model.make()),
        })
    }
}

fn make_list(words: &[Vec<u8>], limits: &EncodingLimits) -> List {
    let mut list = List::default();
    for (index, word) in words.iter().enumerate() {
        list.grow(1, word.len(), limits);
        list.push(if index % 3 == 0 { End::Head } else { End::Tail }, word);
    }
    list
}

impl StreamModel {
    fn make(&self) -> Stream {
        let mut stream = Stream::default();
        let limits = NodeLimits { bytes_max: 200, entries_max: 7 };
        let (mut id, mut ids) = (StreamId::new(5, 0), Vec::new());
        for (number, (step, fields, _)) in self.entries.iter().enumerate() {
            id = match step {
                0 => StreamId::new(id.ms, id.seq + 1),
                step => StreamId::new(id.ms + step, 0),
            };
            let pairs: Vec<String> =
                (0..*fields).flat_map(|field| [format!("field-{field}"), (number * 7).to_string()]).collect();
            stream.log.append(id, &pairs, limits).expect("IDs rise");
            ids.push(id);
        }
        for (id, _) in ids.iter().zip(&self.entries).filter(|(_, (.., deleted))| *deleted) {
            stream.log.delete(*id);
        }
        for (number, group) in self.groups.iter().enumerate() {
            self.make_group(number, group, &ids, &mut stream);
        }
        stream
    }
    fn make_group(
        &self,
        number: usize,
        (consumers, pending): &(u8, Vec<(u8, usize)>),
        ids: &[StreamId],
        stream: &mut Stream,
    ) {
        let last_id = ids.get(number * 5).copied().unwrap_or_default();
        let read = number.is_multiple_of(2).then_some(number as i64);
        let mut group = crate::data::stream::Group::new(last_id, read);
        let names = (0..*consumers).map(|consumer| format!("consumer-{consumer}"));
        let numbers: Vec<_> =
            names.filter_map(|name| group.add_consumer(name.as_bytes(), 1000 + number as i64)).collect();
        for (index, &consumer) in numbers.iter().enumerate() {
            let active = [None, Some(1000 + number as i64), Some(77)][index % 3];
            group.consumer_mut(consumer).active_ms = active;
        }
        for (owner, entry) in pending.iter().filter(|_| !ids.is_empty() && !numbers.is_empty()) {
            let consumer = numbers[usize::from(*owner) % numbers.len()];
            let deliveries = u64::from(*owner) + 1;
            group.assign(ids[entry % ids.len()], Pending { delivered_ms: 9, deliveries, consumer });
        }
        stream.groups.insert(format!("group-{number}").into_bytes().into(), group);
    }
}

/// A value is there to be written only if it holds something.
pub fn is_storable(content: &Content) -> bool {
    match content {
        Content::Object(Object::Stream(_)) => true,
        Content::Object(object) => !object.get().is_empty(),
        _ => true,
    }
}
