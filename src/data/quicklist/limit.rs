//! How large a node of a list may become: `list-max-listpack-size`.

/// Bytes of a node that is limited by its elements only. An element that is larger stands alone.
const SAFE_BYTES_MAX: usize = 8 << 10;
/// What an element takes beside its bytes, guessed high.
const ELEMENT_FRAME_BYTES: usize = 8;

/// The limit of a node, or of a small list that is one listpack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NodeLimit {
    Bytes(usize),
    /// At least one.
    Elements(usize),
}

impl NodeLimit {
    /// The limit that the parameter means: -1 to -5 are 4 to 64 KiB (what is lower means 64, too), and zero is one
    /// element.
    pub fn of(parameter: i32) -> NodeLimit {
        match parameter {
            0.. => NodeLimit::Elements(parameter.max(1) as usize),
            _ => NodeLimit::Bytes(4096 << (-1 - parameter.max(-5))),
        }
    }

    /// The parameter that means this limit.
    pub fn parameter(self) -> i64 {
        match self {
            NodeLimit::Elements(max) => max as i64,
            NodeLimit::Bytes(max) => 11 - i64::from(max.ilog2()),
        }
    }

    /// Whether a listpack of so many bytes (its frame included) and elements is too large.
    #[inline]
    pub fn is_exceeded(self, bytes: usize, elements: usize) -> bool {
        match self {
            NodeLimit::Bytes(max) => bytes > max,
            NodeLimit::Elements(max) => bytes > SAFE_BYTES_MAX || elements > max,
        }
    }

    /// Whether it would still fit under half the limit. A list shrinks to a listpack only then, or it would change its
    /// encoding at every step around the limit.
    pub fn is_half(self, bytes: usize, elements: usize) -> bool {
        match self {
            NodeLimit::Bytes(max) => bytes <= max / 2,
            NodeLimit::Elements(max) => elements <= max / 2,
        }
    }

    /// The largest element, in bytes, that is held together with others.
    #[inline]
    pub(super) fn shared_bytes_max(self) -> usize {
        match self {
            NodeLimit::Bytes(max) => max,
            NodeLimit::Elements(_) => SAFE_BYTES_MAX,
        }
    }

    /// Whether a listpack takes another element of so many bytes.
    #[inline]
    pub(super) fn takes(self, bytes: usize, elements: usize, added_bytes: usize) -> bool {
        !self.is_exceeded(bytes + added_bytes + ELEMENT_FRAME_BYTES, elements + 1)
    }
}
