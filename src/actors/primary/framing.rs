//! How a snapshot goes straight to replicas: with a mark at its end.
use crate::formats::rdb::Checksum;
use bytes::Bytes;

/// Length of the mark, bytes.
pub const MARK_BYTES: usize = 40;

/// A snapshot without a length. The mark is drawn by chance, so it does not stand in the data.
pub struct Marked {
    mark: String,
    checksum: Checksum,
}
impl Marked {
    pub fn new(rng: &mut fastrand::Rng, with_checksum: bool) -> Marked {
        Marked {
            mark: (0..MARK_BYTES).map(|_| rng.digit(16)).collect(),
            checksum: Checksum::new(with_checksum),
        }
    }
    /// What stands in front of it.
    pub fn head(&self) -> Bytes {
        format!("$EOF:{}\r\n", self.mark).into()
    }
    /// The next part, as it is to be sent.
    pub fn part(&mut self, mut bytes: Vec<u8>, is_last: bool) -> Vec<u8> {
        self.checksum.update(&bytes);
        if is_last {
            let trailer = self.checksum.trailer();
            bytes.reserve_exact(trailer.len() + MARK_BYTES);
            bytes.extend_from_slice(&trailer);
            bytes.extend_from_slice(self.mark.as_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_around_it() {
        let mut framing = Marked::new(&mut fastrand::Rng::with_seed(1), true);
        let head = framing.head();
        let mark = head.strip_prefix(b"$EOF:").and_then(|head| head.strip_suffix(b"\r\n")).expect("a header");
        assert_eq!(mark.len(), MARK_BYTES);
        let (one, two) = (b"REDIS0011".to_vec(), vec![0xff]);
        let mut sum = Checksum::new(true);
        [&one, &two].iter().for_each(|part| sum.update(part));
        let whole = [&one[..], &two, &sum.trailer(), mark].concat();
        assert_eq!([framing.part(one, false), framing.part(two, true)].concat(), whole);
    }
}
