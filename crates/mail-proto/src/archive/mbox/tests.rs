use proptest::prelude::*;

use super::*;
use crate::archive::line_ends::Survey;
use crate::mailbox::{Flag, Flags};

/// A message as an mbox gives it: offset, date, flags, bytes.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    offset: u64,
    date: Option<i64>,
    flags: Flags,
    bytes: Vec<u8>,
}

fn read(file: &[u8], piece: usize) -> Result<Vec<Found>, NotMbox> {
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    for bytes in file.chunks(piece) {
        reader.push(bytes, &mut events)?;
    }
    reader.end(&mut events)?;
    let mut found: Vec<Found> = Vec::new();
    for event in events {
        match event {
            Event::Begin { offset, separator } => {
                let (date, flags) = (separator.date, Flags::new());
                found.push(Found { offset, date, flags, bytes: Vec::new() });
            }
            Event::Content(bytes) => found.last_mut().unwrap().bytes.extend(bytes),
            Event::End(flags) => found.last_mut().unwrap().flags = flags,
        }
    }
    Ok(found)
}

fn write(messages: &[(i64, Flags, Vec<u8>)], piece: usize) -> Vec<u8> {
    let mut file = Vec::new();
    for (date, flags, bytes) in messages {
        let mut survey = Survey::default();
        survey.push(bytes);
        let separator = Separator::new(sender_of(bytes), *date);
        let mut writer = Writer::begin(&separator, flags, survey.for_mbox(), &mut file);
        bytes.chunks(piece).for_each(|bytes| writer.push(bytes, &mut file));
        writer.end(&mut file);
    }
    file
}

fn flags(text: &str) -> Flags {
    text.split_ascii_whitespace().map(|flag| Flag::parse(flag).unwrap()).collect()
}

fn bodies(file: &[u8]) -> Vec<String> {
    let found = read(file, 7).unwrap();
    found.into_iter().map(|one| String::from_utf8(one.bytes).unwrap()).collect()
}

// RFC 4155 appendix A, and the quoting that can be undone.
#[test]
fn a_message_is_written_as_other_programs_write_it() {
    let message =
        b"Return-Path: <andrea@uc.edu.co>\r\nSubject: x\r\n\r\nFrom here\r\n>From there\r\n";
    let given = (1_764_173_560, flags("\\Seen \\Flagged Work"), message.to_vec());
    let file = String::from_utf8(write(&[given], 3)).unwrap();
    assert_eq!(
        file,
        "From andrea@uc.edu.co Wed Nov 26 16:12:40 2025\nStatus: RO\nX-Status: F\n\
         X-Keywords: Work\nReturn-Path: <andrea@uc.edu.co>\nSubject: x\n\n\
         >From here\n>>From there\n\n"
    );
}

#[test]
fn what_others_write_is_read() {
    let file = b"\nFrom - Thu Nov 26 16:12 2026\nSubject: a\nStatus: RO\nX-Status: AT\n\n\
        From a letter without quotes\n\nFrom home, too\n\nFrom b@c Thu Nov  6 01:02:03 -0500 2025\n\
        X: b\n\nFrom d Fri Nov  7 01:02:03 2025 +0100\nSubject: c\r\nX-Status: later\n\nno end";
    let found = read(file, 5).unwrap();
    let summary: Vec<_> = found.iter().map(|one| (one.offset, one.date)).collect();
    assert_eq!(summary[0], (1, Some(1_795_709_520)));
    assert_eq!(summary[1].1, Some(1_762_408_923));
    assert_eq!(summary[2].1, Some(1_762_473_723));
    assert_eq!(found[0].flags, flags("\\Seen \\Answered \\Draft"));
    assert_eq!(
        bodies(file),
        [
            "Subject: a\r\n\r\nFrom a letter without quotes\r\n\r\nFrom home, too\r\n",
            "X: b\r\n",
            "Subject: c\r\n\r\nno end"
        ]
    );
}

#[test]
fn a_file_that_is_no_mbox_is_named_with_its_place() {
    assert_eq!(read(b"\n\nSubject: x\n", 4), Err(NotMbox { offset: 2 }));
    assert_eq!(read(b"", 4), Ok(Vec::new()));
    assert_eq!(read(&[0; 100_000], 4_096), Err(NotMbox { offset: 0 }));
}

// Goal: whoever sent `Status: RO` does not make a message seen by that, and the
// line is still there when it comes back.
#[test]
fn fields_that_the_message_brought_stay_its_own() {
    let message = b"status: RO\r\nX-Keywords: $Junk\r\nSubject: x\r\n\r\nStatus: D\r\n".to_vec();
    let file = write(&[(0, Flags::new(), message.clone())], 100);
    let found = read(&file, 100).unwrap();
    assert_eq!((&found[0].flags, &found[0].bytes), (&Flags::new(), &message));
}

#[test]
fn a_line_of_megabytes_is_read_in_bounded_pieces() {
    let mut message = b"Subject: x\r\n\r\n".to_vec();
    message.extend(std::iter::repeat_n(b'>', 3_000_000));
    message.extend_from_slice(b"\r\n");
    let file = write(&[(0, Flags::new(), message.clone())], 4_096);
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    let mut read = Vec::new();
    for bytes in file.chunks(4_096) {
        reader.push(bytes, &mut events).unwrap();
        for event in events.drain(..) {
            if let Event::Content(bytes) = event {
                assert!(bytes.len() <= 64 * 1024 + 4_096);
                read.extend(bytes);
            }
        }
    }
    reader.end(&mut events).unwrap();
    assert!(read == message);
}

fn any_flags() -> impl Strategy<Value = Flags> {
    let names = ["\\Seen", "\\Answered", "\\Deleted", "\\Flagged", "\\Draft", "Work", "$Forwarded"];
    proptest::sample::subsequence(names.to_vec(), 0..=7)
        .prop_map(|names| names.into_iter().map(|name| Flag::parse(name).unwrap()).collect())
}

proptest! {
    // Goal: what is written comes back, byte for byte, with flags and dates.
    #[test]
    fn messages_flags_and_dates_come_back(
        messages in prop::collection::vec(
            (
                0_i64..253_402_300_800,
                any_flags(),
                "(Status: R\r\n|X-Status: D\r\n|Subject: a\r\n|>?From [a-z ]{0,3}\r\n| b\r\n){0,4}\
                 (\r\n(>{0,3}From |From|>|\r|\n|\r\n|a|é|From x Thu Nov 26 16:12:40 2026\r\n)\
                 {0,9})?",
            ),
            0..4,
        ),
        piece in 1_usize..60,
    ) {
        let messages: Vec<_> = messages
            .into_iter()
            .map(|(date, flags, text)| (date, flags, format!("{text}\r\n").into_bytes()))
            .collect();
        let found = read(&write(&messages, piece), piece).unwrap();
        let found: Vec<_> =
            found.into_iter().map(|one| (one.date.unwrap(), one.flags, one.bytes)).collect();
        prop_assert_eq!(found, messages);
    }

    // Goal: no file makes the reader fail but at its first line.
    #[test]
    fn any_bytes_behind_a_separator_are_messages(
        rest in prop::collection::vec(any::<u8>(), 0..300),
        piece in 1_usize..50,
    ) {
        let mut file = b"From a\n".to_vec();
        file.extend(rest);
        prop_assert!(!read(&file, piece).unwrap().is_empty());
    }
}
