//! What a server has: its data, and how far its stream is.
use crate::{
    node::{Node, until},
    support::{Client, Value},
};
use std::{collections::BTreeMap, fmt};

const DATABASES: usize = 4;

/// Waits until every replica has applied all of the first one's stream.
pub fn converge(clients: &mut [Client]) {
    let (master, replicas) = clients.split_first_mut().expect("a master");
    let mut seen = String::new();
    let converged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        until("equal offsets", || {
            let applied: Vec<String> = replicas.iter_mut().map(applied).collect();
            let written = field(master, "master_repl_offset");
            seen = format!("{written} at the master, {applied:?}");
            applied.iter().all(|offset| *offset == written)
        });
    }));
    assert!(converged.is_ok(), "they do not converge: {seen}");
}

/// The same for servers, the master first.
pub fn converge_nodes(nodes: &[&Node]) {
    converge(&mut nodes.iter().map(|node| node.connect()).collect::<Vec<_>>());
}

/// Waits for equal offsets and compares everything.
pub fn assert_same(nodes: &[&Node]) {
    let mut clients: Vec<Client> = nodes.iter().map(|node| node.connect()).collect();
    converge(&mut clients);
    if let Some(difference) = difference(&mut clients) {
        panic!("{difference}");
    }
}

fn applied(replica: &mut Client) -> String {
    match field(replica, "master_link_status").as_str() {
        "up" => field(replica, "slave_repl_offset"),
        status => format!("link {status}"),
    }
}

fn field(client: &mut Client, name: &str) -> String {
    let text = client.call(&["INFO", "replication"]).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim_end().to_string()
}

/// How the replicas differ from the master, if they do.
pub fn difference(clients: &mut [Client]) -> Option<String> {
    let digests: Vec<Value> = clients.iter_mut().map(|client| client.call(&["DEBUG", "DIGEST"])).collect();
    assert!(!digests[0].is_error(), "{digests:?}");
    // The digest knows no times and no consumer groups.
    let states: Vec<State> = clients.iter_mut().map(state).collect();
    let (mut lines, mut spelt_differently) = (Vec::new(), false);
    for (index, state) in states.iter().enumerate().skip(1) {
        for key in states[0].keys().chain(state.keys().filter(|key| !states[0].contains_key(*key))) {
            let nothing = Shown { text: "nothing".into(), digest: String::new() };
            let [master, replica] = [&states[0], state].map(|state| state.get(key).unwrap_or(&nothing));
            // What 7.0 digests of a score is another spelling of it than what 7.4 does.
            let is_spelling = master.text == replica.text && master.text.starts_with("zset");
            spelt_differently |= is_spelling && master.digest != replica.digest;
            if master != replica && !is_spelling {
                lines.push(format!("{key}\n-- master\n{master}\n-- replica {index}\n{replica}"));
            }
        }
    }
    if lines.is_empty() && !spelt_differently && digests.iter().any(|digest| *digest != digests[0]) {
        // Was it passing, or does something lie there that nobody sees?
        let later: Vec<String> = clients
            .iter_mut()
            .flat_map(|client| [client.call(&["DEBUG", "DIGEST"]), client.call(&["INFO", "keyspace"])])
            .map(|reply| reply.text())
            .collect();
        lines.push(format!("only the digests differ: {digests:?}; later {}", later.join("\n")));
    }
    (!lines.is_empty()).then(|| lines.join("\n\n"))
}

/// What there is to each key, and to each library.
type State = BTreeMap<String, Shown>;

#[derive(PartialEq)]
struct Shown {
    text: String,
    digest: String,
}
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.text, self.digest)
    }
}

fn state(client: &mut Client) -> State {
    let mut state = State::new();
    for database in 0..DATABASES {
        assert_eq!(client.call(&["SELECT", &database.to_string()]), Value::ok());
        for name in client.call(&["KEYS", "*"]).items() {
            let key = name.bytes();
            let kind = client.call(&[b"TYPE", key]).text();
            let digest = client.call(&[&b"DEBUG"[..], b"DIGEST-VALUE", key]).items().remove(0).text();
            let expires = client.call(&[b"PEXPIRETIME", key]).integer();
            let more = match &*kind {
                "stream" => groups(client, key),
                "zset" => scores(client, key),
                _ => String::new(),
            };
            let place = format!("{database}: {}", crate::random::line(&[key.to_vec()]));
            state.insert(place, Shown { text: format!("{kind} expires {expires}{more}"), digest });
        }
    }
    assert_eq!(client.call(&["SELECT", "0"]), Value::ok());
    for library in client.call(&["FUNCTION", "LIST", "WITHCODE"]).items() {
        let field = |name| library.field(name).expect("a field of FUNCTION LIST").text();
        let code = Shown { text: field("library_code"), digest: String::new() };
        state.insert(format!("library {}", field("library_name")), code);
    }
    state
}

/// Members and scores, however the server spells them.
fn scores(client: &mut Client, key: &[u8]) -> String {
    let items = client.call(&[&b"ZRANGE"[..], key, b"0", b"-1", b"WITHSCORES"]).items();
    let scores = items.chunks(2).map(|pair| {
        let score: f64 = pair[1].text().parse().expect("a score");
        format!("\n  {} {score:?}", crate::random::line(&[pair[0].bytes().to_vec()]))
    });
    scores.collect()
}

/// What else there is to a stream. Consumers that have nothing are left out: 7.0 does not tell its replicas of all.
fn groups(client: &mut Client, key: &[u8]) -> String {
    let about = client.call(&[&b"XINFO"[..], b"STREAM", key]);
    let mut text = String::new();
    for name in ["last-generated-id", "max-deleted-entry-id", "entries-added"] {
        text += &format!("\n  {name} {}", about.field(name).expect("a field of XINFO STREAM").text());
    }
    for group in client.call(&[&b"XINFO"[..], b"GROUPS", key]).items() {
        let name = group.field("name").expect("a group's name");
        let read = group.field("entries-read").expect("a field of XINFO GROUPS");
        let last = group.field("last-delivered-id").expect("a field of XINFO GROUPS").text();
        text += &format!("\n  group {} at {last}, {read:?} read", name.text());
        let pending = client.call(&[&b"XPENDING"[..], key, name.bytes(), b"-", b"+", b"1000"]);
        for entry in pending.items() {
            let fields = entry.items();
            text += &format!("\n    {} {} {}", fields[0].text(), fields[1].text(), fields[3].text());
        }
    }
    text
}
