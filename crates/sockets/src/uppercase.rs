//! Capitals, in every script that has them.

use std::str;

/// The text in capitals; bytes that are no text stay what they are.
///
/// Some letters grow: `ß` becomes `SS`.
#[must_use]
pub fn uppercase(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.extend_from_slice(chunk.valid().to_uppercase().as_bytes());
        out.extend_from_slice(chunk.invalid());
    }
    out
}

/// Capitals for a stream, whose reads may end within a character.
#[derive(Debug, Default)]
pub struct Shouter {
    /// The beginning of a character, at most three bytes (RFC 3629 §3).
    begun: Vec<u8>,
}

impl Shouter {
    /// The capitals of everything that is complete so far; the beginning of a
    /// character waits for its rest.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.begun.extend_from_slice(bytes);
        let rest = self.begun.split_off(self.begun.len() - unfinished(&self.begun));
        let complete = std::mem::replace(&mut self.begun, rest);
        uppercase(&complete)
    }

    /// The end of the stream: what was begun and never finished, as it is.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.begun)
    }
}

/// How many bytes at the end are a character whose rest is missing.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    match str::from_utf8(last) {
        // Without a length, the error is that the input ends.
        Err(error) if error.error_len().is_none() => last.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_exist_in_many_scripts_and_some_letters_grow() {
        let cases = [
            ("hello", "HELLO"),
            ("¡el niño añoró!", "¡EL NIÑO AÑORÓ!"),
            ("straße", "STRASSE"),
            ("ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"),
            ("привет", "ПРИВЕТ"),
            ("ﬁn", "FIN"),
            ("日本 🙂 123", "日本 🙂 123"),
            ("", ""),
        ];
        for (text, capitals) in cases {
            assert_eq!(uppercase(text.as_bytes()), capitals.as_bytes(), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay() {
        assert_eq!(uppercase(b"a\xff\xfeb\xc3"), b"A\xff\xfeB\xc3");
        let all: Vec<u8> = (128..=255).collect();
        assert_eq!(uppercase(&all), all);
    }

    // However a stream is cut, its answer is that of the whole.
    #[test]
    fn every_cut_of_a_stream_gives_the_same_capitals() {
        let texts: [&[u8]; 4] =
            ["año ñandú".as_bytes(), "ﬁ🙂ß".as_bytes(), b"\xe2\x82", b"\xf0a\xffz"];
        for text in texts {
            for cut in 0..=text.len() {
                for second in cut..=text.len() {
                    let mut shouter = Shouter::default();
                    let mut out = shouter.push(&text[..cut]);
                    out.extend(shouter.push(&text[cut..second]));
                    out.extend(shouter.push(&text[second..]));
                    assert!(shouter.begun.len() <= 3);
                    out.extend(shouter.finish());
                    assert_eq!(out, uppercase(text), "{text:?} cut at {cut} and {second}");
                }
            }
        }
    }
}
