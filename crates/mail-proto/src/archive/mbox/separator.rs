//! The line between messages: `From andrea@uc.edu.co Thu Nov 26 16:12:40 2026`.

use std::fmt;

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// What a separator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separator {
    /// Who sent the message, or `MAILER-DAEMON`.
    pub sender: String,
    /// When it arrived, in seconds since 1970; none when the line does not say.
    pub date: Option<i64>,
}

impl Separator {
    /// A separator to write; a sender that cannot stand there is left out.
    #[must_use]
    pub fn new(sender: Option<&str>, date: i64) -> Self {
        let can_stand = |sender: &&str| {
            (1..=SENDER_BYTES_MAX).contains(&sender.len())
                && sender.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let sender = sender.filter(can_stand).unwrap_or(NOBODY).to_owned();
        Self { sender, date: Some(date) }
    }

    /// Reads a line, without its end, that begins with `From `.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?.strip_prefix("From ")?;
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let date = (0..words.len()).find_map(|at| date(words.get(at..)?));
        let sender = words.first().map_or(NOBODY, |word| word).to_owned();
        Some(Self { sender, date })
    }
}

impl fmt::Display for Separator {
    /// RFC 4155 appendix A: the date in UTC, as C's `asctime` writes it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp(self.date.unwrap_or_default());
        let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let day = usize::from(moment.weekday().number_days_from_monday());
        let month = usize::from(u8::from(moment.month()) - 1);
        write!(
            out,
            "From {} {} {} {:2} {:02}:{:02}:{:02} {:04}",
            self.sender,
            DAYS.get(day).unwrap_or(&"Mon"),
            MONTHS.get(month).unwrap_or(&"Jan"),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            moment.year()
        )
    }
}

/// The sender that a message's first line names, if it is a `Return-Path`
/// (RFC 5321 §4.4).
#[must_use]
pub fn sender_of(head: &[u8]) -> Option<&str> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let value = value.trim().strip_prefix('<')?.strip_suffix('>')?;
    name.eq_ignore_ascii_case("return-path").then_some(value)
}

/// `Nov 26 16:12:40 2026`, with or without seconds, and with a zone before or
/// behind the year. Without a zone it is UTC.
fn date(words: &[&str]) -> Option<i64> {
    let [month, day, clock, rest @ ..] = words else { return None };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let mut clock = clock.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().map_or(Some(0), |second| second)?;
    let rest = rest.get(..2).unwrap_or(rest);
    let year = rest.iter().find(|word| word.len() == 4)?.parse::<u16>().ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, day.parse().ok()?).ok()?;
    let time = Time::from_hms(hour, minute, second.min(59)).ok()?;
    let moment = date.with_time(time).assume_offset(UtcOffset::UTC).unix_timestamp();
    Some(moment - rest.iter().find_map(|word| east_s(word)).unwrap_or_default())
}

/// The seconds of `+0100`.
fn east_s(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes() {
        [b'+', _, _, _, _] => 1,
        [b'-', _, _, _, _] => -1,
        _ => return None,
    };
    let number = zone.get(1..)?.parse::<i64>().ok()?;
    Some(sign * (number / 100 * 3_600 + number % 100 * 60))
}

const NOBODY: &str = "MAILER-DAEMON";
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// RFC 5321 §4.5.3.1.3: a path has 256 octets at most.
const SENDER_BYTES_MAX: usize = 256;
