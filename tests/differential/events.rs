//! What is told of each step: the keyspace events of all classes, in order.

use crate::peers::DATABASES;
use crate::random::Argument;
use crate::support::{Event, Listener, Value};

/// What has happened since the last call.
#[derive(Debug)]
pub struct Told {
    events: Vec<Event>,
    /// Those of keys that have expired, sorted: Redis finds them now and then, ours finds all on time. So every key is
    /// visited before anything is told, and when each was found is not compared.
    expired: Vec<Event>,
}

pub fn told(listener: &mut Listener) -> Told {
    let databases: Vec<String> = (0..DATABASES).map(|database| database.to_string()).collect();
    let visits = databases.iter().flat_map(|db| [vec!["SELECT", db], vec!["SCAN", "0", "COUNT", "1000000"]]);
    let visits: Vec<Vec<&str>> = visits.collect();
    let (mut expired, events): (Vec<_>, Vec<_>) =
        listener.heard_after(&visits).into_iter().partition(|event| event.name == "expired");
    expired.sort();
    Told { events, expired }
}

/// Both lists as text, if they differ in more than is known of a command that was answered so.
pub fn difference(arguments: &[Argument], reply: &Value, [ours, theirs]: [Told; 2]) -> Option<String> {
    let command = String::from_utf8_lossy(&arguments[0]).to_uppercase();
    let is_refused = is_refused(reply);
    let [ours, theirs] = [ours, theirs].map(|Told { mut events, expired }| {
        // Redis looks for some keys before it reads what else was said; ours does not look where that is wrong.
        events.retain(|event| !(is_newer(&event.name) || is_refused && event.name == "keymiss"));
        if ["SORT", "SORT_RO", "EXEC"].contains(&&*command) {
            // In which order SORT looks at the members of sets is each server's own.
            events.sort();
        }
        [events, expired].concat()
    });
    let lines = |events: &[Event]| events.iter().map(|event| format!("* {event}\n")).collect::<String>();
    (ours != theirs).then(|| format!("-- ours\n{}-- redis-server\n{}", lines(&ours), lines(&theirs)))
}

/// Whether this is an error, or a transaction in which there was one.
fn is_refused(reply: &Value) -> bool {
    match reply {
        Value::Array(replies) => replies.iter().any(Value::is_error),
        reply => reply.is_error(),
    }
}

/// Since 7.2 a consumer comes to be also where there is nothing for it, so there are other ones.
fn is_newer(name: &str) -> bool {
    ["xgroup-createconsumer", "xgroup-delconsumer"].contains(&name)
}
