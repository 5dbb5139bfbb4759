//! Looking for places in a circle or a box: GEOSEARCH, and GEORADIUS as it was before.
use super::{place, place_of, reply_distance, reply_place, spec, unit_meters};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::{CommandError, shown},
        key_positions::{KeyPosition, KeyPositions},
        spec::{Arity::*, *},
    },
    data::{
        geohash::{Extent, Place, Shape},
        listpack::Element,
    },
    resp::{Reply, Request},
    store::{
        Changes, Deadline, Event, SortedSet, View,
        sorted_set::{Direction, ScoreRange},
    },
};
use bytes::Bytes;

#[derive(Clone)]
enum Center {
    At(Place),
    Member(Bytes),
}
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Ascending,
    Descending,
}
/// Where results are kept instead of being told.
struct Keeping {
    key: Bytes,
    /// Distances become the scores, not geohashes.
    distances: bool,
    event: &'static str,
}

struct Search {
    key: Bytes,
    center: Center,
    /// An error of it is told only if there is something to search in (GEORADIUSBYMEMBER).
    extent: Result<Extent, CommandError>,
    /// The unit of the distances that are told.
    unit_meters: f64,
    order: Option<Order>,
    count: Option<usize>,
    /// Whichever are found first will do.
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_place: bool,
    keeping: Option<Keeping>,
}
struct Found {
    member: Bytes,
    place: Place,
    /// The geohash; whoever uses other commands on the sorted set may have made it anything.
    score: f64,
    meters: f64,
}

/// Takes a number that is not negative.
fn length(args: &mut Args, none: &'static str, negative: &'static str) -> Result<f64, CommandError> {
    let length = args.double().map_err(|_| CommandError::fixed(none))?;
    if length < 0.0 { Err(CommandError::fixed(negative)) } else { Ok(length) }
}
fn radius(args: &mut Args) -> Result<(f64, f64), CommandError> {
    let radius = length(args, "ERR need numeric radius", "ERR radius cannot be negative")?;
    let unit = unit_meters(args)?;
    Ok((radius * unit, unit))
}
/// Takes the option that tells how many are wanted; false if it does not stand next.
fn count_option(args: &mut Args, count: &mut Option<usize>) -> Result<bool, CommandError> {
    if args.remaining() < 2 || !args.option("COUNT") {
        return Ok(false);
    }
    let wanted = usize::try_from(args.integer()?).ok().filter(|&wanted| wanted > 0);
    *count = Some(wanted.ok_or(CommandError::fixed("ERR COUNT must be > 0"))?);
    Ok(true)
}

impl Search {
    fn around(key: Bytes, center: Center, extent: Result<Extent, CommandError>, unit_meters: f64) -> Search {
        Search {
            key,
            center,
            extent,
            unit_meters,
            order: None,
            count: None,
            any: false,
            with_distance: false,
            with_hash: false,
            with_place: false,
            keeping: None,
        }
    }
    /// Takes an option that all searches have; false if none stands next.
    fn option(&mut self, args: &mut Args) -> Result<bool, CommandError> {
        if args.option("WITHDIST") {
            self.with_distance = true;
        } else if args.option("WITHHASH") {
            self.with_hash = true;
        } else if args.option("WITHCOORD") {
            self.with_place = true;
        } else if args.option("ANY") {
            self.any = true;
        } else if args.option("ASC") {
            self.order = Some(Order::Ascending);
        } else if args.option("DESC") {
            self.order = Some(Order::Descending);
        } else {
            return count_option(args, &mut self.count);
        }
        Ok(true)
    }
    fn tells_more(&self) -> bool {
        self.with_distance || self.with_hash || self.with_place
    }
    fn check(self) -> Result<Search, CommandError> {
        if self.any && self.count.is_none() {
            return Err(CommandError::fixed("ERR the ANY argument requires COUNT argument"));
        }
        Ok(self)
    }

    /// GEORADIUS and GEORADIUSBYMEMBER, which may keep what they find if `keeps`.
    fn parse_radius(args: &mut Args, by_member: bool, keeps: bool) -> Result<Search, CommandError> {
        let key = args.bytes()?;
        let mut search = if by_member {
            let center = Center::Member(args.bytes()?);
            if args.remaining() < 2 {
                return Err(CommandError::Syntax);
            }
            let mut words = args.split_off(2);
            match radius(&mut words) {
                Ok((meters, unit)) => Search::around(key, center, Ok(Extent::Radius { meters }), unit),
                Err(error) => Search::around(key, center, Err(error), 1.0),
            }
        } else {
            let center = Center::At(place(args)?);
            let (meters, unit) = radius(args)?;
            Search::around(key, center, Ok(Extent::Radius { meters }), unit)
        };
        while !args.is_empty() {
            if search.option(args)? {
                continue;
            }
            let stores = [("STORE", false), ("STOREDIST", true)];
            match args.one_of(&stores).filter(|_| keeps && !args.is_empty()) {
                Some(distances) => {
                    search.keeping = Some(Keeping { key: args.bytes()?, distances, event: "georadiusstore" })
                }
                None => return Err(CommandError::Syntax),
            }
        }
        if search.keeping.is_some() && search.tells_more() {
            return Err(CommandError::fixed(
                "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ));
        }
        search.check()
    }
    /// GEOSEARCH; with a destination GEOSEARCHSTORE.
    fn parse_search(args: &mut Args, destination: Option<Bytes>) -> Result<Search, CommandError> {
        // As the client wrote it.
        let name = shown(args.request().get(0).unwrap_or_default()).into_owned();
        let (mut center, mut extent, mut distances) = (None, None, false);
        let nowhere = Place { longitude: 0.0, latitude: 0.0 };
        let mut search =
            Search::around(args.bytes()?, Center::At(nowhere), Ok(Extent::Radius { meters: 0.0 }), 1.0);
        while !args.is_empty() {
            if search.option(args)? {
                continue;
            }
            let (center_is_place, center_is_member, extent_is_box, extent_is_circle) = (
                matches!(center, Some(Center::At(_))),
                matches!(center, Some(Center::Member(_))),
                matches!(extent, Some((Extent::Box { .. }, _))),
                matches!(extent, Some((Extent::Radius { .. }, _))),
            );
            if destination.is_some() && args.option("STOREDIST") {
                distances = true;
            } else if args.remaining() > 1 && !center_is_place && args.option("FROMMEMBER") {
                center = Some(Center::Member(args.bytes()?));
            } else if args.remaining() > 2 && !center_is_member && args.option("FROMLONLAT") {
                center = Some(Center::At(place(args)?));
            } else if args.remaining() > 2 && !extent_is_box && args.option("BYRADIUS") {
                let (meters, unit) = radius(args)?;
                extent = Some((Extent::Radius { meters }, unit));
            } else if args.remaining() > 3 && !extent_is_circle && args.option("BYBOX") {
                const NEGATIVE: &str = "ERR height or width cannot be negative";
                let width = args.double().map_err(|_| CommandError::fixed("ERR need numeric width"))?;
                let height = args.double().map_err(|_| CommandError::fixed("ERR need numeric height"))?;
                if width < 0.0 || height < 0.0 {
                    return Err(CommandError::fixed(NEGATIVE));
                }
                let unit = unit_meters(args)?;
                let whole = Extent::Box { width_meters: width * unit, height_meters: height * unit };
                extent = Some((whole, unit));
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if destination.is_some() && search.tells_more() {
            return Err(CommandError::fixed(
                "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ));
        }
        let lacking =
            |what| CommandError::text_of(format!("ERR exactly one of {what} can be specified for {name}"));
        search.center = center.ok_or_else(|| lacking("FROMMEMBER or FROMLONLAT"))?;
        let (extent, unit_meters) = extent.ok_or_else(|| lacking("BYRADIUS and BYBOX"))?;
        (search.extent, search.unit_meters) = (Ok(extent), unit_meters);
        search.keeping = destination.map(|key| Keeping { key, distances, event: "geosearchstore" });
        search.check()
    }

    fn find(&self, set: &SortedSet) -> Result<Vec<Found>, CommandError> {
        let center = match &self.center {
            Center::At(place) => *place,
            Center::Member(member) => place_of(set, member).ok_or(NO_MEMBER)?,
        };
        let shape = Shape { center, extent: self.extent.clone()? };
        let enough = if self.any { self.count.unwrap_or(usize::MAX) } else { usize::MAX };
        let mut found = Vec::new();
        'ranges: for (start, end) in shape.ranges() {
            let range =
                ScoreRange { min: start as f64, max: end as f64, excludes_min: false, excludes_max: true };
            for (member, score) in set.range(set.ranks_of_scores(&range), Direction::Forward) {
                let place = Place::from_bits(score as u64);
                let Some(meters) = shape.distance_inside(place) else { continue };
                found.push(Found { member: to_bytes(member), place, score, meters });
                if found.len() >= enough {
                    break 'ranges;
                }
            }
        }
        // Some of many are the nearest ones, unless any will do.
        let order = self.order.or((self.count.is_some() && !self.any).then_some(Order::Ascending));
        match order {
            Some(Order::Ascending) => found.sort_by(|a, b| a.meters.total_cmp(&b.meters)),
            Some(Order::Descending) => found.sort_by(|a, b| b.meters.total_cmp(&a.meters)),
            None => {}
        }
        found.truncate(self.count.unwrap_or(usize::MAX));
        Ok(found)
    }
    fn tell(&self, found: &[Found], reply: &mut Reply) {
        let more = self.with_distance as usize + self.with_hash as usize + self.with_place as usize;
        reply.array(found.len());
        for one in found {
            if more > 0 {
                reply.array(1 + more);
            }
            reply.bulk(&one.member);
            if self.with_distance {
                reply_distance(reply, one.meters / self.unit_meters);
            }
            if self.with_hash {
                reply.integer(one.score as i64);
            }
            if self.with_place {
                reply_place(reply, one.place);
            }
        }
    }
    fn keep(&self, keeping: &Keeping, found: Vec<Found>, changes: &mut Changes, reply: &mut Reply) {
        let count = found.len();
        if count > 0 {
            let score = |one: &Found| {
                if keeping.distances { one.meters / self.unit_meters } else { one.score }
            };
            let mut items: Vec<(Bytes, f64)> =
                found.iter().map(|one| (one.member.clone(), score(one))).collect();
            items.sort_by(|(a, x), (b, y)| x.total_cmp(y).then_with(|| a.cmp(b)));
            let set = SortedSet::from_sorted(&items, &changes.limits());
            changes.set_value(&keeping.key, set, Deadline::Clear);
            changes.modified(Event::SortedSet, keeping.event, &keeping.key);
            changes.also_dirty(count as u64 - 1);
        } else if changes.delete(&keeping.key) {
            changes.modified(Event::Generic, "del", &keeping.key);
        }
        reply.integer(count as i64);
    }
    fn read(&self, view: &View, reply: &mut Reply) -> Outcome {
        let found = match view.value::<SortedSet>(&self.key)? {
            Some(set) => self.find(set)?,
            None => Vec::new(),
        };
        self.tell(&found, reply);
        Ok(())
    }
    fn write(&self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let found = match changes.source_value::<SortedSet>(&self.key)? {
            Some(set) => self.find(set)?,
            None => Vec::new(),
        };
        match &self.keeping {
            Some(keeping) => self.keep(keeping, found, changes, reply),
            None => self.tell(&found, reply),
        }
        Ok(())
    }
}

/// A search whose options are wrong. What is wrong with its key or with the member in its centre is told first.
struct Refused {
    key: Bytes,
    member: Option<Bytes>,
    /// What is wrong with the radius, which is looked at only if there is something to search in.
    extent: Option<CommandError>,
    error: CommandError,
}
impl Refused {
    fn new(spec: &Spec, args: &mut Args, error: CommandError) -> Refused {
        let index = spec.keys.iter().find(|key| key.flags & RO != 0).map(|key| key.begin);
        let Some(Begin::Index(index)) = index else { unreachable!("every search reads a key") };
        let (request, index) = (args.request(), index as usize);
        args.rest();
        let word = |index| request.share(index).unwrap_or_default();
        // By its name, or behind the first option: that is looked at before what follows.
        let (member, extent) = match spec.name {
            "GEORADIUSBYMEMBER" | "GEORADIUSBYMEMBER_RO" => {
                let extent = radius(&mut Args::new(request, index + 2, args.context()));
                (Some(word(index + 1)), extent.err())
            }
            _ => (word(index + 1).eq_ignore_ascii_case(b"FROMMEMBER").then(|| word(index + 2)), None),
        };
        Refused { key: word(index), member, extent, error }
    }
    fn answer(&self, view: &View) -> Outcome {
        let Some(set) = view.value::<SortedSet>(&self.key)? else { return Err(self.error.clone()) };
        match &self.member {
            Some(member) if place_of(set, member).is_none() => Err(NO_MEMBER),
            _ => Err(self.extent.as_ref().unwrap_or(&self.error).clone()),
        }
    }
}
const NO_MEMBER: CommandError = CommandError::fixed("ERR could not decode requested zset member");
fn to_bytes(member: Element) -> Bytes {
    Bytes::copy_from_slice(member.bytes(&mut itoa::Buffer::new()))
}

/// The keys of GEORADIUS: the one it reads, and behind STORE or STOREDIST the one it writes; the last such option counts.
fn radius_keys(request: &Request, first_option: usize, found: &mut KeyPositions) {
    found.push(KeyPosition { index: 1, flags: RO | ACCESS });
    let is_store = |&index: &usize| {
        request.get(index).is_some_and(|word| {
            word.eq_ignore_ascii_case(b"STORE") || word.eq_ignore_ascii_case(b"STOREDIST")
        })
    };
    let options = first_option..request.len().saturating_sub(1);
    if let Some(index) = options.rev().find(is_store) {
        found.push(KeyPosition { index: index + 1, flags: OW | UPDATE });
    }
}
const RADIUS_SYNTAX: &str = "key longitude latitude radius <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC] [STORE key|STOREDIST key]";
const RADIUS_RO_SYNTAX: &str = "key longitude latitude radius <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]";
const MEMBER_SYNTAX: &str = "key member radius <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC] [STORE key|STOREDIST key]";
const MEMBER_RO_SYNTAX: &str =
    "key member radius <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]";
const SEARCH_COMPLEXITY: &str = "O(N+log(M)), N: members in the boxes that cover the shape, M: in the shape";

const fn stored_behind(word: &'static str, from: i8) -> KeySpec {
    KeySpec {
        begin: Begin::Keyword(word, from),
        find: Find::Range { last: 0, step: 1, limit: 0 },
        flags: OW | UPDATE,
        notes: None,
    }
}

macro_rules! searches {
    ($($(#[$doc:meta])* $Name:ident: $kind:ident = $spec:expr, $parse:expr;)*) => {$(
        $(#[$doc])*
        pub struct $Name(Result<Search, Refused>);
        impl Command for $Name {
            const SPEC: Spec = $spec;
            fn parse(args: &mut Args) -> Result<Self, CommandError> {
                let parse: fn(&mut Args) -> Result<Search, CommandError> = $parse;
                Ok(Self(parse(args).map_err(|error| Refused::new(&Self::SPEC, args, error))))
            }
        }
        searches!(@$kind $Name);
    )*};
    (@read $Name:ident) => {
        impl ReadCommand for $Name {
            fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
                match &self.0 {
                    Ok(search) => search.read(view, reply),
                    Err(refused) => refused.answer(view),
                }
            }
        }
    };
    (@write $Name:ident) => {
        impl WriteCommand for $Name {
            fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
                match &self.0 {
                    Ok(search) => search.write(changes, reply),
                    Err(refused) => refused.answer(&changes.view()),
                }
            }
        }
    };
}
searches! {
    GeoSearch: read = spec("GEOSEARCH", AtLeast(7))
        .keys(&[key(1, RO | ACCESS)])
        .since("6.2.0")
        .complexity(SEARCH_COMPLEXITY)
        .syntax("key <FROMMEMBER member|FROMLONLAT longitude latitude> <BYRADIUS radius <M|KM|FT|MI>|BYBOX width height <M|KM|FT|MI>> [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]")
        .summary("Finds places in a circle or a box.")
        .history(&[("7.0.0", "Upper-case units.")]),
        |args| Search::parse_search(args, None);
    GeoSearchStore: write = spec("GEOSEARCHSTORE", AtLeast(8))
        .keys(&[key(1, OW | UPDATE), key(2, RO | ACCESS)])
        .flags(DENY_OOM)
        .since("6.2.0")
        .complexity(SEARCH_COMPLEXITY)
        .syntax("destination source <FROMMEMBER member|FROMLONLAT longitude latitude> <BYRADIUS radius <M|KM|FT|MI>|BYBOX width height <M|KM|FT|MI>> [ASC|DESC] [COUNT count [ANY]] [STOREDIST]")
        .summary("Finds places in a circle or a box, and keeps them in another key.")
        .history(&[("7.0.0", "Upper-case units.")]),
        |args| {
            let destination = args.bytes()?;
            Search::parse_search(args, Some(destination))
        };
    GeoRadius: write = spec("GEORADIUS", AtLeast(6))
        .keys(&[key(1, RO | ACCESS), stored_behind("STORE", 6), stored_behind("STOREDIST", 6)])
        .locate(|request, found| radius_keys(request, 6, found))
        .flags(DENY_OOM)
        .complexity(SEARCH_COMPLEXITY)
        .syntax(RADIUS_SYNTAX)
        .summary("Finds places around a point, and keeps them if it is told to.")
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")
        .history(&[("6.2.0", "Added the `ANY` option for `COUNT`."), ("7.0.0", "Upper-case units.")]),
        |args| Search::parse_radius(args, false, true);
    GeoRadiusRo: read = spec("GEORADIUS_RO", AtLeast(6))
        .keys(&[key(1, RO | ACCESS)])
        .since("3.2.10")
        .complexity(SEARCH_COMPLEXITY)
        .syntax(RADIUS_RO_SYNTAX)
        .summary("Finds places around a point.")
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")
        .history(&[("6.2.0", "Added the `ANY` option for `COUNT`.")]),
        |args| Search::parse_radius(args, false, false);
    GeoRadiusByMember: write = spec("GEORADIUSBYMEMBER", AtLeast(5))
        .keys(&[key(1, RO | ACCESS), stored_behind("STORE", 5), stored_behind("STOREDIST", 5)])
        .locate(|request, found| radius_keys(request, 5, found))
        .flags(DENY_OOM)
        .complexity(SEARCH_COMPLEXITY)
        .syntax(MEMBER_SYNTAX)
        .summary("Finds places around a member, and keeps them if it is told to.")
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .history(&[("6.2.0", "Added the `ANY` option for `COUNT`."), ("7.0.0", "Upper-case units.")]),
        |args| Search::parse_radius(args, true, true);
    GeoRadiusByMemberRo: read = spec("GEORADIUSBYMEMBER_RO", AtLeast(5))
        .keys(&[key(1, RO | ACCESS)])
        .since("3.2.10")
        .complexity(SEARCH_COMPLEXITY)
        .syntax(MEMBER_RO_SYNTAX)
        .summary("Finds places around a member.")
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .history(&[("6.2.0", "Added the `ANY` option for `COUNT`.")]),
        |args| Search::parse_radius(args, true, false);
}
