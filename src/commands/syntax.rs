//! The arguments of a command as data, read from the line that describes them to people.
//!
//! `Spec::syntax` is the one description of a command's arguments; COMMAND DOCS wants a tree of typed arguments, from
//! which redis-cli makes its hints. So the tree is derived:
//!
//! ```text
//! key value [NX|XX] [EX seconds|PX milliseconds]     words in capitals are tokens, others are values
//! numkeys key [key ...] <LEFT|RIGHT>                 [] may be left out, <> is a choice, [x ...] repeats x
//! [COUNT count [ANY]]                                a token and what follows it belong together
//! [AGGREGATE SUM|MIN|MAX]                            a token before the first of several choices heads them all
//! ```
//!
//! Reading goes in two steps: brackets to [`Node`]s, where repetitions are recognised, and nodes to [`Argument`]s.
use super::spec::{Begin, Find, KeySpec, Spec};

/// What may stand in an argument's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    /// The token alone.
    PureToken,
    /// Exactly one of the arguments inside.
    OneOf,
    /// All of the arguments inside, in order.
    Block,
}
impl Kind {
    /// The name that COMMAND DOCS gives it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Key => "key",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }
    /// The kind of a value, by the name that it has in the syntax.
    fn of_value(name: &str) -> Kind {
        match name {
            "pattern" => Kind::Pattern,
            "score" | "radius" | "width" | "height" | "longitude" | "latitude" | "weight" | "timeout" => {
                Kind::Double
            }
            "seconds" | "milliseconds" | "microseconds" | "increment" | "decrement" | "offset" | "start"
            | "end" | "stop" | "count" | "index" | "cursor" | "bit" | "numkeys" | "numfields" | "version"
            | "min-match-len" | "db" | "index1" | "index2" | "destination-db" | "client-id" | "maxage"
            | "protover" | "port" | "rank" | "num-matches" | "len" | "length" | "idletime" | "frequency"
            | "numreplicas" | "numlocal" | "bits" | "max-len" => Kind::Integer,
            _ if name.starts_with("unix-time") => Kind::UnixTime,
            _ => Kind::String,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    pub name: String,
    pub kind: Kind,
    /// The word that announces it.
    pub token: Option<String>,
    pub optional: bool,
    pub multiple: bool,
    /// When it is repeated, so is its token.
    pub multiple_token: bool,
    /// Which of the command's key specifications finds it.
    pub key_spec: Option<usize>,
    /// Of a choice or a block.
    pub arguments: Vec<Argument>,
}
impl Argument {
    fn new(name: impl Into<String>, kind: Kind) -> Argument {
        Argument {
            name: name.into(),
            kind,
            token: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            key_spec: None,
            arguments: Vec::new(),
        }
    }
    fn value(name: &str) -> Argument {
        Argument::new(name, Kind::of_value(name))
    }
    /// One argument that stands for all of these.
    fn block(mut arguments: Vec<Argument>) -> Argument {
        if arguments.len() == 1 {
            return arguments.remove(0);
        }
        let names: Vec<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
        Argument { arguments: arguments.clone(), ..Argument::new(names.join("-"), Kind::Block) }
    }
}

/// The arguments of a command; `words` is how many words name it.
///
/// # Errors
/// What is wrong with its syntax line: a mistake in the command's declaration.
pub fn arguments(spec: &Spec, words: usize) -> Result<Vec<Argument>, String> {
    let mut arguments = to_arguments(&Reader::new(spec.syntax).read()?);
    for (number, key) in spec.keys.iter().enumerate() {
        mark_keys(&mut arguments, key, number, words);
    }
    if !spec.keys.is_empty() {
        mark_keys_by_name(&mut arguments);
    }
    Ok(arguments)
}

/// How many words the arguments take at least, and whether they always take that many.
pub fn width(arguments: &[Argument]) -> (usize, bool) {
    arguments
        .iter()
        .map(width_of)
        .fold((0, true), |(least, fixed), (one, one_fixed)| (least + one, fixed && one_fixed))
}
fn width_of(argument: &Argument) -> (usize, bool) {
    let (inner, fixed) = match argument.kind {
        Kind::PureToken => (0, true),
        Kind::Block => width(&argument.arguments),
        Kind::OneOf => {
            let widths: Vec<_> = argument.arguments.iter().map(width_of).collect();
            let least = widths.iter().map(|(least, _)| *least).min().unwrap_or(0);
            (least, widths.iter().all(|&choice| choice == (least, true)))
        }
        _ => (1, true),
    };
    let whole = inner + argument.token.is_some() as usize;
    match argument.optional {
        true => (0, false),
        false => (whole, fixed && !argument.multiple),
    }
}

/// The syntax line with its brackets resolved.
#[derive(Clone, Debug, PartialEq)]
enum Node<'a> {
    Word(&'a str),
    Group {
        optional: bool,
        choices: Vec<Vec<Node<'a>>>,
        repeats: bool,
    },
    /// One or more times.
    Repeat(Vec<Node<'a>>),
    /// The dots that end a repetition; they do not outlive reading.
    More,
}
impl<'a> Node<'a> {
    fn token(&self) -> Option<&'a str> {
        match self {
            Node::Word(word) if !word.bytes().any(|byte| byte.is_ascii_lowercase()) => Some(word),
            _ => None,
        }
    }
    /// The value, or values, that a token before it can claim.
    fn is_value(&self) -> bool {
        match self {
            Node::Word(_) => self.token().is_none(),
            Node::Repeat(body) => body[0].is_value(),
            _ => false,
        }
    }
}

struct Reader<'a> {
    pieces: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
}
impl<'a> Reader<'a> {
    fn new(line: &'a str) -> Reader<'a> {
        let mut pieces = Vec::new();
        for piece in line.split_inclusive(['[', ']', '<', '>', '|', ' ']) {
            let (word, mark) = match piece.char_indices().last() {
                Some((at, '[' | ']' | '<' | '>' | '|' | ' ')) => piece.split_at(at),
                _ => (piece, ""),
            };
            pieces.extend([word, mark.trim()].into_iter().filter(|piece| !piece.is_empty()));
        }
        Reader { pieces: pieces.into_iter().peekable() }
    }
    fn read(mut self) -> Result<Vec<Node<'a>>, String> {
        let nodes = self.sequence()?;
        match self.pieces.next() {
            Some(piece) => Err(format!("unexpected '{piece}'")),
            None => Ok(nodes),
        }
    }
    fn sequence(&mut self) -> Result<Vec<Node<'a>>, String> {
        let mut nodes = Vec::new();
        while let Some(&piece) = self.pieces.peek() {
            match piece {
                "]" | ">" | "|" => break,
                "[" => nodes.push(self.group(true, "]")?),
                "<" => nodes.push(self.group(false, ">")?),
                word => {
                    nodes.push(if word == "..." { Node::More } else { Node::Word(word) });
                    self.pieces.next();
                }
            }
            fold_repetition(&mut nodes);
        }
        Ok(nodes)
    }
    fn group(&mut self, optional: bool, close: &str) -> Result<Node<'a>, String> {
        self.pieces.next();
        let mut choices = vec![self.sequence()?];
        loop {
            match self.pieces.next() {
                Some("|") => choices.push(self.sequence()?),
                Some(piece) if piece == close => break,
                piece => return Err(format!("'{}' where '{close}' was expected", piece.unwrap_or_default())),
            }
        }
        let repeats = take_repetition_of_choices(&mut choices);
        Ok(Node::Group { optional, choices, repeats })
    }
}

/// `x y [x y ...]`: the nodes in the brackets repeat those before them.
fn fold_repetition(nodes: &mut Vec<Node>) {
    let Some(Node::Group { optional: true, choices, .. }) = nodes.last() else { return };
    let [body] = choices.as_slice() else { return };
    let Some((Node::More, body)) = body.split_last() else { return };
    let before = nodes.len() - 1;
    if !body.is_empty() && nodes[..before].ends_with(body) {
        let body = body.to_vec();
        nodes.truncate(before - body.len());
        nodes.push(Node::Repeat(body));
    }
}
/// `[A|B [A|B ...]]`: the last choice ends in a repetition of all choices.
fn take_repetition_of_choices(choices: &mut [Vec<Node>]) -> bool {
    let Some(last) = choices.last() else { return false };
    let Some(Node::Group { optional: true, choices: again, .. }) = last.last() else { return false };
    let mut again = again.clone();
    if again.len() < 2 || again.last_mut().and_then(Vec::pop) != Some(Node::More) {
        return false;
    }
    let (front, last) = choices.split_at_mut(choices.len() - 1);
    let same = again[..again.len() - 1] == *front
        && again.last().is_some_and(|a| *a == last[0][..last[0].len() - 1]);
    if same {
        last[0].pop();
    }
    same
}

fn to_arguments(nodes: &[Node]) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut rest = nodes;
    while let Some((node, behind)) = rest.split_first() {
        rest = behind;
        arguments.push(match node {
            Node::Word(word) if node.token().is_some() => {
                let claimed = rest.iter().take_while(|node| node.is_value()).count();
                let (values, behind) = rest.split_at(claimed);
                rest = behind;
                with_token(word, to_arguments(values))
            }
            Node::Word(word) => Argument::value(word),
            Node::Repeat(body) => repeated(body),
            Node::Group { optional, choices, repeats } => group(*optional, choices, *repeats),
            Node::More => continue,
        });
    }
    arguments
}
fn with_token(token: &str, mut values: Vec<Argument>) -> Argument {
    let token = token.trim_matches('"');
    let (name, token) = (token.to_ascii_lowercase(), Some(token.to_string()));
    match values.len() {
        0 => Argument { token, ..Argument::new(name, Kind::PureToken) },
        1 => Argument { token, ..values.remove(0) },
        _ => Argument { token, arguments: values, ..Argument::new(name, Kind::Block) },
    }
}
fn repeated(body: &[Node]) -> Argument {
    let argument = Argument::block(to_arguments(body));
    let multiple_token = argument.token.is_some();
    Argument { multiple: true, multiple_token, ..argument }
}
fn group(optional: bool, choices: &[Vec<Node>], repeats: bool) -> Argument {
    let argument = match choices {
        [only] => Argument::block(to_arguments(only)),
        _ => choice(choices),
    };
    Argument { optional: optional || argument.optional, multiple: repeats || argument.multiple, ..argument }
}
fn choice(choices: &[Vec<Node>]) -> Argument {
    let mut choices = choices.to_vec();
    let heads_all = choices[0].len() > 1 && choices[0][..2].iter().all(|node| node.token().is_some());
    let token = if heads_all { choices[0].remove(0).token().map(str::to_string) } else { None };
    let arguments: Vec<Argument> = choices
        .iter()
        .map(|choice| match choice.is_empty() {
            true => with_token("\"\"", Vec::new()),
            false => Argument::block(to_arguments(choice)),
        })
        .collect();
    let name = match &token {
        Some(token) => token.to_ascii_lowercase(),
        None => arguments.iter().map(|argument| argument.name.as_str()).collect::<Vec<_>>().join("-or-"),
    };
    Argument { token, arguments, ..Argument::new(name, Kind::OneOf) }
}

/// Marks the arguments that a key specification finds.
fn mark_keys(arguments: &mut [Argument], key: &KeySpec, number: usize, words: usize) {
    match (key.begin, key.find) {
        (Begin::Index(begin), Find::Range { last, .. }) => {
            let first = begin as usize - words;
            for place in first..=first + last.max(0) as usize {
                mark(argument_at(arguments, place), number);
            }
        }
        (Begin::Index(begin), Find::Count { at, first, .. }) => {
            mark(argument_at(arguments, begin as usize - words + (at + first) as usize), number)
        }
        (Begin::Keyword(word, _), _) => mark(argument_behind(arguments, word), number),
        _ => {}
    }
}
fn mark(argument: Option<&mut Argument>, number: usize) {
    if let Some(argument) = argument {
        argument.kind = Kind::Key;
        argument.key_spec = Some(number);
    }
}
/// The value that is the `place`-th word, as long as only fixed arguments stand before it.
fn argument_at(arguments: &mut [Argument], mut place: usize) -> Option<&mut Argument> {
    for argument in arguments {
        let (least, _) = width_of(argument);
        // An optional value is there whenever anything is: its key stands at its place (PFMERGE's sources).
        let may_stand_here = place == 0 && argument.optional && argument.token.is_none();
        if place < least || may_stand_here {
            return match argument.kind {
                Kind::Block if argument.token.is_none() => argument_at(&mut argument.arguments, place),
                Kind::OneOf | Kind::Block | Kind::PureToken => None,
                _ => Some(argument),
            };
        }
        place -= least;
    }
    None
}
/// The first value behind a token.
fn argument_behind<'a>(arguments: &'a mut [Argument], token: &str) -> Option<&'a mut Argument> {
    for argument in arguments {
        if argument.token.as_deref() == Some(token) {
            return match argument.kind {
                Kind::Block | Kind::OneOf => argument.arguments.first_mut(),
                _ => Some(argument),
            };
        }
        if let Some(found) = argument_behind(&mut argument.arguments, token) {
            return Some(found);
        }
    }
    None
}
/// Keys that no specification finds exactly (SORT's destination) are known by their names.
fn mark_keys_by_name(arguments: &mut [Argument]) {
    for argument in arguments {
        if argument.kind == Kind::String && matches!(argument.name.as_str(), "key" | "destination" | "newkey")
        {
            argument.kind = Kind::Key;
        }
        mark_keys_by_name(&mut argument.arguments);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{
        registry::Registry,
        spec::{Arity, Group, RW, counted_keys, key, key_range},
    };

    /// An argument in short: name:kind, =TOKEN, ? optional, + multiple, ++ with its token, @ key specification.
    fn short(arguments: &[Argument]) -> String {
        let one = |argument: &Argument| {
            let mut text = match argument.kind {
                Kind::PureToken => String::new(),
                Kind::OneOf => format!("<{}>", short(&argument.arguments)),
                Kind::Block => format!("({})", short(&argument.arguments)),
                kind => format!("{}:{}", argument.name, kind.name()),
            };
            text += &argument.token.as_ref().map_or(String::new(), |token| format!("={token}"));
            text += &argument.key_spec.map_or(String::new(), |number| format!("@{number}"));
            text += ["", "+", "++"][argument.multiple as usize + argument.multiple_token as usize];
            text + if argument.optional { "?" } else { "" }
        };
        arguments.iter().map(one).collect::<Vec<_>>().join(" ")
    }
    fn read(syntax: &'static str, keys: &[KeySpec]) -> String {
        let spec =
            Spec::new(Group::Generic, "X", Arity::AtLeast(1)).syntax(syntax).keys(keys.to_vec().leak());
        arguments(&spec, 1).map_or_else(|error| error, |found| short(&found))
    }

    #[test]
    fn lines_become_trees() {
        const KEY: &[KeySpec] = &[key(1, RW)];
        let cases: &[(&'static str, &[KeySpec], &str)] = &[
            (
                "destkey [sourcekey [sourcekey ...]]",
                &[key(1, RW), key(2, RW)],
                "destkey:key@0 sourcekey:key@1+?",
            ),
            ("", &[], ""),
            ("key value [NX|XX] [GET]", KEY, "key:key@0 value:string <=NX =XX>? =GET?"),
            (
                "[EX seconds|PXAT unix-time-milliseconds]",
                &[],
                "<seconds:integer=EX unix-time-milliseconds:unix-time=PXAT>?",
            ),
            ("key value [key value ...]", KEY, "(key:key@0 value:string)+"),
            ("key1 key2 [LEN]", &[key_range(1, 1, RW)], "key1:key@0 key2:key@0 =LEN?"),
            (
                "source destination [REPLACE]",
                &[key(1, RW), key(2, RW)],
                "source:key@0 destination:key@1 =REPLACE?",
            ),
            ("[section [section ...]]", &[], "section:string+?"),
            ("key [start end [BYTE|BIT]]", KEY, "key:key@0 (start:integer end:integer <=BYTE =BIT>?)?"),
            (
                "numkeys key [key ...] <LEFT|RIGHT> [COUNT count]",
                &[counted_keys(1, RW)],
                "numkeys:integer key:key@0+ <=LEFT =RIGHT> count:integer=COUNT?",
            ),
            ("[AGGREGATE SUM|MIN|MAX]", &[], "<=SUM =MIN =MAX>=AGGREGATE?"),
            (
                "[FILTERBY MODULE module-name|ACLCAT category]",
                &[],
                "<module-name:string=MODULE category:string=ACLCAT>=FILTERBY?",
            ),
            ("timeout", &[], "timeout:double"),
            ("[COUNT count [ANY]]", &[], "(count:integer=COUNT =ANY?)?"),
            ("[LIMIT offset count]", &[], "(offset:integer count:integer)=LIMIT?"),
            ("[GET pattern [GET pattern ...]]", &[], "pattern:pattern=GET++?"),
            ("[WEIGHTS weight [weight ...]]", &[], "weight:double=WEIGHTS+?"),
            ("FIELDS numfields field [field ...]", &[], "(numfields:integer field:string+)=FIELDS"),
            ("<host port|NO ONE>", &[], "<(host:string port:integer) (=NO =ONE)>"),
            (
                "<MAXLEN|MINID> [=|~] threshold <*|id>",
                &[],
                "<=MAXLEN =MINID> <== =~>? threshold:string <=* id:string>",
            ),
            ("<key|>", KEY, "<key:key =>"),
            (
                "[GET encoding offset|[OVERFLOW WRAP|SAT] <SET encoding offset value|INCRBY encoding offset increment> [GET encoding offset|[OVERFLOW WRAP|SAT] <SET encoding offset value|INCRBY encoding offset increment> ...]]",
                &[],
                "<(encoding:string offset:integer)=GET (<=WRAP =SAT>=OVERFLOW? <(encoding:string offset:integer value:string)=SET (encoding:string offset:integer increment:integer)=INCRBY>)>+?",
            ),
            ("key [NX", &[], "'' where ']' was expected"),
            ("key]", &[], "unexpected ']'"),
        ];
        for (syntax, keys, expected) in cases {
            assert_eq!(read(syntax, keys), *expected, "{syntax}");
        }
    }

    #[test]
    fn every_command_has_a_syntax_that_agrees_with_its_arity() {
        // DEBUG and REPLCONF have no syntax line, PSYNC takes a word more, QUIT takes words and ignores them; each filter of CLIENT KILL may be left out,
        // but not all of them.
        const FREE_FORM: &[&str] = &["debug", "client|kill", "quit", "replconf", "psync"];
        for node in Registry::get().all().filter(|node| !FREE_FORM.contains(&node.full_name)) {
            let is_container = node.entry.parse.is_none();
            let arguments =
                arguments(node.spec(), node.words).unwrap_or_else(|e| panic!("{}: {e}", node.full_name));
            let (least, fixed) = width(&arguments);
            let said = match node.spec().arity {
                Arity::Exactly(n) => (n as usize, true),
                Arity::AtLeast(n) => (n as usize, false),
            };
            let is_a_word_more = node.full_name == "command";
            if !is_container && !is_a_word_more {
                assert_eq!((least + node.words, fixed), said, "{}: {}", node.full_name, short(&arguments));
            }
        }
    }
}
