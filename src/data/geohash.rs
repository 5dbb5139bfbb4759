//! Places on earth as 52-bit geohashes: 26 bits of longitude and 26 of latitude, interleaved, which a double holds exactly.
//!
//! Places near to each other mostly share a prefix, so a box of the grid is a range of numbers, and a search by shape
//! looks at the box of its centre and the eight around it, at a size at which these are sure to cover the shape. Grid,
//! projection limits and the sphere are those of Redis, so that scores and distances agree to the last printed digit.
//!
//! The latitudes end at 85.05112878°, as in the Web Mercator projection (EPSG:3857): what lies nearer to a pole has no
//! geohash.
use std::f64::consts::PI;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub longitude: f64,
    pub latitude: f64,
}

const LONGITUDE_MAX: f64 = 180.0;
const LATITUDE_MAX: f64 = 85.05112878;
const EARTH_RADIUS_METERS: f64 = 6372797.560856;
/// Half the circumference, by which the size of boxes is estimated.
const MERCATOR_MAX_METERS: f64 = 20037726.37;
/// Bits of each of the two coordinates.
const STEPS_MAX: u32 = 26;

impl Place {
    /// `None` where there is no geohash.
    pub fn new(longitude: f64, latitude: f64) -> Option<Place> {
        let inside = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        inside.then_some(Place { longitude, latitude })
    }
    /// The 52-bit geohash: a score.
    pub fn to_bits(self) -> u64 {
        Cell::of(self, STEPS_MAX, LATITUDE_MAX).bits
    }
    /// The middle of a geohash's cell.
    pub fn from_bits(bits: u64) -> Place {
        let area = Cell { bits, steps: STEPS_MAX }.area();
        let middle = |(low, high): (f64, f64), limit: f64| ((low + high) / 2.0).clamp(-limit, limit);
        Place {
            longitude: middle(area.longitude, LONGITUDE_MAX),
            latitude: middle(area.latitude, LATITUDE_MAX),
        }
    }
    /// The geohash as text, as geohash.org has it: there latitudes end at 90°. Its eleventh letter would need 55 bits, of
    /// which there are 52: it is always `0`.
    pub fn to_text(self) -> [u8; 11] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::of(self, STEPS_MAX, 90.0).bits;
        let mut text = [b'0'; 11];
        for (index, letter) in text.iter_mut().take(10).enumerate() {
            *letter = ALPHABET[(bits >> (52 - (index + 1) * 5)) as usize & 31];
        }
        text
    }
    /// Along the great circle, in meters (the haversine formula).
    pub fn distance_meters(self, other: Place) -> f64 {
        let v = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if v == 0.0 {
            return self.latitude_distance_meters(other);
        }
        let (from, to) = (radians(self.latitude), radians(other.latitude));
        let u = ((to - from) / 2.0).sin();
        let a = u * u + from.cos() * to.cos() * v * v;
        2.0 * EARTH_RADIUS_METERS * a.sqrt().asin()
    }
    fn latitude_distance_meters(self, other: Place) -> f64 {
        EARTH_RADIUS_METERS * (radians(other.latitude) - radians(self.latitude)).abs()
    }
}

fn radians(degrees: f64) -> f64 {
    degrees * (PI / 180.0)
}
fn degrees(radians: f64) -> f64 {
    radians / (PI / 180.0)
}

/// What is searched in: around a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    Radius { meters: f64 },
    Box { width_meters: f64, height_meters: f64 },
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub center: Place,
    pub extent: Extent,
}
impl Shape {
    /// How far a place is from the centre, in meters, if it lies in the shape.
    pub fn distance_inside(&self, place: Place) -> Option<f64> {
        let center = self.center;
        match self.extent {
            Extent::Radius { meters } => {
                Some(center.distance_meters(place)).filter(|distance| *distance <= meters)
            }
            Extent::Box { width_meters, height_meters } => {
                let beside = Place { longitude: center.longitude, latitude: place.latitude };
                let inside = place.latitude_distance_meters(center) <= height_meters / 2.0
                    && place.distance_meters(beside) <= width_meters / 2.0;
                inside.then(|| center.distance_meters(place))
            }
        }
    }
    /// Ranges of geohashes, each from its start up to but not including its end, that together hold every place of the
    /// shape, and others.
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        let bounds = self.bounds();
        let mut steps = self.estimated_steps();
        let mut center = Cell::of(self.center, steps, LATITUDE_MAX);
        if steps > 1 && !center.surroundings_cover(&bounds) {
            steps -= 1;
            center = Cell::of(self.center, steps, LATITUDE_MAX);
        }
        let area = center.area();
        // Where the middle cell reaches beyond the shape itself, those beyond it need not be looked at. Of very large
        // cells there are too few to tell.
        let spare = |(east, north): (i8, i8)| {
            steps >= 2
                && (north < 0 && area.latitude.0 < bounds.latitude.0
                    || north > 0 && area.latitude.1 > bounds.latitude.1
                    || east < 0 && area.longitude.0 < bounds.longitude.0
                    || east > 0 && area.longitude.1 > bounds.longitude.1)
        };
        const AROUND: [(i8, i8); 9] =
            [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let mut ranges: Vec<(u64, u64)> = Vec::with_capacity(9);
        for direction in AROUND.into_iter().filter(|direction| !spare(*direction)) {
            let range = center.neighbor(direction).range();
            // Of very large cells, one may be its own neighbour's neighbour.
            if !ranges.contains(&range) {
                ranges.push(range);
            }
        }
        ranges
    }
    /// Half width and half height, in meters.
    fn halves(&self) -> (f64, f64) {
        match self.extent {
            Extent::Radius { meters } => (meters, meters),
            Extent::Box { width_meters, height_meters } => (width_meters / 2.0, height_meters / 2.0),
        }
    }
    fn bounds(&self) -> Area {
        let Place { longitude, latitude } = self.center;
        let (half_width, half_height) = self.halves();
        let up = degrees(half_height / EARTH_RADIUS_METERS);
        // Degrees of longitude are shortest at the edge that is nearer to its pole.
        let narrow = if latitude < 0.0 { latitude - up } else { latitude + up };
        let aside = degrees(half_width / EARTH_RADIUS_METERS / radians(narrow).cos());
        Area { longitude: (longitude - aside, longitude + aside), latitude: (latitude - up, latitude + up) }
    }
    /// At how many bits the cells are about as large as the shape.
    fn estimated_steps(&self) -> u32 {
        let (half_width, half_height) = self.halves();
        let mut reach_meters = match self.extent {
            Extent::Radius { meters } => meters,
            Extent::Box { .. } => (half_width * half_width + half_height * half_height).sqrt(),
        };
        if reach_meters == 0.0 {
            return STEPS_MAX;
        }
        let mut steps = 1;
        while reach_meters < MERCATOR_MAX_METERS {
            reach_meters *= 2.0;
            steps += 1;
        }
        // Two fewer, so that the cells around cover the shape wherever in its cell the centre lies; near the poles cells
        // are narrower.
        let latitude = self.center.latitude.abs();
        let spare = 2 + (latitude > 66.0) as i32 + (latitude > 80.0) as i32;
        (steps - spare).clamp(1, STEPS_MAX as i32) as u32
    }
}

/// Ranges of degrees.
struct Area {
    longitude: (f64, f64),
    latitude: (f64, f64),
}

/// A cell of the grid that divides each coordinate in 2^`steps`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    /// Longitudes in the odd bits, latitudes in the even ones.
    bits: u64,
    steps: u32,
}
impl Cell {
    fn of(place: Place, steps: u32, latitude_max: f64) -> Cell {
        let offset =
            |degrees: f64, limit: f64| ((degrees + limit) / (limit + limit) * (1_u64 << steps) as f64) as u32;
        let (x, y) = (offset(place.longitude, LONGITUDE_MAX), offset(place.latitude, latitude_max));
        Cell { bits: spread(x) << 1 | spread(y), steps }
    }
    fn area(self) -> Area {
        let cells = (1_u64 << self.steps) as f64;
        let range = |offset: u32, limit: f64| {
            let low = -limit + (offset as f64 / cells) * (limit + limit);
            (low, -limit + ((offset as u64 + 1) as f64 / cells) * (limit + limit))
        };
        Area {
            longitude: range(gather(self.bits >> 1), LONGITUDE_MAX),
            latitude: range(gather(self.bits), LATITUDE_MAX),
        }
    }
    /// The cell next to it, so many to the east and to the north; around the globe, and over the poles.
    fn neighbor(self, (east, north): (i8, i8)) -> Cell {
        let mask = ((1_u64 << self.steps) - 1) as u32;
        // The upper edges have a number of their own behind the last cell, which stays as it is if nothing moves.
        let moved = |offset: u32, by: i8| match by {
            0 => offset,
            _ => offset.wrapping_add_signed(by as i32) & mask,
        };
        let (x, y) = (moved(gather(self.bits >> 1), east), moved(gather(self.bits), north));
        Cell { bits: spread(x) << 1 | spread(y), steps: self.steps }
    }
    /// Whether it and the eight cells around it cover these bounds.
    fn surroundings_cover(self, bounds: &Area) -> bool {
        self.neighbor((0, 1)).area().latitude.1 >= bounds.latitude.1
            && self.neighbor((0, -1)).area().latitude.0 <= bounds.latitude.0
            && self.neighbor((1, 0)).area().longitude.1 >= bounds.longitude.1
            && self.neighbor((-1, 0)).area().longitude.0 <= bounds.longitude.0
    }
    /// The 52-bit geohashes that lie in it.
    fn range(self) -> (u64, u64) {
        let shift = 2 * (STEPS_MAX - self.steps);
        (self.bits << shift, (self.bits + 1) << shift)
    }
}

/// Puts a free bit above each bit.
fn spread(bits: u32) -> u64 {
    const MASKS: [(u32, u64); 5] = [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ];
    MASKS.iter().fold(bits as u64, |bits, (shift, mask)| (bits | bits << shift) & mask)
}
/// Takes every second bit.
fn gather(bits: u64) -> u32 {
    const MASKS: [(u32, u64); 5] = [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ];
    MASKS.iter().fold(bits & 0x5555_5555_5555_5555, |bits, (shift, mask)| (bits | bits >> shift) & mask)
        as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = Place> {
        (-180.0..180.0, -85.0..85.0).prop_map(|(longitude, latitude)| Place { longitude, latitude })
    }
    fn extent() -> impl Strategy<Value = Extent> {
        // Up to the size of the shapes for which nine cells are known to suffice.
        let size = (0.0..6.5_f64).prop_map(|power| 10_f64.powf(power));
        prop_oneof![
            size.clone().prop_map(|meters| Extent::Radius { meters }),
            (size.clone(), size)
                .prop_map(|(width_meters, height_meters)| Extent::Box { width_meters, height_meters }),
        ]
    }

    proptest! {
        #[test]
        fn bits_spread_and_gather(bits in any::<u32>()) {
            prop_assert_eq!(gather(spread(bits)), bits);

            prop_assert_eq!(spread(bits).count_ones(), bits.count_ones());
        }
        #[test]
        fn a_geohash_is_nearer_than_a_meter(place in place()) {
            prop_assert!(place.distance_meters(Place::from_bits(place.to_bits())) < 1.0);
        }
        #[test]
        fn the_ranges_hold_all_that_lies_in_a_shape(center in place(), extent in extent(), east in -1.0..1.0, north in -1.0..1.0) {
            prop_assume!(center.latitude.abs() < 60.0);
            let shape = Shape { center, extent };
            let bounds = shape.bounds();
            let within = |(low, high): (f64, f64), part: f64| (low + high) / 2.0 + part * (high - low) / 2.0;
            let other = Place::new(within(bounds.longitude, east), within(bounds.latitude, north));
            if let Some(other) = other && shape.distance_inside(other).is_some() {
                let bits = other.to_bits();
                prop_assert!(shape.ranges().iter().any(|range| (range.0..range.1).contains(&bits)));
            }
        }
    }

    #[test]
    fn known_places() {
        let palermo = Place::new(13.361389, 38.115556).unwrap();
        let catania = Place::new(15.087269, 37.502669).unwrap();
        assert_eq!(palermo.to_bits(), 3479099956230698);
        assert_eq!(catania.to_bits(), 3479447370796909);
        let (palermo, catania) = (Place::from_bits(palermo.to_bits()), Place::from_bits(catania.to_bits()));
        assert_eq!(format!("{:.4}", palermo.distance_meters(catania)), "166274.1516");
        assert_eq!(&palermo.to_text(), b"sqc8b49rny0");
        assert_eq!(&catania.to_text(), b"sqdtr74hyu0");
        for (longitude, latitude) in
            [(10.0, LATITUDE_MAX), (180.0, 10.0), (180.0, LATITUDE_MAX), (-180.0, 1.0)]
        {
            let center = Place::new(longitude, latitude).unwrap();
            let shape = Shape {
                center: Place::from_bits(center.to_bits()),
                extent: Extent::Radius { meters: 1000.0 },
            };
            let ranges = shape.ranges();
            assert!(ranges.iter().any(|range| (range.0..range.1).contains(&center.to_bits())), "{center:?}");
        }
        assert_eq!(Place::new(180.1, 0.0), None);
        assert_eq!(Place::new(0.0, 85.06), None);
    }
}
