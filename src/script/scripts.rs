//! What EVAL and SCRIPT LOAD keep: scripts by the SHA-1 of their text.
//!
//! Some clients make a new text for every call, and never name it again. So of the scripts that came by EVAL only the 500
//! that were used last are kept. What came by SCRIPT LOAD stays: its client relies on the sum.
use super::{
    engine::{Engine, Kind},
    flags::{self, Flags},
};
use crate::error::CommandError;
use hashbrown::HashMap;
use mlua::RegistryKey;
use sha1::{Digest, Sha1};
use std::rc::Rc;

/// So many scripts are kept that came by EVAL.
const EVALUATED_MAX: usize = 500;

pub type Sha = [u8; 20];

/// How long a script is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It came by EVAL.
    WhileUsed,
    /// It came by SCRIPT LOAD.
    Always,
}

#[derive(Clone)]
pub struct Script {
    pub function: Rc<RegistryKey>,
    /// The sum in hexadecimal.
    pub name: Rc<str>,
    pub flags: Flags,
    /// Its place among those that may be evicted.
    slot: Option<usize>,
    size_bytes: usize,
}

struct Evictable {
    sha: Sha,
    used: u64,
}

/// Scripts, and the interpreter they are compiled for.
pub struct Scripts {
    pub engine: Engine,
    by_sha: HashMap<Sha, Script, ahash::RandomState>,
    evictable: Vec<Evictable>,
    /// Counts uses.
    clock: u64,
    bodies_bytes: usize,
    evicted: u64,
}

impl Default for Scripts {
    fn default() -> Scripts {
        Scripts {
            engine: Engine::new(Kind::Scripts),
            by_sha: HashMap::default(),
            evictable: Vec::new(),
            clock: 0,
            bodies_bytes: 0,
            evicted: 0,
        }
    }
}

impl Scripts {
    pub fn sha_of(body: &[u8]) -> Sha {
        Sha1::digest(body).into()
    }
    /// The sum that a client wrote.
    pub fn parse_sha(text: &[u8]) -> Option<Sha> {
        let digits: &[u8; 40] = text.try_into().ok()?;
        let mut sha = [0; 20];
        for (byte, pair) in sha.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |letter: u8| char::from(letter).to_digit(16);
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Some(sha)
    }
    pub fn len(&self) -> usize {
        self.by_sha.len()
    }
    pub fn is_empty(&self) -> bool {
        self.by_sha.is_empty()
    }
    pub fn contains(&self, sha: &Sha) -> bool {
        self.by_sha.contains_key(sha)
    }
    /// The script with this sum, which is used now.
    pub fn find(&mut self, sha: &Sha) -> Option<Script> {
        let script = self.by_sha.get(sha)?;
        if let Some(slot) = script.slot {
            self.clock += 1;
            self.evictable[slot].used = self.clock;
        }
        Some(script.clone())
    }
    /// The script of this text, compiled if it is not kept yet.
    ///
    /// # Errors
    /// If its first line or its code is wrong.
    pub fn load(&mut self, body: &[u8], keep: Keep) -> Result<(Sha, Script), CommandError> {
        let sha = Scripts::sha_of(body);
        if let Some(script) = self.find(&sha) {
            return Ok((sha, script));
        }
        let (flags, code) = flags::of_script(body)?;
        let function = self.engine.compile(code).map_err(|text| {
            CommandError::text_of(format!("ERR Error compiling script (new function): {text}"))
        })?;
        let name: String = sha.iter().map(|byte| format!("{byte:02x}")).collect();
        let slot = (keep == Keep::WhileUsed).then(|| self.slot_for(sha));
        let script = Script { function, name: name.into(), flags, slot, size_bytes: body.len() };
        self.bodies_bytes += body.len();
        self.by_sha.insert(sha, script.clone());
        Ok((sha, script))
    }
    /// A place among those that may be evicted: if there is none left, that of the one that was not used for longest.
    fn slot_for(&mut self, sha: Sha) -> usize {
        self.clock += 1;
        let new = Evictable { sha, used: self.clock };
        if self.evictable.len() < EVALUATED_MAX {
            self.evictable.push(new);
            return self.evictable.len() - 1;
        }
        let oldest = self.evictable.iter().enumerate().min_by_key(|(_, script)| script.used);
        let slot = oldest.map_or(0, |(slot, _)| slot);
        let old = std::mem::replace(&mut self.evictable[slot], new);
        if let Some(script) = self.by_sha.remove(&old.sha) {
            self.bodies_bytes -= script.size_bytes;
        }
        self.evicted += 1;
        slot
    }
    /// Scripts that were evicted since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }
    /// What keeping them takes beside the interpreter.
    pub fn overhead_bytes(&self) -> usize {
        self.bodies_bytes
            + self.by_sha.capacity() * size_of::<(Sha, Script)>()
            + self.evictable.capacity() * size_of::<Evictable>()
    }
}
