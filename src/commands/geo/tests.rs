//! Sessions at the prompt: places, distances and searches, with the answers that Redis gives.
use crate::{commands::testing::Prompt, config::Config};

const SICILY: &str = "GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania";

#[test]
fn places_are_members_of_a_sorted_set() {
    Prompt::new().check(&[
        (SICILY, "2"),
        ("GEODIST Sicily Palermo Catania", "\"166274.1516\""),
        ("GEODIST Sicily Palermo Catania KM", "\"166.2742\""),
        ("GEODIST Sicily Palermo Rome", "nil"),
        ("GEODIST Sicily Palermo Catania inch", "ERR unsupported unit provided. please use M, KM, FT, MI"),
        ("GEODIST Sicily Palermo Catania km x", "ERR syntax error"),
        ("GEOHASH Sicily Palermo x Catania", "[\"sqc8b49rny0\", nil, \"sqdtr74hyu0\"]"),
        ("GEOPOS Sicily Palermo x", "[[\"13.36138933897018433\", \"38.11555639549629859\"], nil]"),
        ("GEOADD Sicily XX CH 13.4 38.1 Palermo 9 9 Nowhere", "1"),
        ("GEOADD Sicily NX 13.5 38.1 Palermo 9 9 Somewhere", "1"),
        ("GEOADD Sicily NX XX 13.5 38.1 Palermo", "ERR syntax error"),
        ("GEOADD Sicily 181 38.1 x", "ERR invalid longitude,latitude pair 181.000000,38.100000"),
        ("GEOADD Sicily CH 1 2", "ERR syntax error"),
        ("SET s x", "OK"),
        ("GEOPOS s x", "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn searches() {
    let mut prompt = Prompt::new();
    prompt.check(&[
        (SICILY, "2"),
        (
            "GEORADIUS Sicily 15 37 200 km WITHDIST ASC",
            "[[\"Catania\", \"56.4413\"], [\"Palermo\", \"190.4424\"]]",
        ),
        ("GEORADIUS Sicily 15 37 100 km WITHHASH", "[[\"Catania\", 3479447370796909]]"),
        ("GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX 400 400 km DESC", "[\"Palermo\", \"Catania\"]"),
        ("GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 0 m", "[\"Palermo\"]"),
        ("GEORADIUSBYMEMBER Sicily Palermo 200 km COUNT 1 DESC", "[\"Catania\"]"),
        ("GEORADIUSBYMEMBER Sicily Rome 200 km", "ERR could not decode requested zset member"),
        ("GEORADIUSBYMEMBER nosuch Rome 200 inch", "[]"),
        ("GEORADIUSBYMEMBER_RO Sicily Palermo 200 km STORE x", "ERR syntax error"),
        (
            "GEOSEARCH Sicily FROMLONLAT 15 37 ASC DESC",
            "ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH",
        ),
        (
            "GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 km ANY",
            "ERR the ANY argument requires COUNT argument",
        ),
        ("GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 km COUNT 0", "ERR COUNT must be > 0"),
    ]);
    prompt.events();
    prompt.check(&[
        ("GEOSEARCHSTORE out Sicily FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST", "2"),
        ("ZRANGE out 0 -1", "[\"Catania\", \"Palermo\"]"),
        ("GEORADIUS Sicily 15 37 100 km STORE out", "1"),
        ("ZSCORE out Catania", "\"3479447370796909\""),
        ("GEORADIUS Sicily 15 37 1 km STORE out", "0"),
        ("EXISTS out", "0"),
        (
            "GEORADIUS Sicily 15 37 100 km STORE out WITHDIST",
            "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
    ]);
    assert_eq!(prompt.events(), ["geosearchstore out", "georadiusstore out", "del out"]);
}

#[test]
fn the_encoding_is_chosen_by_how_many_places_are_given() {
    let mut prompt = Prompt::with(Config { zset_max_listpack_entries: 2, ..Config::default() });
    prompt.check(&[
        ("GEOADD g 0 0 a", "1"),
        ("GEOADD g 1 1 b 1 1 b", "1"),
        ("OBJECT ENCODING g", "\"listpack\""),
        ("GEOADD g XX 0 0 a 0 0 a 0 0 a", "0"),
        ("OBJECT ENCODING g", "\"skiplist\""),
        ("GEOADD h 0 0 a 0 0 a 0 0 a", "1"),
        ("OBJECT ENCODING h", "\"skiplist\""),
    ]);
}
