//! The scanner: the same whatever the pieces are, and right about where a file was cut off or damaged.
use super::*;
use proptest::prelude::*;

const HEADS: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
