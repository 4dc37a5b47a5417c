//! `$GENERATE`: one line that stands for many, as BIND defines it.
//!
//! ```text
//!   $GENERATE 1-254/2 host-${0,3,d} A 10.0.0.$
//!             |   | |      | | |
//!          start  | step   | | base: d, o, x, X, and n, N (nibbles, reversed)
//!               stop       | width, filled with zeros
//!                          offset, added to the number
//! ```

use super::Problem;

/// The numbers of a range.
#[derive(Clone, Debug)]
pub(super) struct Generate {
    next: Option<i64>,
    stop: i64,
    step: i64,
}

impl Generate {
    /// Reads `start-stop` or `start-stop/step`.
    pub(super) fn parse(text: &str, records_max: u64) -> Result<Self, Problem> {
        let bad = || Problem::BadRange(text.to_owned());
        let (range, step) = text.split_once('/').unwrap_or((text, "1"));
        let (start, stop) = range.split_once('-').ok_or_else(bad)?;
        let number = |digits: &str| {
            let value = digits.parse::<u32>().ok().filter(|_| !digits.starts_with('+'));
            value.map(i64::from).ok_or_else(bad)
        };
        let (start, stop, step) = (number(start)?, number(stop)?, number(step)?);
        if stop < start || step == 0 {
            return Err(bad());
        }
        let records = u64::try_from((stop - start) / step + 1).unwrap_or(u64::MAX);
        if records > records_max {
            return Err(Problem::RangeTooLong(records, records_max));
        }
        Ok(Self { next: Some(start), stop, step })
    }
}

impl Iterator for Generate {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let number = self.next?;
        self.next = Some(number + self.step).filter(|next| *next <= self.stop);
        Some(number)
    }
}

/// Appends `raw` with each `$` and `${offset,width,base}` replaced; `\$` and `$$` are a `$`.
pub(super) fn substitute(raw: &[u8], number: i64, out: &mut Vec<u8>) -> Result<(), Problem> {
    let mut rest = raw;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match (octet, after.first()) {
            (b'\\', Some(b'$')) => {
                out.extend_from_slice(b"\\$");
                rest = &after[1..];
            }
            (b'\\', Some(&escaped)) => {
                out.extend_from_slice(&[b'\\', escaped]);
                rest = &after[1..];
            }
            (b'$', Some(b'$')) => {
                out.extend_from_slice(b"\\$");
                rest = &after[1..];
            }
            (b'$', Some(b'{')) => {
                let end = after.iter().position(|&octet| octet == b'}');
                let inner = end.and_then(|end| after.get(1..end));
                let inner = inner.and_then(|inner| std::str::from_utf8(inner).ok());
                let bad = || Problem::BadModifier(String::from_utf8_lossy(raw).into_owned());
                let modifier = Modifier::parse(inner.ok_or_else(bad)?).ok_or_else(bad)?;
                modifier.write(number, out)?;
                rest = after.get(end.unwrap_or(0) + 1..).unwrap_or(&[]);
            }
            (b'$', _) => out.extend_from_slice(number.to_string().as_bytes()),
            _ => out.push(octet),
        }
    }
    Ok(())
}

/// What stands between the braces.
struct Modifier {
    offset: i64,
    width: usize,
    base: char,
}

impl Modifier {
    fn parse(inner: &str) -> Option<Self> {
        let mut parts = inner.split(',');
        let offset = i64::from(parts.next()?.trim().parse::<i32>().ok()?);
        let width = match parts.next() {
            Some(width) => width.trim().parse().ok().filter(|width| *width <= WIDTH_MAX)?,
            None => 0,
        };
        let base = match parts.next().map(str::trim) {
            None => 'd',
            Some(base @ ("d" | "o" | "x" | "X" | "n" | "N")) => base.chars().next()?,
            Some(_) => return None,
        };
        parts.next().is_none().then_some(Self { offset, width, base })
    }

    fn write(&self, number: i64, out: &mut Vec<u8>) -> Result<(), Problem> {
        let value = number + self.offset;
        let value = u64::try_from(value).map_err(|_| Problem::NegativeNumber(value))?;
        let width = self.width;
        let text = match self.base {
            'o' => format!("{value:0width$o}"),
            'x' => format!("{value:0width$x}"),
            'X' => format!("{value:0width$X}"),
            'n' | 'N' => nibbles(value, width, self.base == 'N'),
            _ => format!("{value:0width$}"),
        };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Hexadecimal digits from the lowest up, with dots between: `0x1a` is `a.1`.
/// The width counts the dots, so a width of 3 is two digits.
fn nibbles(value: u64, width: usize, upper: bool) -> String {
    let digits = width.div_ceil(2);
    let hex = if upper { format!("{value:0digits$X}") } else { format!("{value:0digits$x}") };
    let mut text = String::with_capacity(hex.len() * 2);
    for digit in hex.chars().rev() {
        if !text.is_empty() {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

/// Widest number; no name has a longer label.
const WIDTH_MAX: usize = 128;
