//! Dates as HTTP writes them (RFC 9110 §5.6.7).

use std::fmt;

/// A moment, shown as an IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate {
    /// Seconds since 1970; up to the year 9999.
    pub unix_s: u64,
}

impl HttpDate {
    /// Reads an IMF-fixdate.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(", ")?;
        let mut words = rest.split(' ');
        let (day, month, year) = (words.next()?, words.next()?, words.next()?);
        let (clock, zone) = (words.next()?, words.next()?);
        if text.len() != "Sun, 06 Nov 1994 08:49:37 GMT".len() || zone != "GMT" {
            return None;
        }
        let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
        let mut parts = clock.split(':').map(|part| part.parse::<u64>().ok());
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        let days = days_from(year.parse().ok()?, month, day.parse().ok()?)?;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let date = Self { unix_s: days * DAY_S + hour * 3_600 + minute * 60 + second };
        (date.to_string() == text).then_some(date)
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds) = (self.unix_s / DAY_S, self.unix_s % DAY_S);
        let (year, month, day) = date_of(days);
        // 1970-01-01 was a Thursday.
        let weekday = name(&DAYS, (days + 3) % 7);
        let month = name(&MONTHS, month - 1);
        let (hour, minute) = (seconds / 3_600, seconds / 60 % 60);
        write!(out, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:")?;
        write!(out, "{:02} GMT", seconds % 60)
    }
}

fn name(names: &'static [&'static str], index: u64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
}

/// The date of a day since 1970: eras of 400 years that begin on 1 March.
const fn date_of(days: u64) -> (u64, u64, u64) {
    let shifted = days + DAYS_TO_1970;
    let era = shifted / ERA_DAYS;
    let day_of_era = shifted % ERA_DAYS;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The reverse, for dates from 1970 on.
fn days_from(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year > 9_999 {
        return None;
    }
    let year = year.checked_sub(u64::from(month <= 2))?;
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let year_of_era = year % 400;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (year / 400 * ERA_DAYS + day_of_era).checked_sub(DAYS_TO_1970)
}

const DAY_S: u64 = 86_400;
/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;
/// Days from 1 March of the year 0 to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_written_and_read() {
        // RFC 9110 §5.6.7.
        let date = HttpDate { unix_s: 784_111_777 };
        assert_eq!(date.to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(HttpDate::parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(date));
        assert_eq!(HttpDate::parse("Mon, 06 Nov 1994 08:49:37 GMT"), None, "a Sunday");
        assert_eq!(HttpDate::parse("Sunday, 06-Nov-94 08:49:37 GMT"), None);
    }

    proptest::proptest! {
        #[test]
        fn every_second_is_read_back(unix_s in 0_u64..253_402_300_800) {
            let date = HttpDate { unix_s };
            proptest::prop_assert_eq!(HttpDate::parse(&date.to_string()), Some(date));
        }
    }
}
