//! A link that fails: it stands between a replica and its master, cuts, splits, delays and holds.
use crate::node::until;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// What becomes of connections. The bytes that may pass are drawn when one begins; all else may change meanwhile.
#[derive(Clone, Debug)]
pub struct Weather {
    /// After so many bytes from the master the connection ends.
    pub passes_bytes: Option<Range<usize>>,
    /// No more goes over at once.
    pub piece_bytes: usize,
    /// Before each piece.
    pub delay: Duration,
    /// Nothing goes over.
    pub holds: bool,
}
impl Weather {
    pub const FAIR: Weather =
        Weather { passes_bytes: None, piece_bytes: 64 * 1024, delay: Duration::ZERO, holds: false };
    pub fn cuts(passes_bytes: Range<usize>) -> Weather {
        Weather { passes_bytes: Some(passes_bytes), ..Weather::FAIR }
    }
}

pub struct Proxy {
    port: u16,
    sky: Arc<Sky>,
}
struct Sky {
    target: u16,
    weather: Mutex<Weather>,
    open: Mutex<Vec<TcpStream>>,
    connections: AtomicUsize,
    /// Of them, those that no number of bytes ends.
    lasting: AtomicUsize,
    ended: AtomicBool,
}

impl Proxy {
    pub fn start(target: u16, seed: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("a bound socket").port();
        let sky = Arc::new(Sky {
            target,
            weather: Mutex::new(Weather::FAIR),
            open: Mutex::default(),
            connections: AtomicUsize::new(0),
            lasting: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let own = sky.clone();
        thread::spawn(move || own.serve(listener, fastrand::Rng::with_seed(seed)));
        Proxy { port, sky }
    }
    pub fn port(&self) -> u16 {
        self.port
    }
    pub fn set(&self, weather: Weather) {
        *self.sky.weather.lock().expect("never poisoned") = weather;
    }
    /// How many connections there were so far.
    pub fn connections(&self) -> usize {
        self.sky.connections.load(Relaxed)
    }
    pub fn await_connections(&self, count: usize) {
        until(&format!("the replica has connected {count} times"), || self.connections() >= count);
    }
    /// Fair weather, and a connection that began in it; `before`: how many there were earlier.
    pub fn clear_up(&self, before: usize) {
        self.set(Weather::FAIR);
        until("a connection lasts", || self.sky.lasting.load(Relaxed) > before);
    }
    /// Ends all connections there are.
    pub fn cut(&self) {
        for stream in self.sky.open.lock().expect("never poisoned").drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
impl Drop for Proxy {
    fn drop(&mut self) {
        self.sky.ended.store(true, Relaxed);
        // One that wakes whoever accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.cut();
    }
}

impl Sky {
    fn serve(self: Arc<Sky>, listener: TcpListener, mut random: fastrand::Rng) {
        for replica in listener.incoming().flatten() {
            if self.ended.load(Relaxed) {
                return;
            }
            let passes = self.weather().passes_bytes.map(|range| random.usize(range));
            // While the master is down, so is its end of the link.
            let Ok(master) = TcpStream::connect(("127.0.0.1", self.target)) else { continue };
            let ends = [&master, &replica].map(|stream| stream.try_clone().expect("a file handle"));
            for end in &ends {
                end.set_nodelay(true).expect("a socket");
            }
            self.open.lock().expect("never poisoned").extend(ends);
            self.connections.fetch_add(1, Relaxed);
            self.lasting.fetch_add(passes.is_none() as usize, Relaxed);
            let [to_replica, to_master] = [(&master, &replica), (&replica, &master)]
                .map(|(from, to)| [from, to].map(|stream| stream.try_clone().expect("a file handle")));
            let (one, other, fork) = (self.clone(), self.clone(), random.fork());
            thread::spawn(move || one.pump(to_replica, passes, fork));
            let fork = random.fork();
            thread::spawn(move || other.pump(to_master, None, fork));
        }
    }
    fn weather(&self) -> Weather {
        self.weather.lock().expect("never poisoned").clone()
    }
    /// Nothing goes on while it holds, neither what comes nor what has come.
    fn await_calm(&self) {
        while self.weather().holds && !self.ended.load(Relaxed) {
            thread::sleep(Duration::from_millis(2));
        }
    }
    /// One direction of a connection, until either end is closed.
    fn pump(&self, [mut from, mut to]: [TcpStream; 2], passes: Option<usize>, mut random: fastrand::Rng) {
        let (mut bytes, mut left) = ([0; 64 * 1024], passes.unwrap_or(usize::MAX));
        while left > 0 && !self.ended.load(Relaxed) {
            let weather = self.weather();
            thread::sleep(weather.delay);
            let most = random.usize(1..=weather.piece_bytes.min(bytes.len())).min(left);
            let Ok(count @ 1..) = from.read(&mut bytes[..most]) else { break };
            self.await_calm();
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
            left -= count;
        }
        for stream in [from, to] {
            // Either may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
