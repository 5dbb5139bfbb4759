//! One connection to another server, over which keys are carried.
use crate::{
    commands::shipment::{Credentials, Delivery, Shipment, Trouble},
    resp::encode_command,
    tls::{Channel, Contexts},
};
use std::{
    cell::Cell,
    io,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf, split},
    net::TcpStream,
    time::timeout,
};

pub struct Carrier {
    lines: BufReader<ReadHalf<Channel>>,
    out: WriteHalf<Channel>,
    /// The database selected there.
    db: usize,
}

/// No reply to what is sent here is longer; whoever sends more is no server of the kind.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Written at once, so that a slow line is not taken for a dead one.
const CHUNK_BYTES: usize = 64 * 1024;

/// What came of one try.
struct Journey {
    delivery: Delivery,
    /// The other was silent for too long.
    timed_out: bool,
    /// If it can be used again.
    carrier: Option<Carrier>,
}

/// Carries it, by the connection at hand if there is one, or by a new one, with TLS if that is given. What comes back with
/// the delivery can be used again.
pub async fn carry(
    at_hand: Option<Carrier>,
    shipment: &Shipment,
    tls: Option<&Contexts>,
) -> (Delivery, Option<Carrier>) {
    if let Some(carrier) = at_hand {
        let Journey { delivery, timed_out, carrier } = carrier.carry(shipment).await;
        // The other may have closed the connection while it was idle: then a new one does it.
        let was_closed = delivery.trouble.is_some() && delivery.answers.is_empty() && !timed_out;
        if !was_closed {
            return (delivery, carrier);
        }
    }
    match Carrier::connect(shipment, tls).await {
        Ok(carrier) => {
            let Journey { delivery, carrier, .. } = carrier.carry(shipment).await;
            (delivery, carrier)
        }
        Err(error) => {
            tracing::debug!("MIGRATE to {}:{}: {error}", shipment.host, shipment.port);
            // As Redis tells them apart: a refusal is met when it writes.
            let was_refused = error.kind() == io::ErrorKind::ConnectionRefused;
            let trouble = Some(if was_refused { Trouble::Writing } else { Trouble::Connecting });
            (Delivery { trouble, ..Delivery::default() }, None)
        }
    }
}

impl Carrier {
    async fn connect(shipment: &Shipment, tls: Option<&Contexts>) -> io::Result<Carrier> {
        let limit = Duration::from_millis(shipment.timeout_ms);
        let stream = timeout(limit, TcpStream::connect((&*shipment.host, shipment.port))).await??;
        stream.set_nodelay(true)?;
        let channel = timeout(limit, Channel::open(stream, &shipment.host, tls)).await??;
        let (input, out) = split(channel);
        Ok(Carrier { lines: BufReader::new(input), out, db: 0 })
    }
    async fn carry(mut self, shipment: &Shipment) -> Journey {
        let preface = self.preface(shipment);
        let requests: Vec<&[u8]> =
            preface.iter().chain(&shipment.requests).map(|request| &request[..]).collect();
        let mut lines = Vec::with_capacity(requests.len());
        let limit = Duration::from_millis(shipment.timeout_ms);
        // Both at once: the other may answer before it has read all, and stop reading if nobody reads that.
        let heard_of = Cell::new(Instant::now());
        let write = write_all(&mut self.out, &requests, limit, &heard_of);
        let read = read_lines(&mut self.lines, requests.len(), limit, &heard_of, &mut lines);
        let failure =
            tokio::try_join!(async { write.await.map_err(|error| (Trouble::Writing, error)) }, async {
                read.await.map_err(|error| (Trouble::Reading, error))
            },)
            .err();
        let mut delivery = summary(&lines, preface.len());
        delivery.trouble = failure.as_ref().map(|(trouble, _)| *trouble).or(delivery.trouble);
        self.db = shipment.db;
        let is_good = delivery.trouble.is_none() && delivery.refusal.is_none();
        let timed_out = failure.is_some_and(|(_, error)| error.kind() == io::ErrorKind::TimedOut);
        Journey { delivery, timed_out, carrier: is_good.then_some(self) }
    }
    /// What must be said first: who asks, and for which database.
    fn preface(&self, shipment: &Shipment) -> Vec<Vec<u8>> {
        let mut requests = Vec::new();
        let mut say = |words: &[&[u8]]| {
            let mut request = Vec::new();
            encode_command(&mut request, words.iter().copied());
            requests.push(request);
        };
        match &shipment.credentials {
            Some(Credentials { user: Some(user), password }) => say(&[b"AUTH", user, password]),
            Some(Credentials { user: None, password }) => say(&[b"AUTH", password]),
            None => {}
        }
        if shipment.db != self.db {
            say(&[b"SELECT", shipment.db.to_string().as_bytes()]);
        }
        requests
    }
}

async fn write_all(
    out: &mut WriteHalf<Channel>,
    requests: &[&[u8]],
    limit: Duration,
    heard_of: &Cell<Instant>,
) -> io::Result<()> {
    for chunk in requests.iter().flat_map(|request| request.chunks(CHUNK_BYTES)) {
        timeout(limit, out.write_all(chunk)).await??;
        heard_of.set(Instant::now());
    }
    Ok(())
}

/// Reads so many lines. The other may be silent as long as it takes what is written.
async fn read_lines(
    input: &mut BufReader<ReadHalf<Channel>>,
    count: usize,
    limit: Duration,
    heard_of: &Cell<Instant>,
    lines: &mut Vec<String>,
) -> io::Result<()> {
    let mut line = Vec::new();
    while lines.len() < count {
        let mut rest = (&mut *input).take((LINE_BYTES_MAX - line.len()) as u64);
        // A part that was read when the time was over stays in `line`.
        match timeout(limit, rest.read_until(b'\n', &mut line)).await {
            Err(_) if heard_of.get().elapsed() < limit => continue,
            outcome => outcome??,
        };
        if line.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        lines.push(String::from_utf8_lossy(&line).trim_end().to_string());
        line.clear();
        heard_of.set(Instant::now());
    }
    Ok(())
}

/// What the answers say, of which the first `preface` are not about keys.
fn summary(lines: &[String], preface: usize) -> Delivery {
    let refusal = lines.iter().find_map(|line| line.strip_prefix('-')).map(str::to_string);
    // Where it was not who it said it was, or not in its database, nothing has arrived where it should.
    let (before, answers) = lines.split_at(preface.min(lines.len()));
    let is_there = before.len() == preface && !before.iter().any(|line| line.starts_with('-'));
    let answers = answers.iter().map(|line| is_there && line.starts_with('+')).collect();
    // Another kind of server, perhaps: what it says is no answer.
    let is_strange = lines.iter().any(|line| !line.starts_with(['+', '-']));
    Delivery { answers, refusal, trouble: is_strange.then_some(Trouble::Reading) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split('|').map(str::to_string).collect()
    }

    #[test]
    fn what_was_confirmed_has_arrived() {
        let delivery = summary(&lines("+OK|+OK|-BUSYKEY Target key name already exists.|+OK"), 1);
        assert_eq!(delivery.answers, [true, false, true]);
        assert_eq!(delivery.refusal.as_deref(), Some("BUSYKEY Target key name already exists."));
    }

    #[test]
    fn who_speaks_another_language_has_taken_nothing() {
        let delivery = summary(&lines("HTTP/1.1 400 Bad Request"), 0);
        assert_eq!((&delivery.answers[..], delivery.trouble), (&[false][..], Some(Trouble::Reading)));
        assert_eq!(summary(&lines("+OK|-ERR no"), 0).trouble, None);
    }
    #[test]
    fn nothing_arrives_in_a_place_that_is_not_there() {
        let delivery = summary(&lines("+OK|-ERR DB index is out of range|+OK"), 2);
        assert_eq!(delivery.answers, [false]);
        assert_eq!(delivery.refusal.as_deref(), Some("ERR DB index is out of range"));
        assert!(summary(&lines("+OK"), 2).answers.is_empty());
    }
}
