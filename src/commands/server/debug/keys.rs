//! The subcommands of DEBUG that look at keys, or make many.
use super::lists;
use crate::{
    commands::{Backstage, Outcome, args::Args, error::CommandError},
    resp::Reply,
    store::{Changes, Deadline, EntryRef, Kind, List, Text, TextRef},
};
use bytes::Bytes;

/// The entry of a key, expired or not: whoever debugs wants to see what is there.
pub fn entry<'a>(backstage: &'a Backstage, key: &[u8]) -> Result<EntryRef<'a>, CommandError> {
    backstage.changes.view().database().find(key).ok_or(CommandError::NoSuchKey)
}

pub fn reply_object(backstage: &Backstage, key: &[u8], reply: &mut Reply) -> Outcome {
    let entry = entry(backstage, key)?;
    let clock = backstage.changes.store.access_clock();
    let list = entry.value::<List>().and_then(List::as_quicklist);
    reply.status(&format!(
        "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}{}",
        entry.key().as_ptr(),
        entry.encoding(),
        serialized_length(entry),
        entry.clock(),
        clock.idle_seconds(entry.clock()),
        list.map(lists::figures).unwrap_or_default(),
    ));
    Ok(())
}
/// Length of a value in an RDB file, without compression. Compact encodings stand there as they stand in memory.
fn serialized_length(entry: EntryRef) -> usize {
    if let Some(object) = entry.object() {
        return object.memory_bytes(0);
    }
    let text = entry.text();
    let small = match text.integer() {
        Some(n) if i8::try_from(n).is_ok() => Some(1),
        Some(n) if i16::try_from(n).is_ok() => Some(2),
        Some(n) if i32::try_from(n).is_ok() => Some(4),
        _ => None,
    };
    let length = text.len();
    match (small, length) {
        (Some(bytes), _) => 1 + bytes,
        (None, 0..64) => 1 + length,
        (None, 64..16_384) => 2 + length,
        (None, _) => 5 + length,
    }
}

pub fn reply_string_lengths(backstage: &Backstage, key: &[u8], reply: &mut Reply) -> Outcome {
    let entry = entry(backstage, key)?;
    if entry.kind() != Kind::String || matches!(entry.text(), TextRef::Integer(_)) {
        return Err(CommandError::fixed("ERR Not an sds encoded string."));
    }
    // Key and value stand in one allocation, of just the size that they need.
    let (key, value) = (entry.key().len(), entry.text().len());
    reply.status(&format!(
        "key_sds_len:{key}, key_sds_avail:0, key_zmalloc: {key}, \
         val_sds_len:{value}, val_sds_avail:0, val_zmalloc: {}",
        entry.size_bytes(0) - key
    ));
    Ok(())
}

pub fn reply_table_statistics(backstage: &Backstage, database: usize, reply: &mut Reply) {
    let database = backstage.changes.store.database(database);
    let describe = |keys: usize, more: String| match keys {
        0 => "No stats available for empty dictionaries\n".to_string(),
        keys => format!(" number of elements: {keys}\n{more}"),
    };
    let table = format!(" table bytes: {}\n", database.table_bytes());
    let text = format!(
        "[Dictionary HT]\n{}[Expires HT]\n{}",
        describe(database.len(), table),
        // Deadlines stand in the entries: they take no table of their own.
        describe(database.volatile(), String::new())
    );
    reply.verbatim("txt", text.as_bytes());
}
/// About the hash table of a big set, hash or sorted set. It grows a bucket at a time: there is never a second table
/// to which it is rehashed, so there is no other to tell of.
pub fn reply_table_statistics_of_key(backstage: &Backstage, key: &[u8], reply: &mut Reply) -> Outcome {
    let entry = entry(backstage, key)?;
    let holds_table = matches!(entry.encoding(), "hashtable" | "skiplist");
    let Some(object) = entry.object().filter(|_| holds_table) else {
        return Err(CommandError::fixed(
            "ERR The value stored at the specified key is not represented using an hash table",
        ));
    };
    let text = format!(" number of elements: {}\n value bytes: {}\n", object.len(), object.memory_bytes(0));
    reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Keys `prefix:0`, `prefix:1` … with values `value:0` …, or of `size` bytes that begin so.
pub struct Populate {
    count: u64,
    prefix: Bytes,
    size: usize,
}
impl Populate {
    pub fn parse(args: &mut Args) -> Result<Populate, CommandError> {
        let positive = |args: &mut Args| {
            let out_of_range = CommandError::fixed("ERR value is out of range, must be positive");
            u64::try_from(args.integer()?).map_err(|_| out_of_range)
        };
        let string_bytes_max = args.context().string_bytes_max;
        let count = positive(args)?;
        let prefix = if args.is_empty() { Bytes::from_static(b"key") } else { args.bytes()? };
        let size = if args.is_empty() { 0 } else { positive(args)? as usize };
        if size > string_bytes_max {
            return Err(CommandError::StringTooLong);
        }
        Ok(Populate { count, prefix, size })
    }
    pub fn run(&self, changes: &mut Changes) {
        for number in 0..self.count {
            let key = [&self.prefix, format!(":{number}").as_bytes()].concat();
            if changes.lookup(&key).is_some() {
                continue;
            }
            let mut value = format!("value:{number}").into_bytes();
            if self.size > 0 {
                value.resize(self.size, 0);
            }
            changes.set_string(&key, Text::smallest(&Bytes::from(value)), Deadline::Clear);
            changes.modified_quietly(&key);
        }
        // Test data: whoever wants it on a replica makes it there.
        changes.rewrite_as_nothing();
    }
}
