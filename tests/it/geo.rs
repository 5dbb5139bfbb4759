//! Places: adding, asking, searching, keeping.

#[test]
fn places() {
    transcript!(
        r#"
        GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        GEOADD Sicily NX 13.5 38 Palermo 13.583333 37.316667 Agrigento
        GEOADD Sicily XX CH 13.583334 37.316667 Agrigento 1 1 Nowhere
        GEOADD Sicily CH 13.361389 38.115556 Palermo
        GEOADD Sicily nx xx 1 1 x
        GEOADD Sicily 181 1 x
        GEOADD Sicily 1 86 x
        GEOADD Sicily 1 85.05112878 edge
        GEOADD Sicily a 1 x
        GEOADD Sicily 1 nan x
        GEOADD Sicily 1 1
        GEOADD Sicily 1 1 x 2
        TYPE Sicily
        OBJECT ENCODING Sicily
        GEOPOS Sicily Palermo Nowhere Catania
        GEOPOS Sicily
        GEOPOS absent a b
        GEOHASH Sicily Palermo Catania Agrigento edge Nowhere
        GEOHASH absent a
        GEODIST Sicily Palermo Catania
        GEODIST Sicily Palermo Catania m
        GEODIST Sicily Palermo Catania KM
        GEODIST Sicily Palermo Catania mi
        GEODIST Sicily Palermo Catania ft
        GEODIST Sicily Palermo Palermo
        GEODIST Sicily Palermo Nowhere
        GEODIST absent a b
        GEODIST Sicily Palermo Catania inch
        GEODIST Sicily Palermo Catania km km
        SET s v
        GEOADD s 1 1 x
        GEOPOS s x
        GEOHASH s x
        GEODIST s x y
        "#
    );
}

#[test]
fn searches() {
    transcript!(
        r#"
        GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge1 17.241510 38.788135 edge2
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC
        GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST WITHHASH
        GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 200 km DESC WITHDIST
        GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 500 km COUNT 2
        GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 500 km COUNT 2 DESC
        GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 500 km COUNT 1 ANY
        GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 0 m
        GEOSEARCH Sicily FROMLONLAT 0 0 BYRADIUS 1 km
        GEOSEARCH Sicily FROMMEMBER Rome BYRADIUS 1 km
        GEOSEARCH Sicily FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 1 km
        GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 1 km BYBOX 1 1 km
        GEOSEARCH Sicily BYRADIUS 1 km ASC DESC
        GEOSEARCH Sicily FROMLONLAT 15 37 ASC ASC
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS -1 km
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS x km
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 inch
        GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX -1 1 km
        GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX x 1 km
        GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX 1 x km
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 km COUNT 0
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 km COUNT -1
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 km COUNT x
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 km ANY
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 km STOREDIST
        GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 1 km MORE
        GEOSEARCH absent FROMMEMBER Rome BYRADIUS 1 km
        GEORADIUS Sicily 15 37 200 km WITHDIST ASC
        GEORADIUS Sicily 15 37 200 km COUNT 1 DESC WITHHASH
        GEORADIUS_RO Sicily 15 37 200 km ASC
        GEORADIUS_RO Sicily 15 37 200 km STORE x
        GEORADIUSBYMEMBER Sicily Palermo 200 km ASC
        GEORADIUSBYMEMBER Sicily Rome 200 km
        GEORADIUSBYMEMBER absent Rome x y
        GEORADIUSBYMEMBER_RO Sicily Palermo 200 km ASC WITHCOORD
        "#
    );
}

#[test]
fn keeping() {
    transcript!(
        r#"
        GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        GEOSEARCHSTORE out Sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC
        GEOPOS out Palermo Catania
        GEOSEARCHSTORE out Sicily FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST
        TYPE out
        GEOSEARCHSTORE out Sicily FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST
        GEOSEARCHSTORE out Sicily FROMLONLAT 15 37 BYBOX 400 400 km COUNT 1
        GEOPOS out Palermo Catania
        GEOSEARCHSTORE out Sicily FROMLONLAT 0 0 BYRADIUS 1 km
        EXISTS out
        GEOSEARCHSTORE Sicily Sicily FROMMEMBER Catania BYRADIUS 1 km
        GEOPOS Sicily Palermo Catania
        GEOADD Sicily 13.361389 38.115556 Palermo
        GEORADIUS Sicily 15 37 200 km STORE out
        GEOPOS out Palermo
        GEORADIUS Sicily 15 37 200 km STOREDIST out STORE other
        EXISTS other
        GEORADIUSBYMEMBER Sicily Palermo 1 km STORE out
        GEORADIUS Sicily 15 37 200 km STORE out WITHDIST
        GEORADIUSBYMEMBER absent Palermo 1 km STORE out
        EXISTS out
        SET s v
        GEORADIUS s 1 1 1 km
        GEOSEARCHSTORE out s FROMLONLAT 1 1 BYRADIUS 1 km
        GEOSEARCHSTORE s Sicily FROMLONLAT 15 37 BYRADIUS 200 km
        TYPE s
        "#
    );
}
