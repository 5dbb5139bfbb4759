//! Words as a configuration file writes them.
use crate::data::quoting::quote;

/// A word in double quotes, with escapes: it comes back as it was when the line is split.
pub(super) fn quoted(word: &str) -> String {
    quote(word.as_bytes())
}

/// A word as it is, or in quotes if it would not come back as itself.
pub(super) fn quoted_if_needed(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_string(),
        false => quoted(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::quoting::split_args;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_comes_back(word in any::<String>()) {
            for written in [quoted(&word), quoted_if_needed(&word)] {
                prop_assert_eq!(split_args(written.as_bytes()), Some(vec![word.clone().into_bytes()]));
            }
        }
    }
}
