//! Names of keys that belong to elements: `weight_*`, a field of a hash `user_*->age`, or `#`, the element itself.
use crate::store::{EntryRef, Hash, Kind, View};
use bytes::Bytes;
use std::ops::Range;

pub enum Pattern {
    Element,
    /// Without a star there is nothing to put the element in: no such key.
    Nothing,
    Key {
        text: Bytes,
        star: usize,
        /// Where the name of the key ends.
        end: usize,
        field: Option<Range<usize>>,
    },
}

impl Pattern {
    pub fn new(text: Bytes) -> Pattern {
        if &text[..] == b"#" {
            return Pattern::Element;
        }
        let Some(star) = memchr::memchr(b'*', &text) else { return Pattern::Nothing };
        let arrow = memchr::memmem::find(&text[star + 1..], b"->").map(|at| star + 1 + at);
        // An arrow that points at nothing is part of the name.
        let field = arrow.map(|at| at + 2..text.len()).filter(|field| !field.is_empty());
        let end = field.as_ref().map_or(text.len(), |field| field.start - 2);
        Pattern::Key { text, star, end, field }
    }

    /// Tells what the key that belongs to an element holds: a string, or the field of a hash.
    pub fn look_up(&self, view: &View, element: &[u8], tell: &mut impl FnMut(Option<&[u8]>)) {
        match self {
            Pattern::Element => tell(Some(element)),
            Pattern::Nothing => tell(None),
            Pattern::Key { text, star, end, field } => {
                let key = [&text[..*star], element, &text[star + 1..*end]].concat();
                let entry = view.lookup(&key);
                match field {
                    Some(field) => tell_field(view, &key, entry, &text[field.clone()], tell),
                    None => match entry.filter(|entry| entry.kind() == Kind::String) {
                        Some(entry) => tell(Some(entry.text().bytes(&mut itoa::Buffer::new()))),
                        None => tell(None),
                    },
                }
            }
        }
    }
}

fn tell_field(
    view: &View,
    key: &[u8],
    entry: Option<EntryRef>,
    name: &[u8],
    tell: &mut impl FnMut(Option<&[u8]>),
) {
    let hash = entry.and_then(|entry| entry.value::<Hash>());
    match hash.and_then(|hash| hash.get(name)) {
        // To be deleted: the effects must tell that it is gone before they tell of what was stored without it.
        Some(field) if field.is_due(view.due_until_ms()) => {
            view.note_due_fields(key, vec![Bytes::copy_from_slice(name)]);
            tell(None)
        }
        Some(field) => tell(Some(field.value.bytes(&mut itoa::Buffer::new()))),
        None => tell(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_an_arrow_or_neither() {
        for (text, expected) in [
            ("#", None),
            ("fixed", None),
            ("##", None),
            ("w_*", Some(("w_", "", None))),
            ("*", Some(("", "", None))),
            ("a*b*c", Some(("a", "b*c", None))),
            ("u*->age", Some(("u", "", Some("age")))),
            ("u*x->a->b", Some(("u", "x", Some("a->b")))),
            ("u*->", Some(("u", "->", None))),
            ("u->*", Some(("u->", "", None))),
        ] {
            let found = match Pattern::new(Bytes::from_static(text.as_bytes())) {
                Pattern::Key { star, end, field, .. } => {
                    Some((&text[..star], &text[star + 1..end], field.map(|field| &text[field])))
                }
                Pattern::Element | Pattern::Nothing => None,
            };
            assert_eq!(found, expected, "{text}");
        }
        assert!(matches!(Pattern::new(Bytes::from_static(b"#")), Pattern::Element));
    }
}
