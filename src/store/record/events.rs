//! What subscribers hear of: keyspace events, of which `notify-keyspace-events` selects classes, and publications.
use crate::config::KeyspaceEvents;
use bytes::Bytes;

/// Class of a keyspace event: the letter by which `notify-keyspace-events` selects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `g`: DEL, EXPIRE, RENAME …
    Generic,
    /// `$`
    String,
    /// `l`
    List,
    /// `s`
    Set,
    /// `h`
    Hash,
    /// `z`
    SortedSet,
    /// `t`
    Stream,
    /// `x`: a deadline has passed.
    Expired,
    /// `e`: a key had to make room.
    Evicted,
    /// `n`: a key came to be.
    New,
    /// `m`: a reader did not find a key.
    Missed,
}
impl Event {
    const fn letter(self) -> u8 {
        match self {
            Event::Generic => b'g',
            Event::String => b'$',
            Event::List => b'l',
            Event::Set => b's',
            Event::Hash => b'h',
            Event::SortedSet => b'z',
            Event::Stream => b't',
            Event::Expired => b'x',
            Event::Evicted => b'e',
            Event::New => b'n',
            Event::Missed => b'm',
        }
    }
}

/// Which keyspace events are told, and on which channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventsWanted {
    /// A bit for each class.
    classes: u16,
    pub channels: EventChannels,
}
/// The channels that an event is published on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventChannels {
    /// `__keyspace@0__:key`, which tells the event.
    pub of_key: bool,
    /// `__keyevent@0__:event`, which tells the key.
    pub of_event: bool,
}
impl EventsWanted {
    pub const NONE: EventsWanted =
        EventsWanted { classes: 0, channels: EventChannels { of_key: false, of_event: false } };
    pub const ALL: EventsWanted =
        EventsWanted { classes: u16::MAX, channels: EventChannels { of_key: true, of_event: true } };

    /// As `notify-keyspace-events` says it.
    pub fn of(setting: KeyspaceEvents) -> EventsWanted {
        let channels = EventChannels { of_key: setting.has(b'K'), of_event: setting.has(b'E') };
        if channels == EventChannels::default() {
            return EventsWanted::NONE;
        }
        let bit = |class: Event| u16::from(setting.has(class.letter())) << class as u16;
        let classes = ALL_EVENTS.iter().fold(0, |classes, &class| classes | bit(class));
        EventsWanted { classes, channels }
    }
    #[inline]
    pub fn has(self, class: Event) -> bool {
        self.classes & (1 << class as u16) != 0
    }
}
const ALL_EVENTS: [Event; 11] = [
    Event::Generic,
    Event::String,
    Event::List,
    Event::Set,
    Event::Hash,
    Event::SortedSet,
    Event::Stream,
    Event::Expired,
    Event::Evicted,
    Event::New,
    Event::Missed,
];

/// What subscribers are to hear.
#[derive(Clone, Debug, PartialEq)]
pub enum Announcement {
    /// Something happened to a key.
    Event { class: Event, name: &'static str, db: usize, key: Bytes, channels: EventChannels },
    /// PUBLISH
    Message { channel: Bytes, message: Bytes },
    /// SPUBLISH
    ShardMessage { channel: Bytes, message: Bytes },
}
