//! Glob patterns as KEYS, SCAN, PSUBSCRIBE, CONFIG GET and the ACL use them.
//!
//! `*` stands for any bytes, `?` for one, `[a-z]` for one of a class, `[^a]` for one outside it, and `\` takes the
//! special meaning from what follows. Patterns come from clients, so that a hostile one must not cost more than a
//! product of the two lengths. It does not: each part between stars is matched at its leftmost place, and after a
//! mismatch only the *last* star is given one byte more. (An earlier one never helps: whatever it could reach, the
//! last one reaches as well.) That needs no recursion and no stack.
//!
//! The corner cases are those of Redis, because users' patterns rely on them:
//!
//! * An empty text matches the empty pattern only, not even `*`.
//! * A class that is not closed extends to the end of the pattern. `[]` matches nothing, `[^]` any byte.
//! * The ends of a range may come in either order, and are compared as *signed* bytes.
//! * In a class, an escaped byte is compared with its case even where case is to be ignored.
//! * A lone `\` at the end stands for itself.

/// Whether `text` as a whole matches `pattern`. With `nocase`, ASCII letters match in either case.
///
/// ```
/// use callboard::data::glob::matches;
/// assert!(matches(b"user:*:[a-f]?", b"user:1000:b7", false));
/// assert!(!matches(b"user:\\*", b"user:1000", false));
/// ```
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut taken) = (0, 0);
    // Where to resume after a mismatch: the pattern after the last star, and the text it is tried at.
    let mut resume: Option<(usize, usize)> = None;
    while taken < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at += leading_stars(&pattern[at..]);
            if at == pattern.len() {
                return true;
            }
            resume = Some((at, taken));
        } else if let Some(len) = match_one(&pattern[at..], text[taken], nocase) {
            at += len;
            taken += 1;
        } else if let Some((after_star, tried)) = resume {
            resume = Some((after_star, tried + 1));
            (at, taken) = (after_star, tried + 1);
        } else {
            return false;
        }
    }
    // What follows the last star takes a fixed number of bytes: giving the star more would leave too few.
    at + leading_stars(&pattern[at..]) == pattern.len()
}

/// The bytes with which every match of `pattern` (with its case) begins: those before its first special character.
///
/// The whole pattern if it has none, so that a lookup can replace a scan.
pub fn literal_prefix(pattern: &[u8]) -> &[u8] {
    let special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    &pattern[..pattern.iter().position(special).unwrap_or(pattern.len())]
}

/// The bytes with which every match of `pattern` (with its case) ends: those behind its last special character.
///
/// It is only looked for behind a star, and only where nothing makes a letter special that stands there.
pub fn literal_suffix(pattern: &[u8]) -> &[u8] {
    let Some(star) = pattern.iter().rposition(|&byte| byte == b'*') else { return &[] };
    let (before, suffix) = (&pattern[..star], &pattern[star + 1..]);
    let is_plain = |bytes: &[u8]| !bytes.iter().any(|byte| matches!(byte, b'[' | b'\\' | b'?'));
    if is_plain(before) && is_plain(suffix) { suffix } else { &[] }
}

fn leading_stars(pattern: &[u8]) -> usize {
    pattern.iter().take_while(|&&byte| byte == b'*').count()
}

/// If `byte` matches the first element of `pattern`, which is not a star, returns the length of that element.
fn match_one(pattern: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    let (matched, len) = match *pattern {
        [] => return None,
        [b'?', ..] => (true, 1),
        [b'[', ref class @ ..] => {
            let (matched, len) = match_class(class, byte, nocase);
            (matched, 1 + len)
        }
        [b'\\', escaped, ..] => (equal(escaped, byte, nocase), 2),
        [literal, ..] => (equal(literal, byte, nocase), 1),
    };
    matched.then_some(len)
}

/// Whether `byte` is in the class that begins after a `[`, and the length of the class up to and with its `]`.
fn match_class(class: &[u8], byte: u8, nocase: bool) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        let (hit, len) = match class[at..] {
            [] => return (found != negated, at),
            [b'\\', escaped, ..] => (escaped == byte, 2),
            [b']', ..] => return (found != negated, at + 1),
            [start, b'-', end, ..] => (in_range(start, end, byte, nocase), 3),
            [member, ..] => (equal(member, byte, nocase), 1),
        };
        found |= hit;
        at += len;
    }
}

fn in_range(start: u8, end: u8, byte: u8, nocase: bool) -> bool {
    // Swapped before the case is dropped, as in Redis: that is visible in ranges like `[Z-a]`.
    let (low, high) = if start as i8 > end as i8 { (end, start) } else { (start, end) };
    let fold = |byte: u8| if nocase { byte.to_ascii_lowercase() as i8 } else { byte as i8 };
    (fold(low)..=fold(high)).contains(&fold(byte))
}

fn equal(a: u8, b: u8, nocase: bool) -> bool {
    a == b || nocase && a.eq_ignore_ascii_case(&b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_listed() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("", &[""], &["a"]),
            ("*", &["a", "abc"], &[""]),
            ("**", &["a"], &[""]),
            ("abc", &["abc"], &["ab", "abcd", "xabc", "ABC", ""]),
            ("a*", &["a", "abc"], &["", "ba"]),
            ("*c", &["c", "abc", "cc"], &["", "ca"]),
            ("a*c*e", &["ace", "abcde", "acece"], &["ac", "aecx"]),
            ("h?llo", &["hello", "h?llo"], &["hllo", "heello"]),
            ("?", &["a", "*"], &["", "ab"]),
            ("h[ae]llo", &["hallo", "hello"], &["hillo", "h]llo"]),
            ("h[^e]llo", &["hallo", "h^llo"], &["hello"]),
            ("h[a-c]llo", &["hallo", "hbllo"], &["hdllo", "h-llo"]),
            ("h[c-a]llo", &["hallo", "hbllo"], &["hdllo"]),
            ("[a-]", &["^", "a", "]"], &["-", "b"]),
            ("[-a]", &["-", "a"], &["b"]),
            ("[a-c-e]", &["a", "b", "-", "e"], &["d"]),
            ("[]", &[], &["", "]", "a"]),
            ("[^]", &["a", "]", "^"], &["", "ab"]),
            ("[", &[], &["["]),
            ("[^", &["a"], &[""]),
            ("[ab", &["a", "b"], &["[ab", "ab"]),
            ("[ab*", &["a", "*"], &["abc"]),
            ("[\\]]", &["]"], &["\\", "[\\]]"]),
            ("[\\", &["\\"], &["["]),
            ("[a\\-c]", &["a", "-", "c"], &["b", "\\"]),
            ("\\*", &["*"], &["a", "\\*"]),
            ("\\", &["\\"], &["", "a"]),
            ("a\\", &["a\\"], &["a"]),
            ("*\\", &["\\", "a\\"], &["a"]),
            ("a\\bc", &["abc"], &["a\\bc"]),
            ("*[0-9]*x", &["1x", "a1bx", "xx9x"], &["x", "ax", "9"]),
        ];
        for (pattern, matching, others) in cases {
            for text in *matching {
                assert!(
                    matches(pattern.as_bytes(), text.as_bytes(), false),
                    "{pattern:?} should match {text:?}"
                );
            }
            for text in *others {
                assert!(
                    !matches(pattern.as_bytes(), text.as_bytes(), false),
                    "{pattern:?} should not match {text:?}"
                );
            }
        }
    }

    #[test]
    fn case_is_ignored_on_request_except_for_escapes_in_a_class() {
        let cases = [
            ("AbC", "aBc", true),
            ("[a-c]*", "Bx", true),
            ("[A-C]*", "bx", true),
            ("\\A", "a", true),
            ("[\\A]", "a", false),
            ("[Z-a]", "b", false),
            ("[^a]", "A", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), true), expected, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn ranges_compare_signed_bytes() {
        assert!(matches(b"[\x80-\xff]", b"\xc3", false));
        assert!(matches(b"[a-\xff]", b"A", false));
        assert!(!matches(b"[a-\xff]", b"b", false));
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let text = vec![b'a'; 20_000];
        let pattern = [b"a*".repeat(5_000), b"b".to_vec()].concat();
        assert!(!matches(&pattern, &text, false));
        let text = vec![b'a'; 100_000];
        assert!(!matches(b"*aaaaaaaaaaaaaaaaaaab", &text, false));
    }

    #[test]
    fn the_literal_prefix_ends_at_the_first_special_character() {
        for (pattern, prefix) in
            [("user:*", "user:"), ("a[b]", "a"), ("a?", "a"), ("a\\*", "a"), ("abc", "abc"), ("*", "")]
        {
            assert_eq!(literal_prefix(pattern.as_bytes()), prefix.as_bytes(), "{pattern:?}");
        }
    }

    #[test]
    fn the_literal_suffix_stands_behind_a_star() {
        for (pattern, suffix) in [
            ("*:user", ":user"),
            ("a*b*c", "c"),
            ("[*a", ""),
            ("\\*a", ""),
            ("a", ""),
            ("*", ""),
            ("a?b", ""),
        ] {
            assert_eq!(literal_suffix(pattern.as_bytes()), suffix.as_bytes(), "{pattern:?}");
        }
    }

    /// One element of a pattern, with the bytes that it admits (`None` for a star).
    type Element = Option<Vec<u8>>;

    fn admitted(test: impl Fn(u8) -> bool) -> Element {
        Some((0..=255).filter(|&byte| test(byte)).collect())
    }

    fn parse(pattern: &[u8], nocase: bool) -> Vec<Element> {
        let same = |a: u8, b: u8| if nocase { a.eq_ignore_ascii_case(&b) } else { a == b };
        let mut elements = Vec::new();
        let mut rest = pattern;
        while let Some((&first, tail)) = rest.split_first() {
            rest = tail;
            elements.push(match first {
                b'*' => None,
                b'?' => admitted(|_| true),
                b'[' => parse_class(&mut rest, nocase),
                b'\\' if !tail.is_empty() => {
                    rest = &tail[1..];
                    admitted(|byte| same(byte, tail[0]))
                }
                literal => admitted(|byte| same(byte, literal)),
            });
        }
        elements
    }

    fn parse_class(rest: &mut &[u8], nocase: bool) -> Element {
        let lower = |byte: u8| if nocase { byte.to_ascii_lowercase() } else { byte };
        let negated = rest.first() == Some(&b'^');
        *rest = &rest[usize::from(negated)..];
        let mut members = [false; 256];
        while let Some((&first, tail)) = rest.split_first() {
            if first == b'\\' && !tail.is_empty() {
                members[tail[0] as usize] = true;
                *rest = &tail[1..];
            } else if first == b']' {
                *rest = tail;
                break;
            } else if tail.len() >= 2 && tail[0] == b'-' {
                let (low, high) = ((first as i8).min(tail[1] as i8), (first as i8).max(tail[1] as i8));
                let (low, high) = (lower(low as u8) as i8, lower(high as u8) as i8);
                (0..=255u8).for_each(|b| members[b as usize] |= (low..=high).contains(&(lower(b) as i8)));
                *rest = &tail[2..];
            } else {
                (0..=255u8).for_each(|b| members[b as usize] |= lower(b) == lower(first));
                *rest = tail;
            }
        }
        admitted(|byte| members[byte as usize] != negated)
    }

    fn model(elements: &[Element], text: &[u8]) -> bool {
        match elements.split_first() {
            None => text.is_empty(),
            Some((None, rest)) => (0..=text.len()).any(|skip| model(rest, &text[skip..])),
            Some((Some(bytes), rest)) => {
                text.first().is_some_and(|b| bytes.contains(b)) && model(rest, &text[1..])
            }
        }
    }

    fn bytes(alphabet: &'static [u8], len_max: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(alphabet), 0..len_max)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_a_recursive_model(
            pattern in bytes(b"aabBz*?[]^-\\\xff", 10),
            text in bytes(b"aabB]-z\\\xff", 8),
            nocase: bool,
        ) {
            let expected = if text.is_empty() { pattern.is_empty() } else { model(&parse(&pattern, nocase), &text) };
            prop_assert_eq!(matches(&pattern, &text, nocase), expected);
        }

        #[test]
        fn the_literal_ends_are_those_of_every_match(pattern in bytes(b"ab*?[]\\", 6), text in bytes(b"ab", 8)) {
            if matches(&pattern, &text, false) {
                prop_assert!(text.starts_with(literal_prefix(&pattern)));
                prop_assert!(text.ends_with(literal_suffix(&pattern)));
            }
        }
    }
}
