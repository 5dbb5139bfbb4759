//! Frees large values on a thread of its own, so that no client waits for a big DEL; after FLUSHALL SYNC its own does.
use super::{Keyspace, Letter, RepliesSent, Sweep};
use crate::{
    actors::courier::messages::{End, Replies},
    allocator,
    board::Board,
    store::Garbage,
};
use actix::{Addr, Recipient};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

/// What is to be freed, and what waits for that.
struct Load {
    garbage: Vec<Garbage>,
    then: Option<Then>,
}
enum Then {
    Answer(Recipient<Replies>, Replies),
    /// They must not overtake the replies of loads before.
    Post(Vec<Letter>),
    /// Somebody waits until all is sent that came before.
    Tell(SyncSender<()>),
    /// The Keyspace wants to hear of that.
    Report,
}

pub struct Dropper {
    loads: Sender<Load>,
    /// How many loads with something to be sent have come, and of how many it was sent.
    come: u64,
    sent: Arc<AtomicU64>,
    /// Clients with something that waits here, and which load has the last of it: what they are sent next must not overtake
    /// that.
    behind: HashMap<u64, u64>,
    board: Arc<Board>,
}
impl Dropper {
    pub fn start(board: Arc<Board>, keyspace: Addr<Keyspace>) -> Dropper {
        let (sender, loads) = channel();
        let posts = board.clone();
        let sent = Arc::new(AtomicU64::new(0));
        let count = sent.clone();
        if let Err(error) = thread::Builder::new()
            .name("dropper".into())
            .spawn(move || drop_all(loads, &count, &posts, &keyspace))
        {
            // The channel is closed then, and everything is freed where it falls.
            tracing::warn!("No thread for freeing large values: {error}");
        }
        Dropper { loads: sender, come: 0, sent, behind: HashMap::new(), board }
    }
    pub fn drop_elsewhere(&mut self, garbage: Vec<Garbage>) {
        self.hand_over(Load { garbage, then: None });
    }
    /// As [`Dropper::drop_elsewhere`], and then sends replies.
    pub fn drop_before(&mut self, garbage: Vec<Garbage>, reply_to: Recipient<Replies>, replies: Replies) {
        let number = self.come + 1;
        self.behind.extend(replies.ends.iter().map(|End { line, .. }| (line.client, number)));
        self.hand_over(Load { garbage, then: Some(Then::Answer(reply_to, replies)) });
    }
    /// Whether what a client is sent now must not overtake what waits here for it.
    pub fn is_behind(&mut self, client: u64) -> bool {
        if self.behind.is_empty() {
            return false;
        }
        let sent = self.sent.load(Acquire);
        if sent == self.come {
            self.behind.clear();
        }
        self.behind.get(&client).is_some_and(|number| *number > sent)
    }
    /// Whether something waits here for one of these clients: then this number tells when the last of it is sent.
    pub fn holds_for(&self, is_one: impl Fn(u64) -> bool) -> Option<u64> {
        let sent = self.sent.load(Acquire);
        let is_held = |(client, number): (&u64, &u64)| *number > sent && is_one(*client);
        (sent < self.come && self.behind.iter().any(is_held)).then_some(self.come)
    }
    /// Whether what had this number is sent.
    pub fn has_sent(&self, number: u64) -> bool {
        self.sent.load(Acquire) >= number
    }
    /// The Keyspace is told when all is sent that waits here now.
    pub fn ask_for_report(&mut self) {
        self.hand_over(Load { garbage: Vec::new(), then: Some(Then::Report) });
    }
    /// Waits until nothing waits here any more. Nobody is served meanwhile.
    pub fn settle(&mut self) {
        if self.sent.load(Acquire) < self.come {
            let (done, told) = sync_channel(1);
            self.hand_over(Load { garbage: Vec::new(), then: Some(Then::Tell(done)) });
            // Without that thread all is done at once.
            let _ = told.recv();
        }
    }
    /// Sends letters behind the replies that wait here.
    pub fn post_behind(&mut self, letters: Vec<Letter>) {
        let number = self.come + 1;
        self.behind.extend(letters.iter().map(|letter| (letter.to.id, number)));
        self.hand_over(Load { garbage: Vec::new(), then: Some(Then::Post(letters)) });
    }
    fn hand_over(&mut self, load: Load) {
        let objects: usize = load.garbage.iter().map(Garbage::objects).sum();
        let bytes: usize = load.garbage.iter().map(Garbage::bytes).sum();
        self.board.vitals.lazyfree_pending.fetch_add(objects as i64, Relaxed);
        self.board.vitals.lazyfree_pending_bytes.fetch_add(bytes as i64, Relaxed);
        if load.then.is_some() {
            self.come += 1;
        }
        if let Err(unsent) = self.loads.send(load) {
            drop_load(unsent.0, &self.sent, &self.board);
        }
    }
}

/// From this many objects on, the Keyspace is asked to let go of the pages in which they lay.
const OBJECTS_TO_SWEEP: usize = 1000;

fn drop_all(loads: Receiver<Load>, sent: &AtomicU64, board: &Board, keyspace: &Addr<Keyspace>) {
    for load in loads {
        let objects: usize = load.garbage.iter().map(Garbage::objects).sum();
        let reports = matches!(load.then, Some(Then::Report));
        drop_load(load, sent, board);
        if reports {
            keyspace.do_send(RepliesSent);
        }
        if objects >= OBJECTS_TO_SWEEP {
            keyspace.do_send(Sweep);
        }
    }
}
fn drop_load(load: Load, sent: &AtomicU64, board: &Board) {
    for piece in load.garbage {
        let (objects, mut left) = (piece.objects(), piece.bytes() as i64);
        let mut before = allocator::own_bytes();
        // What is free already must not count as what will be.
        piece.drop_in_parts(|| {
            let freed = (before - allocator::own_bytes()).max(0) as i64;
            before -= freed as isize;
            let freed = freed.min(left);
            left -= freed;
            board.vitals.lazyfree_pending_bytes.fetch_sub(freed, Relaxed);
        });
        board.vitals.lazyfree_pending_bytes.fetch_sub(left, Relaxed);
        board.vitals.lazyfree_pending.fetch_sub(objects as i64, Relaxed);
        board.vitals.lazyfreed.fetch_add(objects as u64, Relaxed);
    }
    match load.then {
        None => return,
        Some(Then::Answer(reply_to, replies)) => reply_to.do_send(replies),
        Some(Then::Post(letters)) => letters.into_iter().for_each(Letter::send),
        // Whoever asked waits for it.
        Some(Then::Tell(done)) => drop(done.send(())),
        // Its sender sees to it.
        Some(Then::Report) => {}
    }
    sent.fetch_add(1, Release);
}
