//! All libraries as one payload, as FUNCTION DUMP gives it and FUNCTION RESTORE takes it: their sources in the form they
//! have in RDB files, behind them a version and a checksum.
use super::{Libraries, Library, Policy};
use crate::{
    error::CommandError,
    formats::rdb::{FunctionsDamage, functions_of, seal_functions},
};
use bytes::Bytes;

impl Libraries {
    pub fn dump(&self, compresses: bool) -> Vec<u8> {
        seal_functions(self.iter().map(|library| &library.source[..]), compresses)
    }
    /// Loads what [`Libraries::dump`] gave.
    ///
    /// # Errors
    /// If it is damaged, or one of its libraries cannot be loaded. Then nothing has changed.
    pub fn restore(&mut self, payload: &Bytes, policy: Policy) -> Result<(), CommandError> {
        let sources = functions_of(payload).map_err(|damage| {
            CommandError::fixed(match damage {
                FunctionsDamage::Frame => "ERR DUMP payload version or checksum are wrong",
                FunctionsDamage::Type => "ERR given type is not a function",
                FunctionsDamage::PreRelease => "ERR Pre-GA function format not supported",
                FunctionsDamage::Body => "ERR failed loading the given functions payload",
            })
        })?;
        if policy == Policy::Flush {
            let mut restored = Libraries::default();
            restored.restore_all(&sources, Policy::Append)?;
            *self = restored;
            return Ok(());
        }
        self.restore_all(&sources, policy)
    }
    fn restore_all(&mut self, sources: &[Bytes], policy: Policy) -> Result<(), CommandError> {
        let mut coming: Vec<Library> = Vec::new();
        for source in sources {
            let heading = super::flags::of_library(source)?;
            let name = self.check_heading(&heading)?;
            let is_there = self.libraries.contains_key(&name) && policy != Policy::Replace;
            if coming.iter().any(|library| library.name == name) {
                return Err(CommandError::text_of(format!("ERR Library '{name}' already exists")));
            }
            if is_there {
                return Err(CommandError::text_of(format!("ERR Library {name} already exists")));
            }
            coming.push(self.compile(name, source, heading.code, None)?);
        }
        let names: Vec<String> = coming.iter().map(|library| library.name.clone()).collect();
        let going: Vec<&String> = if policy == Policy::Replace { names.iter().collect() } else { Vec::new() };
        self.check_names(&coming.iter().collect::<Vec<_>>(), &going)?;
        coming.into_iter().for_each(|library| self.link(library));
        Ok(())
    }
}
