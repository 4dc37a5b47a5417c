//! Structs whose documentation is the example of their file: one text that
//! cannot contradict itself.

use std::fmt::Write as _;

/// What an example shows of a key.
#[derive(Clone, Copy, Debug)]
pub enum Example {
    /// The key must be there; with a value to be changed.
    Set(&'static str),
    /// The key may be left out: it has this value then.
    Default(&'static str),
    /// The key may be left out; with a value it might have.
    Optional(&'static str),
    /// A table of its own.
    Table(&'static [Field]),
    /// Tables of its own, any number.
    Tables(&'static [Field]),
}

/// One key of a file.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What it is for, line by line.
    pub about: &'static [&'static str],
    /// What the example shows.
    pub example: Example,
}

/// Declares a struct that is read from a file, and keeps what its comments say
/// for the example.
macro_rules! documented {
    (
        $(#[doc = $about:literal])+
        $(#[serde($($container:tt)*)])?
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($($serde:tt)*)])?
                pub $field:ident : $type:ty = $example:expr,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        $(#[serde($($container)*)])?
        pub struct $name {
            $(
                $(#[doc = $doc])+
                $(#[serde($($serde)*)])?
                pub $field: $type,
            )+
        }

        impl $name {
            /// What it is, line by line.
            pub const ABOUT: &'static [&'static str] = &[$($about),+];
            /// Its keys in order.
            pub const FIELDS: &'static [Field] = &[
                $(Field { name: stringify!($field), about: &[$($doc),+], example: $example }),+
            ];
        }
    };
}

pub(super) use documented;

/// The text of an example file.
#[must_use]
pub fn example_of(about: &[&str], fields: &[Field]) -> String {
    let mut text = String::new();
    comment(&mut text, about);
    let is_table = |field: &&Field| matches!(field.example, Example::Table(_) | Example::Tables(_));
    keys(&mut text, fields);
    // TOML 1.0: what follows a table's head belongs to it, so tables come last.
    for field in fields.iter().filter(is_table) {
        text.push('\n');
        comment(&mut text, field.about);
        match field.example {
            Example::Table(inner) => {
                let _ = writeln!(text, "[{}]", field.name);
                keys(&mut text, inner);
            }
            Example::Tables(inner) => {
                let _ = writeln!(text, "[[{}]]", field.name);
                keys(&mut text, inner);
            }
            Example::Set(_) | Example::Default(_) | Example::Optional(_) => {}
        }
    }
    text
}

fn keys(text: &mut String, fields: &[Field]) {
    for field in fields {
        let (mark, value) = match field.example {
            Example::Set(value) => ("", value),
            Example::Default(value) | Example::Optional(value) => ("#", value),
            Example::Table(_) | Example::Tables(_) => continue,
        };
        text.push('\n');
        comment(text, field.about);
        if let Example::Default(_) = field.example {
            text.push_str("# Unless set:\n");
        }
        let _ = writeln!(text, "{mark}{} = {value}", field.name);
    }
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(text, "#{line}");
    }
}
