//! Cookies (RFC 6265).

use std::fmt;
use std::time::Duration;

use crate::fields::Fields;

/// A cookie that a server sets (RFC 6265 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// The name, a token.
    pub name: String,
    /// The value.
    pub value: String,
    /// How long the client keeps it; zero removes it, none is as long as the
    /// client runs.
    pub max_age: Option<Duration>,
    /// Who may see it.
    pub reach: Reach,
}

/// Over which connections a cookie is sent. Either way no script reads it
/// (`HttpOnly`), and no other site's page makes the browser send it
/// (`SameSite=Strict`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only within TLS (`Secure`).
    Secure,
    /// Also in clear: for a server on this machine.
    Any,
}

impl fmt::Display for SetCookie {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}; Path=/; HttpOnly; SameSite=Strict", self.name, self.value)?;
        if let Some(age) = self.max_age {
            write!(out, "; Max-Age={}", age.as_secs())?;
        }
        match self.reach {
            Reach::Secure => out.write_str("; Secure"),
            Reach::Any => Ok(()),
        }
    }
}

/// The value of the first cookie of this name in a request (RFC 6265 §4.2).
#[must_use]
pub fn cookie<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.all("cookie").filter_map(|line| std::str::from_utf8(line).ok()).find_map(|line| {
        let mut pairs = line.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        // RFC 6265 §4.2.1: pairs separated by a semicolon and a space.
        let fields = Fields::new().with("Cookie", "theme=dark; session=31d4d96e; lang=en-US");
        assert_eq!(cookie(&fields, "session"), Some("31d4d96e"));
        assert_eq!(cookie(&fields, "sess"), None);
    }

    #[test]
    fn a_cookie_that_is_set_is_out_of_reach_of_scripts_and_other_sites() {
        let (name, value) = ("session".to_owned(), "31d4".to_owned());
        let max_age = Some(Duration::from_secs(60));
        let set = SetCookie { name, value, max_age, reach: Reach::Secure };
        let text = "session=31d4; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure";
        assert_eq!(set.to_string(), text);
    }
}
