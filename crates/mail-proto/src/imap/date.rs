//! Dates and times as IMAP writes them (RFC 9051 §9, `date`, `date-time`).

use std::fmt;

use time::{Month, OffsetDateTime, UtcOffset};

/// When a message came to the store: seconds since 1970, UTC
/// (RFC 9051 §2.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternalDate(pub i64);

/// A day of a search, without time and zone (RFC 9051 §6.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// The year, four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl InternalDate {
    /// Reads what is between the quotes of a `date-time`:
    /// `17-Jul-1996 02:44:25 -0700`, the day also with a space before it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.trim_start().split_once(' ')?;
        let (clock, zone) = rest.split_once(' ')?;
        let date = Date::parse(date)?;
        let mut parts = clock.split(':').map(|part| part.parse::<u8>().ok());
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        let sign = match zone.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let zone = zone.get(1..).filter(|zone| zone.len() == 4)?.parse::<i32>().ok()?;
        let offset = sign * (zone / 100 * 3_600 + zone % 100 * 60);
        let offset = UtcOffset::from_whole_seconds(offset).ok()?;
        // A leap second is the last second of its minute.
        let time = time::Time::from_hms(hour, minute, second.min(59)).ok()?;
        let moment = date.calendar()?.with_time(time).assume_offset(offset);
        parts.next().is_none().then(|| Self(moment.unix_timestamp()))
    }

    /// The day in UTC.
    #[must_use]
    pub fn date(self) -> Date {
        let moment = self.moment();
        Date {
            year: u16::try_from(moment.year()).unwrap_or_default(),
            month: moment.month().into(),
            day: moment.day(),
        }
    }

    fn moment(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for InternalDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.moment();
        let (hour, minute, second) = moment.to_hms();
        let (date, day) = (self.date(), moment.day());
        let month = month_name(date.month);
        write!(out, "{day:2}-{month}-{:04} {hour:02}:{minute:02}:{second:02} +0000", date.year)
    }
}

impl Date {
    /// Reads `1-Feb-1994`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !(1..=2).contains(&day.len()) || year.len() != 4 || !digits(day) || !digits(year) {
            return None;
        }
        let index = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
        let month = u8::try_from(index + 1).ok()?;
        let date = Self { year: year.parse().ok()?, month, day: day.parse().ok()? };
        date.calendar().filter(|_| parts.next().is_none()).map(|_| date)
    }

    fn calendar(self) -> Option<time::Date> {
        let month = Month::try_from(self.month).ok()?;
        time::Date::from_calendar_date(self.year.into(), month, self.day).ok()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}-{:04}", self.day, month_name(self.month), self.year)
    }
}

fn month_name(month: u8) -> &'static str {
    usize::from(month).checked_sub(1).and_then(|index| MONTHS.get(index)).unwrap_or(&"Jan")
}

/// The months' names (RFC 9051 §9, `date-month`).
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9051 §9, `date-time`; the moments of RFC 9051 §6.3.12.
    #[test]
    fn a_date_time_is_read_with_its_zone_and_written_in_utc() {
        let check = |text: &str, written: &str| {
            let read = InternalDate::parse(text).expect("a date");
            assert_eq!(read.to_string(), written);
            assert_eq!(InternalDate::parse(&read.to_string()), Some(read));
        };
        check("17-Jul-1996 02:44:25 -0700", "17-Jul-1996 09:44:25 +0000");
        check(" 7-Feb-1994 21:52:25 -0800", " 8-Feb-1994 05:52:25 +0000");
        check("31-Dec-1999 23:30:00 -0030", " 1-Jan-2000 00:00:00 +0000");
        for text in ["", "17-Jul-1996", "17-Jul-1996 25:00:00 +0000", "30-Feb-2020 00:00:00 +0000"]
        {
            assert_eq!(InternalDate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_read_without_case() {
        let date = Date::parse("1-fEb-1994").expect("a day");
        assert_eq!(date, Date { year: 1994, month: 2, day: 1 });
        assert_eq!(date.to_string(), "1-Feb-1994");
        assert!(Date::parse("1-Feb-94").is_none());
        assert!(Date::parse("31-Jun-1994").is_none());
    }
}
