//! DEBUG PROTOCOL: one reply of each type, for authors of clients.
use crate::{
    commands::{Outcome, error::CommandError},
    resp::{Protocol, Reply},
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample {
    String,
    Integer,
    Double,
    BigNumber,
    Null,
    Array,
    Set,
    Map,
    Attribute,
    Push,
    Verbatim,
    True,
    False,
}
/// By the names that clients know them under.
pub const SAMPLES: &[(&str, Sample)] = &[
    ("string", Sample::String),
    ("integer", Sample::Integer),
    ("double", Sample::Double),
    ("bignum", Sample::BigNumber),
    ("null", Sample::Null),
    ("array", Sample::Array),
    ("set", Sample::Set),
    ("map", Sample::Map),
    ("attrib", Sample::Attribute),
    ("push", Sample::Push),
    ("verbatim", Sample::Verbatim),
    ("true", Sample::True),
    ("false", Sample::False),
];

impl Sample {
    pub fn unknown() -> CommandError {
        let names: Vec<&str> = SAMPLES.iter().map(|(name, _)| *name).collect();
        let names = names.join("|");
        CommandError::text_of(format!(
            "ERR Wrong protocol type name. Please use one of the following: {names}"
        ))
    }
    pub fn reply(self, protocol: Protocol, reply: &mut Reply) -> Outcome {
        match self {
            Sample::String => reply.bulk(b"Hello World"),
            Sample::Integer => reply.integer(12345),
            Sample::Double => reply.double(3.141),
            Sample::BigNumber => reply.big_number("1234567999999999999999999999999999999"),
            Sample::Null => reply.null(),
            Sample::Array => {
                reply.array(3);
                (0..3).for_each(|n| reply.integer(n));
            }
            Sample::Set => {
                reply.set(3);
                (0..3).for_each(|n| reply.integer(n));
            }
            Sample::Map => {
                reply.map(3);
                for n in 0..3 {
                    reply.integer(n);
                    reply.boolean(n == 1);
                }
            }
            Sample::Attribute => {
                if reply.attribute(1) {
                    reply.bulk(b"key-popularity");
                    reply.array(2);
                    reply.bulk(b"key:123");
                    reply.integer(90);
                }
                // An attribute is no reply: one follows.
                reply.bulk(b"Some real reply following the attribute");
            }
            // The one place where a command asks for the protocol: an array in its stead would look like a reply.
            Sample::Push if protocol == Protocol::Resp2 => {
                return Err(CommandError::fixed("ERR RESP2 is not supported by this command"));
            }
            Sample::Push => {
                reply.push(2);
                reply.bulk(b"server-cpu-usage");
                reply.integer(42);
                // A push is no reply either.
                reply.bulk(b"Some real reply following the push reply");
            }
            Sample::Verbatim => reply.verbatim("txt", b"This is a verbatim\nstring"),
            Sample::True => reply.boolean(true),
            Sample::False => reply.boolean(false),
        }
        Ok(())
    }
}
