//! Places and searches around them.

use super::{Generator, exact};
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("GEOADD", |r| {
        let mut arguments = vec![r.key()];
        arguments.extend(r.options(&[&["NX"], &["XX"], &["CH"]]).into_iter().take(1));
        for _ in 0..1 + r.below(4) {
            arguments.extend(place(r));
            arguments.push(member(r));
        }
        arguments
    }),
    exact("GEODIST", |r| {
        let mut arguments = vec![r.key(), member(r), member(r)];
        if r.chance(70) {
            arguments.push(unit(r));
        }
        arguments
    }),
    exact("GEOHASH", asked),
    exact("GEOPOS", asked),
    exact("GEOSEARCH", |r| {
        let mut arguments = vec![r.key()];
        arguments.extend(shape(r));
        arguments.extend(tail(r, true));
        arguments
    }),
    exact("GEOSEARCHSTORE", |r| {
        let mut arguments = vec![r.key(), r.key()];
        arguments.extend(shape(r));
        arguments.extend(tail(r, false));
        if r.chance(30) {
            arguments.extend(r.words(["STOREDIST"]));
        }
        arguments
    }),
    exact("GEORADIUS", |r| {
        let mut arguments = around(r);
        if r.chance(30) {
            let word = *r.pick(&["STORE", "STOREDIST"]);
            arguments.extend([r.any_case(word), r.key()]);
        }
        arguments
    }),
    exact("GEORADIUS_RO", around),
    exact("GEORADIUSBYMEMBER", |r| {
        let mut arguments = around_member(r);
        if r.chance(30) {
            let word = *r.pick(&["STORE", "STOREDIST"]);
            arguments.extend([r.any_case(word), r.key()]);
        }
        arguments
    }),
    exact("GEORADIUSBYMEMBER_RO", around_member),
];

fn member(random: &mut Random) -> Argument {
    random.pick(&["a", "b", "c", "d", "e", "17", ""]).as_bytes().to_vec()
}
fn asked(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    arguments.extend((0..random.below(4)).map(|_| member(random)).collect::<Vec<_>>());
    arguments
}
fn unit(random: &mut Random) -> Argument {
    let unit = *random.pick(&["m", "km", "ft", "mi", "km", "inch"]);
    random.any_case(unit)
}
/// Longitude and latitude: anywhere, near to a few places, or wrong.
fn place(random: &mut Random) -> [Argument; 2] {
    const WRONG: &[&str] = &["180", "-180", "85.05112878", "86", "181", "0", "x", ""];
    if random.chance(5) {
        return [random.pick(WRONG), random.pick(WRONG)].map(|word| word.as_bytes().to_vec());
    }
    let (spread, base) = *random.pick(&[(360.0, -180.0), (2.0, 13.0), (0.1, 14.0), (0.001, 14.5)]);
    let longitude = base + spread * random.below(100_000) as f64 / 100_000.0;
    let (spread, base) = *random.pick(&[(170.0, -85.0), (2.0, 37.0), (0.1, 37.5), (0.001, 38.0)]);
    let latitude = base + spread * random.below(100_000) as f64 / 100_000.0;
    [longitude, latitude].map(|degrees| format!("{degrees}").into_bytes())
}
fn length(random: &mut Random) -> Argument {
    if random.chance(5) {
        return random.pick(&["-1", "0", "x", ""]).as_bytes().to_vec();
    }
    let power = random.below(5) as i32;
    format!("{}", 10_f64.powi(power) * (1 + random.below(99)) as f64 / 10.0).into_bytes()
}
fn shape(random: &mut Random) -> Vec<Argument> {
    let mut arguments = Vec::new();
    if random.chance(50) {
        arguments.extend(random.words(["FROMMEMBER"]));
        arguments.push(member(random));
    } else {
        arguments.extend(random.words(["FROMLONLAT"]));
        arguments.extend(place(random));
    }
    if random.chance(50) {
        arguments.extend(random.words(["BYRADIUS"]));
        arguments.push(length(random));
    } else {
        arguments.extend(random.words(["BYBOX"]));
        arguments.extend([length(random), length(random)]);
    }
    arguments.push(unit(random));
    arguments
}
/// Results are told in order: else it is that of the boxes, which need not be the same.
fn tail(random: &mut Random, tells: bool) -> Vec<Argument> {
    let order = *random.pick(&["ASC", "DESC"]);
    let mut arguments = vec![random.any_case(order)];
    if random.chance(30) {
        arguments.extend(random.words(["COUNT"]));
        arguments.push(random.pick(&["1", "2", "3", "0", "-1", "x"]).as_bytes().to_vec());
    }
    if tells {
        arguments.extend(random.options(&[&["WITHDIST"], &["WITHCOORD"], &["WITHHASH"]]));
    }
    arguments
}
fn around(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    arguments.extend(place(random));
    arguments.extend([length(random), unit(random)]);
    arguments.extend(tail(random, true));
    arguments
}
fn around_member(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key(), member(random), length(random), unit(random)];
    arguments.extend(tail(random, true));
    arguments
}
