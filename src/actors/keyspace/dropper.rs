//! Frees large values on a thread of its own, so that no client waits for a big DEL; after FLUSHALL SYNC its own does.
use super::{Keyspace, Letter, Sweep};
use crate::{actors::courier::messages::Replies, board::Board, store::Garbage};
use actix::{Addr, Recipient};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc::{Receiver, Sender, channel},
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
}

pub struct Dropper {
    loads: Sender<Load>,
    /// Loads that somebody waits for.
    awaited: Arc<AtomicUsize>,
    /// Clients whose turn goes on, of whose replies so far some wait here.
    followed_by: HashSet<u64>,
    board: Arc<Board>,
}
impl Dropper {
    pub fn start(board: Arc<Board>, keyspace: Addr<Keyspace>) -> Dropper {
        let (sender, loads) = channel();
        let posts = board.clone();
        let awaited = Arc::new(AtomicUsize::new(0));
        let count = awaited.clone();
        if let Err(error) = thread::Builder::new()
            .name("dropper".into())
            .spawn(move || drop_all(loads, &count, &posts, &keyspace))
        {
            // The channel is closed then, and everything is freed where it falls.
            tracing::warn!("No thread for freeing large values: {error}");
        }
        Dropper { loads: sender, awaited, followed_by: HashSet::new(), board }
    }
    pub fn drop_elsewhere(&self, garbage: Vec<Garbage>) {
        self.hand_over(Load { garbage, then: None });
    }
    /// As [`Dropper::drop_elsewhere`], and then sends replies.
    pub fn drop_before(&self, garbage: Vec<Garbage>, reply_to: Recipient<Replies>, replies: Replies) {
        self.hand_over(Load { garbage, then: Some(Then::Answer(reply_to, replies)) });
    }
    /// Whether replies wait here.
    pub fn is_awaited(&self) -> bool {
        self.awaited.load(Acquire) > 0
    }
    /// Whether what a client is answered now must not overtake what waits here.
    pub fn is_followed_by(&mut self, client: u64) -> bool {
        if self.followed_by.is_empty() {
            return false;
        }
        if !self.is_awaited() {
            self.followed_by.clear();
        }
        self.followed_by.contains(&client)
    }
    /// A client's reply waits here; its turn goes on, or not.
    pub fn note_followed(&mut self, client: u64, goes_on: bool) {
        match goes_on {
            true => self.followed_by.insert(client),
            false => self.followed_by.remove(&client),
        };
    }
    /// Sends letters behind the replies that wait here.
    pub fn post_behind(&self, letters: Vec<Letter>) {
        self.hand_over(Load { garbage: Vec::new(), then: Some(Then::Post(letters)) });
    }
    fn hand_over(&self, load: Load) {
        let objects: usize = load.garbage.iter().map(Garbage::objects).sum();
        self.board.vitals.lazyfree_pending.fetch_add(objects as i64, Relaxed);
        if load.then.is_some() {
            self.awaited.fetch_add(1, Relaxed);
        }
        if let Err(unsent) = self.loads.send(load) {
            drop_load(unsent.0, &self.awaited, &self.board);
        }
    }
}

/// From this many objects on, the Keyspace is asked to let go of the pages in which they lay.
const OBJECTS_TO_SWEEP: usize = 1000;

fn drop_all(loads: Receiver<Load>, awaited: &AtomicUsize, board: &Board, keyspace: &Addr<Keyspace>) {
    for load in loads {
        let objects: usize = load.garbage.iter().map(Garbage::objects).sum();
        drop_load(load, awaited, board);
        if objects >= OBJECTS_TO_SWEEP {
            keyspace.do_send(Sweep);
        }
    }
}
fn drop_load(load: Load, awaited: &AtomicUsize, board: &Board) {
    for piece in load.garbage {
        let objects = piece.objects();
        drop(piece);
        board.vitals.lazyfree_pending.fetch_sub(objects as i64, Relaxed);
        board.vitals.lazyfreed.fetch_add(objects as u64, Relaxed);
    }
    match load.then {
        None => return,
        Some(Then::Answer(reply_to, replies)) => reply_to.do_send(replies),
        Some(Then::Post(letters)) => letters.into_iter().for_each(Letter::send),
    }
    awaited.fetch_sub(1, Release);
}
