//! Frees large values on a thread of its own, so that no client waits for a big DEL or a FLUSHALL.
use crate::{board::Board, store::Garbage};
use std::{
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Sender, channel},
    },
    thread,
};

pub struct Dropper(Sender<Vec<Garbage>>, Arc<Board>);
impl Dropper {
    pub fn start(board: Arc<Board>) -> Dropper {
        let (sender, garbage) = channel::<Vec<Garbage>>();
        let vitals = board.clone();
        let work = move || {
            for piece in garbage.into_iter().flatten() {
                let objects = piece.objects();
                drop(piece);
                vitals.vitals.lazyfree_pending.fetch_sub(objects as i64, Relaxed);
                vitals.vitals.lazyfreed.fetch_add(objects as u64, Relaxed);
            }
        };
        if let Err(error) = thread::Builder::new().name("dropper".into()).spawn(work) {
            // The channel is closed then, and everything is freed where it falls.
            tracing::warn!("No thread for freeing large values: {error}");
        }
        Dropper(sender, board)
    }
    pub fn drop_elsewhere(&self, garbage: Vec<Garbage>) {
        let objects: usize = garbage.iter().map(Garbage::objects).sum();
        self.1.vitals.lazyfree_pending.fetch_add(objects as i64, Relaxed);
        if let Err(unsent) = self.0.send(garbage) {
            self.1.vitals.lazyfree_pending.fetch_sub(objects as i64, Relaxed);
            drop(unsent);
        }
    }
}
