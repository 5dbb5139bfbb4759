//! The types of values in a file: what they hold and how it is encoded, by number.

macro_rules! value_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $shown:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum ValueType {
            $($(#[$doc])* $name = $number),*
        }
        impl ValueType {
            pub fn of(number: u8) -> Option<ValueType> {
                match number {
                    $($number => Some(ValueType::$name),)*
                    _ => None,
                }
            }
            /// The name that redis-check-rdb shows.
            pub fn name(self) -> &'static str {
                match self {
                    $(ValueType::$name => $shown),*
                }
            }
        }
        #[cfg(test)]
        pub(super) const ALL: &[ValueType] = &[$(ValueType::$name),*];
    };
}

value_types! {
    String = 0, "string";
    /// Element by element.
    List = 1, "list-linked";
    Set = 2, "set-hashtable";
    /// Scores as texts.
    SortedSet1 = 3, "zset-v1";
    Hash = 4, "hash-hashtable";
    /// Scores as eight bytes.
    SortedSet2 = 5, "zset-v2";
    ModulePreGa = 6, "module-pre-release";
    Module = 7, "module-value";
    /// Of Redis before 2.6.
    HashZipmap = 9, "hash-zipmap";
    ListZiplist = 10, "list-ziplist";
    SetIntset = 11, "set-intset";
    SortedSetZiplist = 12, "zset-ziplist";
    HashZiplist = 13, "hash-ziplist";
    /// Nodes are ziplists.
    Quicklist1 = 14, "quicklist";
    Stream1 = 15, "stream";
    HashListpack = 16, "hash-listpack";
    SortedSetListpack = 17, "zset-listpack";
    /// Nodes are listpacks or single elements.
    Quicklist2 = 18, "quicklist-v2";
    /// With the first ID, the highest deleted one, and how many entries were added and read.
    Stream2 = 19, "stream-v2";
    SetListpack = 20, "set-listpack";
    /// With the time when a consumer last got something.
    Stream3 = 21, "stream-v3";
    /// Deadlines of fields as they are.
    HashDeadlinesPreGa = 22, "hash-hashtable-md-pre-release";
    HashTriplesPreGa = 23, "hash-listpack-md-pre-release";
    /// Deadlines of fields as differences to the first.
    HashDeadlines = 24, "hash-hashtable-md";
    HashTriples = 25, "hash-listpack-md";
}
