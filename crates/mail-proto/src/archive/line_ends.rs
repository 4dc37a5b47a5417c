//! Line ends of messages in files: LF alone, unless that would lose bytes.

/// How the lines of one message end in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// LF, as Unix programs write; CR LF in the message.
    Lf,
    /// As in the message, byte for byte.
    AsTheyAre,
}

/// Looks at a message before it is written.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The last two bytes.
    last: [u8; 2],
    first_line: Option<FirstLine>,
    /// LF without CR, or CR CR LF: what LF alone does not give back.
    is_irregular: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstLine {
    CrLf,
    Lf,
}

impl Survey {
    /// Takes more of the message.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                let end = if self.last[1] == b'\r' { FirstLine::CrLf } else { FirstLine::Lf };
                self.first_line.get_or_insert(end);
                self.is_irregular |= end == FirstLine::Lf || self.last == *b"\r\r";
            }
            self.last = [self.last[1], *byte];
        }
    }

    /// What keeps the bytes where each message can say how its lines end.
    #[must_use]
    pub const fn for_mbox(&self) -> LineEnds {
        if self.is_irregular { LineEnds::AsTheyAre } else { LineEnds::Lf }
    }

    /// What keeps the bytes where the end of the first line says it. A message
    /// that begins with a line without CR and is irregular becomes regular.
    #[must_use]
    pub fn for_maildir(&self) -> LineEnds {
        match self.first_line {
            Some(FirstLine::CrLf) if self.is_irregular => LineEnds::AsTheyAre,
            _ => LineEnds::Lf,
        }
    }
}

/// Turns CR LF into LF.
#[derive(Clone, Debug, Default)]
pub struct ToLf {
    holds_cr: bool,
}

impl ToLf {
    /// Takes more of the message; what is written of it is added to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            if std::mem::take(&mut self.holds_cr) && *byte != b'\n' {
                out.push(b'\r');
            }
            match byte {
                b'\r' => self.holds_cr = true,
                byte => out.push(*byte),
            }
        }
    }

    /// The message is whole.
    pub fn end(self, out: &mut Vec<u8>) {
        if self.holds_cr {
            out.push(b'\r');
        }
    }
}

/// Reads a file of one message: the end of its first line says whether its
/// lines get a CR.
#[derive(Clone, Debug, Default)]
pub struct FromFile {
    ends: Option<LineEnds>,
    last: u8,
}

impl FromFile {
    /// Takes more of the file; what it says is added to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len());
        for byte in bytes {
            if *byte == b'\n' && self.last != b'\r' {
                let ends = *self.ends.get_or_insert(LineEnds::Lf);
                if ends == LineEnds::Lf {
                    out.push(b'\r');
                }
            } else if *byte == b'\n' {
                self.ends.get_or_insert(LineEnds::AsTheyAre);
            }
            out.push(*byte);
            self.last = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(message: &[u8], piece: usize) -> Vec<u8> {
        let mut survey = Survey::default();
        message.chunks(piece).for_each(|bytes| survey.push(bytes));
        let mut file = Vec::new();
        match survey.for_maildir() {
            LineEnds::AsTheyAre => file.extend_from_slice(message),
            LineEnds::Lf => {
                let mut writer = ToLf::default();
                message.chunks(piece).for_each(|bytes| writer.push(bytes, &mut file));
                writer.end(&mut file);
            }
        }
        let (mut reader, mut back) = (FromFile::default(), Vec::new());
        file.chunks(piece).for_each(|bytes| reader.push(bytes, &mut back));
        back
    }

    // RFC 5322 §2.1: lines of a message end with CR LF; files of Unix do not.
    #[test]
    fn a_regular_message_is_written_with_lf_alone() {
        let mut survey = Survey::default();
        survey.push(b"Subject: a\r\n\r\nbare\rcr\r\n");
        assert_eq!((survey.for_mbox(), survey.for_maildir()), (LineEnds::Lf, LineEnds::Lf));
        let mut file = Vec::new();
        let mut writer = ToLf::default();
        writer.push(b"Subject: a\r\n\r\nbare\rcr\r\nend\r", &mut file);
        writer.end(&mut file);
        assert_eq!(file, b"Subject: a\n\nbare\rcr\nend\r");
    }

    proptest! {
        // Goal: whatever a message says after its first line, a file keeps it.
        #[test]
        fn a_file_gives_the_bytes_back(
            rest in "[ab\r\n]{0,40}",
            piece in 1_usize..9,
        ) {
            let message = format!("Subject: x\r\n{rest}");
            let back = there_and_back(message.as_bytes(), piece);
            prop_assert_eq!(back, message.into_bytes());
        }
    }
}
