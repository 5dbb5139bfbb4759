//! A reply, with every type of RESP2 and RESP3 kept apart, and its rendering as text.
//!
//! The rendering looks like redis-cli's, but two replies render alike only if their bytes mean the same
//! type: a snapshot must show it when a map turns into an array or a null array into a null bulk.

use super::client::Protocol;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Simple(String),
    Error(String),
    BulkError(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    /// RESP2's `$-1`.
    NullBulk,
    /// RESP2's `*-1`.
    NullArray,
    /// RESP3's `_`.
    Null,
    Boolean(bool),
    /// The digits as sent: the text of a double is part of the protocol.
    Double(String),
    BigNumber(String),
    Verbatim(String, Vec<u8>),
    Array(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Attribute(Vec<(Value, Value)>, Box<Value>),
}

impl Value {
    pub fn ok() -> Value {
        Value::Simple("OK".into())
    }

    pub fn bulk(text: impl AsRef<[u8]>) -> Value {
        Value::Bulk(text.as_ref().to_vec())
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::NullBulk | Value::NullArray)
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_) | Value::BulkError(_))
    }

    /// The text of a string-like reply, whatever its type; panics on others, as a test wants it to.
    pub fn text(&self) -> String {
        match self {
            Value::Simple(text) | Value::Error(text) | Value::Double(text) | Value::BigNumber(text) => {
                text.clone()
            }
            Value::Bulk(bytes) | Value::BulkError(bytes) | Value::Verbatim(_, bytes) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            Value::Integer(number) => number.to_string(),
            other => panic!("not a text: {other:?}"),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Bulk(bytes) | Value::Verbatim(_, bytes) => bytes,
            Value::Simple(text) => text.as_bytes(),
            other => panic!("not bytes: {other:?}"),
        }
    }

    pub fn integer(&self) -> i64 {
        match self {
            Value::Integer(number) => *number,
            other => panic!("not an integer: {other:?}"),
        }
    }

    /// The elements of an array, set or push; a map's keys and values in turn.
    pub fn items(&self) -> Vec<Value> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items.clone(),
            Value::Map(pairs) => pairs.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect(),
            other => panic!("not an aggregate: {other:?}"),
        }
    }

    /// The value beside a key, in a map or in RESP2's flat array of pairs.
    pub fn field(&self, name: &str) -> Option<Value> {
        self.items().chunks(2).find(|pair| pair[0] == Value::bulk(name)).map(|pair| pair[1].clone())
    }

    /// The reply as a person reads it, types told apart. `protocol` says which null is the usual one.
    pub fn render(&self, protocol: Protocol) -> String {
        match self {
            Value::Simple(text) => text.clone(),
            Value::Error(text) => format!("(error) {text}"),
            Value::BulkError(bytes) => format!("(bulk error) {}", quote(bytes)),
            Value::Integer(number) => format!("(integer) {number}"),
            Value::Bulk(bytes) => quote(bytes),
            Value::NullBulk if protocol == Protocol::Resp2 => "(nil)".into(),
            Value::NullBulk => "(RESP2 nil)".into(),
            Value::NullArray if protocol == Protocol::Resp2 => "(nil array)".into(),
            Value::NullArray => "(RESP2 nil array)".into(),
            Value::Null if protocol == Protocol::Resp3 => "(nil)".into(),
            Value::Null => "(RESP3 nil)".into(),
            Value::Boolean(yes) => format!("({yes})"),
            Value::Double(text) => format!("(double) {text}"),
            Value::BigNumber(text) => format!("(big number) {text}"),
            Value::Verbatim(format, bytes) => format!("(verbatim {format}) {}", quote(bytes)),
            Value::Array(items) => render_items("array", ')', items, protocol),
            Value::Set(items) => render_items("set", '~', items, protocol),
            Value::Push(items) => render_items("push", '>', items, protocol),
            Value::Map(pairs) => render_pairs("map", '#', pairs, protocol),
            Value::Attribute(pairs, value) => {
                format!("{}\n{}", render_pairs("attribute", '|', pairs, protocol), value.render(protocol))
            }
        }
    }
}

fn render_items(kind: &str, mark: char, items: &[Value], protocol: Protocol) -> String {
    if items.is_empty() {
        return format!("(empty {kind})");
    }
    let lines = items.iter().enumerate().map(|(index, item)| {
        let head = format!("{}{mark} ", index + 1);
        indent(&head, &item.render(protocol))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn render_pairs(kind: &str, mark: char, pairs: &[(Value, Value)], protocol: Protocol) -> String {
    if pairs.is_empty() {
        return format!("(empty {kind})");
    }
    let lines = pairs.iter().enumerate().map(|(index, (key, value))| {
        let head = format!("{}{mark} {} => ", index + 1, key.render(protocol));
        indent(&head, &value.render(protocol))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn indent(head: &str, body: &str) -> String {
    let margin = " ".repeat(head.chars().count());
    head.to_string() + &body.replace('\n', &format!("\n{margin}"))
}

/// Bytes longer than this are shown as their first ones and their number.
const SHOWN_BYTES_MAX: usize = 400;

/// Quotes bytes as redis-cli does, so that the text can be pasted back there.
pub fn quote(bytes: &[u8]) -> String {
    if bytes.len() > SHOWN_BYTES_MAX {
        return format!("{}… ({} bytes)", quote(&bytes[..40]), bytes.len());
    }
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'"' => text.push_str("\\\""),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            b' '..=b'~' => text.push(byte as char),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text + "\""
}
