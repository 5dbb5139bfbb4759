//! A server's life with its log, on a disk that fails and loses power: what was promised is there, in whole commands.
//!
//! The data are numbers that count up, each of them one command; so what a log holds must be the numbers from 0 on, none
//! missing and none twice, up to one that is not below what was promised.
use super::*;
use crate::{
    commands::loading::Piece,
    disk::{Disk, Trouble, read_log, testing::FaultyDisk},
};
use std::sync::Arc;

const NAME: &str = "a.aof";

fn command(number: u64) -> Vec<u8> {
    let digits = number.to_string();
    format!("*2\r\n$3\r\nADD\r\n${}\r\n{digits}\r\n", digits.len()).into_bytes()
}

/// A server between two deaths.
struct Life {
    disk: FaultyDisk,
    rng: fastrand::Rng,
    files: LogFiles,
    /// `appendfsync always`
    always: bool,
    /// Numbers that were pushed.
    pushed: u64,
    /// So many of them must survive.
    promised: u64,
    /// The one before could not sync something, and nobody can know that now.
    inherits_doubt: bool,
    /// Logging was to begin anew, and could not.
    is_off: bool,
    /// A base that is being written.
    base: Option<Base>,
}
struct Base {
    output: Output,
    /// So many are to be in it, and so many are.
    numbers: u64,
    written: u64,
}

impl Life {
    fn push(&mut self) {
        for _ in 0..self.rng.u8(1..5) {
            self.files.journal.push(&command(self.pushed));
            self.pushed += 1;
        }
    }
    fn write(&mut self) -> io::Result<()> {
        self.files.journal.keeps = self.always;
        self.files.journal.write()
    }
    fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        self.files.journal.sync()?;
        if !self.is_doubtful() && !self.files.is_beginning() {
            self.promised = self.pushed;
        }
        Ok(())
    }
    fn is_doubtful(&self) -> bool {
        self.inherits_doubt || self.files.is_doubtful()
    }
    fn begin_base(&mut self) -> io::Result<()> {
        // One at a time; what is left of a failed one is dropped.
        self.base = None;
        self.files.rotate()?;
        let output = Output::create(Arc::new(self.disk.clone()), "temp-base".into(), self.rng.bool())?;
        self.base = Some(Base { output, numbers: self.pushed, written: 0 });
        Ok(())
    }
    /// Logging was switched off, and numbers went nowhere; it is on again, and begins with a base of its own.
    fn begin_anew(&mut self) -> io::Result<()> {
        self.base = None;
        self.pushed += self.rng.u64(..3);
        self.is_off = true;
        self.files = LogFiles::begin(folder(&self.disk))?;
        self.is_off = false;
        let output = Output::create(Arc::new(self.disk.clone()), "temp-base".into(), self.rng.bool())?;
        self.base = Some(Base { output, numbers: self.pushed, written: 0 });
        Ok(())
    }
    fn go_on_with_base(&mut self) -> io::Result<()> {
        let Some(mut base) = self.base.take() else {
            return if self.files.is_beginning() { self.begin_anew() } else { self.begin_base() };
        };
        let until = (base.written + self.rng.u64(1..40)).min(base.numbers);
        for number in base.written..until {
            base.output.write(&command(number))?;
        }
        base.written = until;
        if base.written < base.numbers {
            self.base = Some(base);
            return Ok(());
        }
        self.files.adopt(base.output, BaseFormat::Commands)?;
        self.promised = self.promised.max(base.numbers);
        self.inherits_doubt = false;
        self.files.delete_history()
    }
    fn act(&mut self) -> io::Result<()> {
        match self.rng.u8(..13) {
            _ if self.is_off => self.begin_anew()?,
            11 => self.begin_anew()?,
            0..4 => self.push(),
            4..6 => self.write()?,
            6..8 => self.sync()?,
            8..11 => self.go_on_with_base()?,
            _ => self.always = !self.always,
        }
        Ok(())
    }
}

fn folder(disk: &FaultyDisk) -> LogFolder {
    LogFolder::new(Arc::new(disk.clone()), "logs", NAME)
}

/// The numbers that a log holds; what was cut off at its end is cut off the file, too. `None`: a person must look at
/// it, for there is garbage where a sync has failed.
fn load(disk: &FaultyDisk, manifest: &Manifest) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let parts: Vec<PathBuf> = manifest.parts().map(|part| Path::new("logs").join(&part.name)).collect();
    for (index, path) in parts.iter().enumerate() {
        let result = read_log(disk, path, true, &mut |pieces, _| {
            for piece in pieces {
                let Piece::Command(command) = piece else { unreachable!("there are no snapshots here") };
                let digits = command.request.get(1).expect("a number");
                numbers.push(std::str::from_utf8(digits).expect("digits").parse().expect("a number"));
            }
            Ok(())
        });
        match result {
            Ok(()) => {}
            Err(Trouble::Truncated(end)) => {
                let is_empty = |path: &PathBuf| disk.read(path).is_none_or(|bytes| bytes.is_empty());
                assert!(parts[index + 1..].iter().all(is_empty), "{}: {numbers:?}", path.display());
                let (mut file, _) = disk.append(path).expect("it is whole now");
                file.truncate(end.whole).and_then(|()| file.sync()).expect("it is whole now");
            }
            Err(Trouble::Fault(_)) if disk.is_garbled() => return None,
            Err(trouble) => panic!("{}: {trouble}, behind {numbers:?}", path.display()),
        }
    }
    Some(numbers)
}

/// A start on what is there. None: the disk has failed.
fn start(disk: &FaultyDisk, rng: &mut fastrand::Rng, promised: u64, pushed: u64) -> Option<Life> {
    let folder = folder(disk);
    folder.create().ok()?;
    folder.remove_leftovers();
    let manifest = folder.read_manifest().ok()?.unwrap_or_default();
    let numbers = load(disk, &manifest)?;
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "{}", manifest.to_text());
    let count = numbers.len() as u64;
    assert!((promised..=pushed).contains(&count), "{promised} promised, {pushed} pushed: {count} are left");
    disk.fail_after(rng.usize(..60), rng.bool());
    let write_base = |path: &Path| -> io::Result<()> {
        let mut output = Output::create(Arc::new(disk.clone()), "temp-base".into(), false)?;
        for number in &numbers {
            output.write(&command(*number))?;
        }
        output.finish(path)
    };
    let mut files = LogFiles::open(folder, manifest, BaseFormat::Commands, write_base).ok()?;
    // It was there for whoever read it; that it stays is another matter.
    let (rng, always) = (rng.fork(), rng.bool());
    let _ = files.delete_history();
    Some(Life {
        disk: disk.clone(),
        rng,
        files,
        always,
        pushed: count,
        promised,
        inherits_doubt: false,
        is_off: false,
        base: None,
    })
}

fn live(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let disk = FaultyDisk::new(rng.fork());
    let (mut promised, mut pushed, mut doubtful) = (0, 0, false);
    for _ in 0..6 {
        disk.mend();
        let Some(mut life) = start(&disk, &mut rng, promised, pushed) else {
            if rng.bool() {
                disk.lose_power();
            }
            continue;
        };
        life.inherits_doubt = doubtful;
        for _ in 0..rng.u8(..80) {
            // What fails is tried again some time; meanwhile the disk may recover.
            if life.act().is_err() && rng.bool() {
                disk.mend();
                disk.fail_after(rng.usize(..60), rng.bool());
            }
        }
        (promised, pushed, doubtful) = (life.promised, life.pushed, life.is_doubtful());
        if rng.bool() {
            drop(life);
            disk.lose_power();
            doubtful = false;
        }
    }
}

#[test]
fn whatever_the_disk_does_the_log_holds_what_was_promised() {
    let rounds = std::env::var("CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3_u64);
    for seed in 0..rounds * 100 {
        println!("seed {seed}");
        live(seed);
    }
}

/// What a kill leaves to the kernel and a power cut then takes must not be followed by what came later.
#[test]
fn a_rotation_that_fails_anywhere_leaves_no_gap() {
    for seed in 0..60 {
        for operations in 0..15 {
            println!("seed {seed}, {operations} operations before the failure");
            let mut rng = fastrand::Rng::with_seed(seed);
            let disk = FaultyDisk::new(rng.fork());
            let Some(mut first) = start(&disk, &mut rng, 0, 0) else { continue };
            disk.mend();
            first.always = false;
            first.push();
            disk.fail_after(operations, false);
            let _ = first.files.rotate();
            disk.mend();
            first.push();
            first.write().expect("the disk is mended");
            let doubtful = first.is_doubtful();
            let Some(mut second) = start(&disk, &mut rng, first.promised, first.pushed) else { continue };
            disk.mend();
            second.inherits_doubt = doubtful;
            second.push();
            second.sync().expect("the disk is mended");
            disk.lose_power();
            start(&disk, &mut rng, second.promised, second.pushed);
        }
    }
}
