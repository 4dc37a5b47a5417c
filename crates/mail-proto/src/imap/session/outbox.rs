//! What a session wants done, in order.

use std::collections::VecDeque;

use bytes::Bytes;
use capa7_dissect::Cause;

use super::Output;
use crate::imap::names::Names;
use crate::imap::response::{StatusText, Writer};

/// Collects text until it is worth sending, and keeps outputs in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    outputs: VecDeque<Output>,
    text: Vec<u8>,
    names: Names,
    cause: Cause,
}

impl Outbox {
    pub(super) const fn set_names(&mut self, names: Names) {
        self.names = names;
    }

    pub(super) const fn names(&self) -> Names {
        self.names
    }

    /// What is sent from here on happens because of `cause`.
    pub(super) fn set_cause(&mut self, cause: Cause) {
        if cause != self.cause {
            self.flush();
            self.cause = cause;
        }
    }

    pub(super) const fn cause(&self) -> Cause {
        self.cause
    }

    pub(super) const fn writer(&mut self) -> Writer<'_> {
        Writer::new(&mut self.text, self.names)
    }

    /// The text that is not sent yet.
    pub(super) const fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    pub(super) fn tagged(&mut self, tag: &str, status: &StatusText) {
        self.writer().tagged(tag, status);
    }

    /// Octets that are large or shared are sent in pieces without copying.
    pub(super) fn octets(&mut self, mut octets: Bytes) {
        if octets.len() <= COPIED_OCTETS_MAX {
            self.text.extend_from_slice(&octets);
            if self.text.len() >= PIECE_OCTETS {
                self.flush();
            }
            return;
        }
        self.flush();
        let cause = self.cause;
        while !octets.is_empty() {
            let piece = octets.split_to(octets.len().min(PIECE_OCTETS));
            self.outputs.push_back(Output::Send { octets: piece, cause });
        }
    }

    /// Text becomes an output, so that what follows comes after it.
    pub(super) fn flush(&mut self) {
        if !self.text.is_empty() {
            let octets = Bytes::from(std::mem::take(&mut self.text));
            self.outputs.push_back(Output::Send { octets, cause: self.cause });
        }
    }

    pub(super) fn push(&mut self, output: Output) {
        self.flush();
        self.outputs.push_back(output);
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.flush();
        let output = self.outputs.pop_front();
        if self.outputs.is_empty() {
            // An idle connection holds no buffer.
            self.outputs = VecDeque::new();
        }
        output
    }
}

/// What is sent at once.
const PIECE_OCTETS: usize = 32 * 1024;
/// Octets that are copied among the text rather than sent on their own: a copy
/// of so many costs less than one more call of the kernel, and the client wakes
/// once for a response rather than for each of its pieces.
const COPIED_OCTETS_MAX: usize = 16 * 1024;
