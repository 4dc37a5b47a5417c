//! Regions, the time between them, and sites.

use std::time::Duration;

use crate::text::Bilingual;

/// A place of the map.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its identifier, by custom the code of its airport: `bog`.
    pub id: String,
    /// Its name.
    pub name: Bilingual,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// The time between two regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// One end.
    pub from: String,
    /// The other end.
    pub to: String,
    /// How long a packet takes.
    pub one_way: Duration,
}

/// A place with people and a local name server.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: Bilingual,
    /// Where it is.
    pub region: String,
    /// The host that resolves names for it (course D3).
    pub resolver: Option<String>,
    /// The domain in which names without a dot are looked up first.
    pub search: Option<String>,
}

/// The time between two regions whose file names none: the great circle, made
/// longer by [`DETOUR`], at the speed of light in glass, and [`SWITCHING`].
pub(super) fn one_way(a: &Region, b: &Region) -> Duration {
    let (lat_a, lat_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let half_lat = ((lat_b - lat_a) / 2.0).sin();
    let half_lon = ((b.longitude - a.longitude).to_radians() / 2.0).sin();
    let chord = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lon * half_lon;
    let km = 2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin();
    let micros = (km * DETOUR / GLASS_KM_PER_S * 1e6).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10^6")]
    let travel = Duration::from_micros(micros as u64);
    travel + SWITCHING
}

const EARTH_RADIUS_KM: f64 = 6371.0;

/// Two thirds of the speed of light in the void.
const GLASS_KM_PER_S: f64 = 200_000.0;

/// How much longer cables are than the great circle; round trips measured
/// between continents are 1.4 to 2 times the ideal.
const DETOUR: f64 = 1.5;

/// Spent in routers on the way, and the time within one region.
pub(super) const SWITCHING: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bogota_to_boston_takes_about_thirty_milliseconds() {
        let place = |latitude, longitude| Region {
            id: String::new(),
            name: Bilingual::default(),
            latitude,
            longitude,
        };
        let (bogota, boston) = (place(4.7, -74.1), place(42.4, -71.0));
        let millis = one_way(&bogota, &boston).as_millis();
        assert!((30..=36).contains(&millis), "{millis}");
        assert_eq!(one_way(&bogota, &bogota), SWITCHING);
        assert_eq!(one_way(&bogota, &boston), one_way(&boston, &bogota));
    }
}
