//! Dates in headers (RFC 5322 §3.3, §4.3).

use std::fmt;

/// A moment as a writer saw it: local time and the distance from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageDate {
    /// Four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl MessageDate {
    /// Reads a `Date` field, obsolete forms included: two-digit years, zones by
    /// name, comments. None when there is no date in it.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = without_comments(value);
        let text = text.split_once(',').map_or(text.as_str(), |(_, date)| date);
        let mut words = text.split_ascii_whitespace();
        let mut first = words.next()?;
        if first.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // A day's name without its comma.
            first = words.next()?;
        }
        let day = number(first, 1, 31)?;
        let name = words.next()?;
        let month = MONTHS.iter().position(|month| {
            name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(month))
        })?;
        let year = year(words.next()?)?;
        // RFC 5322 §4.3: spaces may stand around the colons.
        let rest = words.collect::<Vec<_>>().join(" ").replace(" :", ":").replace(": ", ":");
        let mut rest = rest.split(' ');
        let mut clock = rest.next().unwrap_or("0:0").split(':');
        Some(Self {
            year,
            month: u8::try_from(month + 1).ok()?,
            day,
            hour: number(clock.next()?, 0, 23)?,
            minute: number(clock.next()?, 0, 59)?,
            second: clock.next().map_or(Some(0), |text| number(text, 0, 60))?,
            offset_minutes: zone(rest.next().unwrap_or_default()),
        })
    }

    /// The date that UTC has at a moment, in seconds since 1970.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Self {
        let (days, second) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
        // Days of the era that begins on 1 March of the year 0.
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march = (5 * day_of_year + 2) / 153;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |value: i64| u8::try_from(value).unwrap_or_default();
        Self {
            year: u16::try_from(year.clamp(0, 9_999)).unwrap_or_default(),
            month: small(month),
            day: small(day_of_year - (153 * march + 2) / 5 + 1),
            hour: small(second / 3_600),
            minute: small(second / 60 % 60),
            second: small(second % 60),
            offset_minutes: 0,
        }
    }

    /// The moment in seconds since 1970.
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        let clock = i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60;
        self.days() * DAY_S + clock + i64::from(self.second) - i64::from(self.offset_minutes) * 60
    }

    /// Days since 1970 of the local date, as `SENTBEFORE`, `SENTON` and
    /// `SENTSINCE` compare it: without time and zone (RFC 9051 §6.4.4).
    #[must_use]
    pub fn days(&self) -> i64 {
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let year = if month <= 2 { year - 1 } else { year };
        let march = (month + 9) % 12;
        let day_of_year = (153 * march + 2) / 5 + i64::from(self.day) - 1;
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
            - 719_468
    }
}

impl fmt::Display for MessageDate {
    /// `Mon, 2 Jun 2025 10:00:00 -0400` (RFC 5322 §3.3).
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = usize::try_from((self.days() + 3).rem_euclid(7)).unwrap_or_default();
        let month = usize::from(self.month.clamp(1, 12) - 1);
        let (sign, offset) = match self.offset_minutes {
            west @ ..0 => ('-', west.unsigned_abs()),
            east => ('+', east.unsigned_abs()),
        };
        write!(
            out,
            "{}, {} {} {:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            DAYS.get(day).unwrap_or(&"Mon"),
            self.day,
            MONTHS.get(month).unwrap_or(&"Jan"),
            self.year,
            self.hour,
            self.minute,
            self.second,
            offset / 60,
            offset % 60
        )
    }
}

fn number(text: &str, least: u8, most: u8) -> Option<u8> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

/// RFC 5322 §4.3: two digits are 1950 to 2049, three are after 1900.
fn year(text: &str) -> Option<u16> {
    let year: u16 = text.parse().ok()?;
    match (text.len(), year) {
        (2, ..50) => Some(year + 2_000),
        (2 | 3, _) => Some(year + 1_900),
        (4, 1_900..) => Some(year),
        _ => None,
    }
}

/// Minutes east of UTC. RFC 5322 §4.3: unknown names say nothing, as do the
/// military letters, which were once defined the wrong way round.
fn zone(text: &str) -> i16 {
    let digits = text.get(1..).filter(|digits| digits.len() == 4);
    let number: Option<i16> = digits.and_then(|digits| digits.parse().ok());
    match (text.as_bytes().first(), number) {
        (Some(b'+'), Some(number)) => number / 100 * 60 + number % 100,
        (Some(b'-'), Some(number)) => -(number / 100 * 60 + number % 100),
        _ => {
            let named = ZONES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
            named.map_or(0, |(_, hours)| hours * 60)
        }
    }
}

fn without_comments(value: &[u8]) -> String {
    let mut depth = 0_usize;
    let mut text = String::new();
    for byte in value.iter().take(DATE_BYTES_MAX) {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && byte.is_ascii() => text.push(char::from(*byte)),
            _ => {}
        }
    }
    text
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// RFC 5322 §4.3: hours east of UTC.
const ZONES: [(&str, i16); 8] = [
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];
const DAY_S: i64 = 86_400;
/// A date with its comments is shorter.
const DATE_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::MessageDate;

    /// RFC 5322 §3.3 and the obsolete forms of §4.3 and appendix A.6.2.
    #[test]
    fn dates_old_and_new_are_read() {
        for (value, shown) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"),
            ("21 Nov 97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000"),
            (
                "Thu,\r\n 13\r\n   Feb\r\n  1969\r\n 23:32\r\n -0330 (Newfoundland Time)",
                "Thu, 13 Feb 1969 23:32:00 -0330",
            ),
            ("Mon, 2 June 25 1 : 2 : 3 EDT", "Mon, 2 Jun 2025 01:02:03 -0400"),
            ("Tue 1 Jan 2030 00:00:00 Z", "Tue, 1 Jan 2030 00:00:00 +0000"),
            ("1 Jan 100 00:00 PST", "Sat, 1 Jan 2000 00:00:00 -0800"),
            ("(c) 29 Feb 2024 23:59:60 +0545", "Thu, 29 Feb 2024 23:59:60 +0545"),
        ] {
            let date = MessageDate::parse(value.as_bytes());
            assert_eq!(date.map(|date| date.to_string()).as_deref(), Some(shown), "{value}");
        }
        for wrong in [
            "",
            "yesterday",
            "32 Jan 2025 00:00",
            "1 Foo 2025 00:00",
            "1 Jan 2025 25:00",
            "1 Jan x 0:0",
            ",",
        ] {
            assert_eq!(MessageDate::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_counted_from_1970() {
        let date = MessageDate::parse(b"Fri, 21 Nov 1997 09:55:06 -0600").unwrap();
        assert_eq!((date.unix_seconds(), date.days()), (880_127_706, 10_186));
    }

    proptest! {
        #[test]
        fn moments_come_back(seconds in -2_000_000_000_i64..100_000_000_000) {
            let date = MessageDate::from_unix_seconds(seconds);
            assert_eq!(date.unix_seconds(), seconds);
            let read = MessageDate::parse(date.to_string().as_bytes());
            assert_eq!(read, Some(date));
        }

        #[test]
        fn no_value_panics(value in proptest::collection::vec(0_u8.., 0..80)) {
            let _ = MessageDate::parse(&value).map(|date| date.to_string());
        }
    }
}
