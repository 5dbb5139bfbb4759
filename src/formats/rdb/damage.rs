//! What is wrong with bytes that were read.
use std::borrow::Cow;
use std::fmt;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Bytes from the beginning of what was read: of the file for a [`super::Scanner`], of the payload for
    /// [`super::decode`].
    pub offset: u64,
    pub reason: Cow<'static, str>,
}

impl Damage {
    pub(super) fn new(offset: impl TryInto<u64>, reason: impl Into<Cow<'static, str>>) -> Damage {
        Damage { offset: offset.try_into().unwrap_or(u64::MAX), reason: reason.into() }
    }
    /// The same, of something that began at this offset.
    pub fn behind(self, offset: u64) -> Damage {
        Damage { offset: self.offset.saturating_add(offset), ..self }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (at offset {})", self.reason, self.offset)
    }
}
impl std::error::Error for Damage {}
