//! Places on earth, kept as sorted sets whose scores are geohashes: so every command on sorted sets works on them too.
mod search;
#[cfg(test)]
mod tests;

use super::{
    Command, Entry, Outcome, ReadCommand, WriteCommand,
    args::Args,
    error::CommandError,
    read,
    spec::{Arity::*, *},
    write,
};
use crate::{
    data::geohash::Place,
    resp::Reply,
    store::{
        Changes, Event, SortedSet, View,
        sorted_set::{Added, Adding, Presence},
    },
};
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[
    write::<GeoAdd>(),
    read::<GeoDist>(),
    read::<GeoHash>(),
    read::<GeoPos>(),
    read::<search::GeoSearch>(),
    write::<search::GeoSearchStore>(),
    write::<search::GeoRadius>(),
    read::<search::GeoRadiusRo>(),
    write::<search::GeoRadiusByMember>(),
    read::<search::GeoRadiusByMemberRo>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Geo, name, arity).since("3.2.0")
}

/// Takes a longitude and a latitude.
fn place(args: &mut Args) -> Result<Place, CommandError> {
    let (longitude, latitude) = (args.double()?, args.double()?);
    Place::new(longitude, latitude).ok_or_else(|| {
        CommandError::text_of(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
    })
}
/// Takes a unit of length, in meters.
fn unit_meters(args: &mut Args) -> Result<f64, CommandError> {
    const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    args.one_of(&UNITS).ok_or(CommandError::fixed("ERR unsupported unit provided. please use M, KM, FT, MI"))
}
fn place_of(set: &SortedSet, member: &[u8]) -> Option<Place> {
    set.score(member).map(|score| Place::from_bits(score as u64))
}
/// A distance with four digits behind the point.
fn reply_distance(reply: &mut Reply, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even() / 10_000.0;
    reply.bulk(format!("{scaled:.4}").as_bytes());
}
fn reply_place(reply: &mut Reply, place: Place) {
    reply.array(2);
    reply.plain_double(place.longitude);
    reply.plain_double(place.latitude);
}

pub struct GeoAdd {
    key: Bytes,
    presence: Presence,
    /// Replies how many changed, not only how many are new.
    counts_changed: bool,
    places: Vec<(Place, Bytes)>,
}
impl Command for GeoAdd {
    const SPEC: Spec = spec("GEOADD", AtLeast(5))
        .keys(&[key(1, RW | UPDATE)])
        .flags(DENY_OOM)
        .complexity("O(log(N)) for each place")
        .syntax("key [NX|XX] [CH] longitude latitude member [longitude latitude member ...]")
        .summary("Adds places to a geospatial index, or moves them.")
        .history(&[("6.2.0", "Added the `CH`, `NX` and `XX` options.")]);
    fn parse(args: &mut Args) -> Result<GeoAdd, CommandError> {
        let key = args.bytes()?;
        let (mut new, mut old, mut counts_changed) = (false, false, false);
        loop {
            if args.option("NX") {
                new = true;
            } else if args.option("XX") {
                old = true;
            } else if args.option("CH") {
                counts_changed = true;
            } else {
                break;
            }
        }
        if !args.remaining().is_multiple_of(3) || (new && old) {
            return Err(CommandError::Syntax);
        }
        let mut places = Vec::with_capacity(args.remaining() / 3);
        while !args.is_empty() {
            places.push((place(args)?, args.bytes()?));
        }
        // As ZADD says it, which it is.
        if places.is_empty() {
            return Err(CommandError::Syntax);
        }
        let presence = match (new, old) {
            (true, _) => Presence::New,
            (_, true) => Presence::Old,
            _ => Presence::Any,
        };
        Ok(GeoAdd { key, presence, counts_changed, places })
    }
}
impl WriteCommand for GeoAdd {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let limits = changes.limits();
        let adding = Adding { presence: self.presence, ..Adding::default() };
        let (count, bytes) = (self.places.len(), self.places[0].1.len());
        let set = match self.presence {
            Presence::Old => changes.value_mut::<SortedSet>(&self.key)?,
            _ => Some(changes.value_or_insert_with(&self.key, || SortedSet::new(count, bytes, &limits))?),
        };
        let (mut new, mut moved) = (0, 0);
        if let Some(set) = set {
            // As ZADD, it decides by how many it was given, whether they are new or not.
            set.expect(count, &limits);
            for (place, member) in &self.places {
                match set.add(member, place.to_bits() as f64, adding, &limits) {
                    Ok(Added::New(_)) => new += 1,
                    Ok(Added::Rescored(_)) => moved += 1,
                    Ok(Added::Same(_) | Added::Refused) | Err(_) => {}
                }
            }
        }
        if new + moved > 0 {
            changes.modified(Event::SortedSet, "zadd", &self.key);
            changes.also_dirty(new + moved - 1);
        }
        reply.integer((new + if self.counts_changed { moved } else { 0 }) as i64);
        Ok(())
    }
}

pub struct GeoDist {
    key: Bytes,
    from: Bytes,
    to: Bytes,
    unit_meters: f64,
}
impl Command for GeoDist {
    const SPEC: Spec = spec("GEODIST", AtLeast(4))
        .keys(&[key(1, RO | ACCESS)])
        .syntax("key member1 member2 [M|KM|FT|MI]")
        .summary("Tells how far two places are from each other.");
    fn parse(args: &mut Args) -> Result<GeoDist, CommandError> {
        let (key, from, to) = (args.bytes()?, args.bytes()?, args.bytes()?);
        let unit_meters = match args.remaining() {
            0 => 1.0,
            1 => unit_meters(args)?,
            _ => return Err(CommandError::Syntax),
        };
        Ok(GeoDist { key, from, to, unit_meters })
    }
}
impl ReadCommand for GeoDist {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let set = view.value::<SortedSet>(&self.key)?;
        let ends = set.and_then(|set| Some((place_of(set, &self.from)?, place_of(set, &self.to)?)));
        match ends {
            Some((from, to)) => reply_distance(reply, from.distance_meters(to) / self.unit_meters),
            None => reply.null(),
        }
        Ok(())
    }
}

/// Some members of one key, each of which gets a reply of its own.
struct Asked {
    key: Bytes,
    members: Vec<Bytes>,
}
impl Asked {
    fn parse(args: &mut Args) -> Result<Asked, CommandError> {
        Ok(Asked { key: args.bytes()?, members: args.rest() })
    }
    fn reply(&self, view: &View, reply: &mut Reply, tell: impl Fn(Option<Place>, &mut Reply)) -> Outcome {
        let set = view.value::<SortedSet>(&self.key)?;
        reply.array(self.members.len());
        for member in &self.members {
            tell(set.and_then(|set| place_of(set, member)), reply);
        }
        Ok(())
    }
}

pub struct GeoHash(Asked);
impl Command for GeoHash {
    const SPEC: Spec = spec("GEOHASH", AtLeast(2))
        .keys(&[key(1, RO | ACCESS)])
        .complexity("O(1) for each member")
        .syntax("key [member [member ...]]")
        .summary("Tells the geohashes of places as text.");
    fn parse(args: &mut Args) -> Result<GeoHash, CommandError> {
        Asked::parse(args).map(GeoHash)
    }
}
impl ReadCommand for GeoHash {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.reply(view, reply, |place, reply| match place {
            Some(place) => reply.bulk(&place.to_text()),
            None => reply.null(),
        })
    }
}

pub struct GeoPos(Asked);
impl Command for GeoPos {
    const SPEC: Spec = spec("GEOPOS", AtLeast(2))
        .keys(&[key(1, RO | ACCESS)])
        .complexity("O(1) for each member")
        .syntax("key [member [member ...]]")
        .summary("Tells the longitudes and latitudes of places.");
    fn parse(args: &mut Args) -> Result<GeoPos, CommandError> {
        Asked::parse(args).map(GeoPos)
    }
}
impl ReadCommand for GeoPos {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.reply(view, reply, |place, reply| match place {
            Some(place) => reply_place(reply, place),
            None => reply.null_array(),
        })
    }
}
