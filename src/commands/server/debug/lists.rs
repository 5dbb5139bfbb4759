//! The subcommands of DEBUG about compact encodings: what is in them goes to the log.
use super::{Action, keys::entry};
use crate::{
    commands::{Backstage, Outcome, args::Args, error::CommandError},
    config::read_memory,
    data::quicklist::Quicklist,
    resp::Reply,
    store::List,
};

/// Below 4 GiB, and not even near.
const THRESHOLD_BYTES_MAX: i128 = (1 << 32) - (1 << 20);

pub fn parse_threshold(args: &mut Args) -> Result<Action, CommandError> {
    let bytes = std::str::from_utf8(args.word()?).ok().and_then(read_memory);
    match bytes.filter(|&bytes| bytes <= THRESHOLD_BYTES_MAX) {
        Some(0) => Ok(Action::PlainFromBytes(None)),
        Some(bytes) => Ok(Action::PlainFromBytes(Some(bytes as usize))),
        None => {
            Err(CommandError::fixed("ERR argument must be a memory value bigger than 1 and smaller than 4gb"))
        }
    }
}

pub fn show_listpack(backstage: &Backstage, key: &[u8], reply: &mut Reply) -> Outcome {
    let entry = entry(backstage, key)?;
    if !matches!(entry.encoding(), "listpack" | "listpackex") {
        return Err(CommandError::fixed("ERR Not a listpack encoded object."));
    }
    let object = entry.object();
    let (len, bytes) = object.map_or((0, 0), |object| (object.len(), object.memory_bytes(0)));
    let elements = entry.value::<List>().and_then(List::as_listpack);
    tracing::info!("DEBUG LISTPACK {}: {len} in {bytes} bytes {elements:?}", key.escape_ascii());
    reply.status("Listpack structure printed on stdout");
    Ok(())
}

pub fn show_quicklist(backstage: &Backstage, key: &[u8], reply: &mut Reply) -> Outcome {
    let list = entry(backstage, key)?.value::<List>().and_then(List::as_quicklist);
    let list = list.ok_or(CommandError::fixed("ERR Not a quicklist encoded object."))?;
    tracing::info!("DEBUG QUICKLIST {}: {} elements,{}", key.escape_ascii(), list.len(), figures(list));
    reply.status("Quicklist structure printed on stdout");
    Ok(())
}

/// What DEBUG OBJECT tells of a long list beside what it tells of all values.
pub fn figures(list: &Quicklist) -> String {
    let layout = list.layout();
    format!(
        " ql_nodes:{} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:{} ql_uncompressed_size:{}",
        list.node_count(),
        list.len() as f64 / list.node_count() as f64,
        layout.limit.parameter(),
        (layout.compress_depth > 0) as u8,
        list.byte_len()
    )
}
