//! Users and groups of this machine.

use std::{fs, io};

/// The number of a user.
pub(crate) fn user_number(name: &str) -> io::Result<u32> {
    let found = find("/etc/passwd", |fields| fields.first() == Some(&name))?;
    let number = found.and_then(|fields| fields.get(2)?.parse().ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no user {name}")))
}

/// The name of a number in such a book.
pub(crate) fn name_of(book: &str, number: u32) -> io::Result<String> {
    let text = number.to_string();
    let found = find(book, |fields| fields.get(2) == Some(&text.as_str()))?;
    let name = found.and_then(|fields| fields.first().cloned());
    name.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no {number} in {book}")))
}

fn find(book: &str, is_it: impl Fn(&[&str]) -> bool) -> io::Result<Option<Vec<String>>> {
    let text = fs::read_to_string(book)?;
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| is_it(fields));
    Ok(line.map(|fields| fields.into_iter().map(str::to_owned).collect()))
}

pub(crate) const ROOT: u32 = 0;
/// `nobody` and `nogroup`, on Debian and elsewhere.
pub(crate) const NOBODY: u32 = 65_534;
