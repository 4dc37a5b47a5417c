//! Days of the calendar, as registries count them.

use std::fmt;

/// A day of the Gregorian calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// 2021.
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl Date {
    /// The day of a moment, in seconds since 1970.
    #[must_use]
    pub fn of(secs: u64) -> Self {
        let days = u32::try_from(secs / SECONDS_OF_DAY).unwrap_or(u32::MAX / 2);
        // Years are counted from the first of March, so that the leap day ends one.
        let since = days.saturating_add(DAYS_BEFORE_1970);
        let (era, of_era) = (since / DAYS_OF_ERA, since % DAYS_OF_ERA);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self { year: era * 400 + year + u32::from(month <= 2), month, day }
    }

    /// The same day some years later; 29 February becomes the 28th where the
    /// year has none.
    #[must_use]
    pub fn years_later(self, years: u32) -> Self {
        let year = self.year.saturating_add(years);
        let leap =
            (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
        let day = if self.month == 2 && !leap { self.day.min(28) } else { self.day };
        Self { year, day, ..self }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

const SECONDS_OF_DAY: u64 = 86_400;
/// From 1 March of the year 0 to 1 January 1970.
const DAYS_BEFORE_1970: u32 = 719_468;
/// 400 years.
const DAYS_OF_ERA: u32 = 146_097;

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(Date::of(0).to_string(), "1970-01-01");
        assert_eq!(Date::of(1_619_031_600).to_string(), "2021-04-21");
        assert_eq!(Date::of(951_782_400).to_string(), "2000-02-29");
    }

    #[test]
    fn a_leap_day_ends_in_february_of_other_years() {
        let leap = Date::of(951_782_400);
        assert_eq!(leap.years_later(1).to_string(), "2001-02-28");
        assert_eq!(leap.years_later(4).to_string(), "2004-02-29");
    }
}
