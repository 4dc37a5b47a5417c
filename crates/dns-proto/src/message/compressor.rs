//! Remembers where names were written, so that later ones can point at them.

use std::collections::BTreeMap;

use crate::Name;

/// The names written so far into one message.
///
/// Names are matched octet by octet, case included, so that the case of every name survives
/// (RFC 4343 §4.1).
#[derive(Debug, Default)]
pub(super) struct Compressor {
    /// Hash of a name → offset of its first length octet. A collision only costs octets:
    /// [`Compressor::find`] compares.
    offsets: BTreeMap<u32, u16>,
}

impl Compressor {
    /// Appends a name, as a pointer where its end was written before (RFC 1035 §4.1.4).
    pub(super) fn write_name(&mut self, name: &Name, out: &mut Vec<u8>) {
        let mut rest = name.as_wire();
        while let Some((&length, _)) = rest.split_first().filter(|(length, _)| **length > 0) {
            if let Some(offset) = self.find(rest, out) {
                out.extend_from_slice(&(POINTER | offset).to_be_bytes());
                return;
            }
            self.remember(rest, out.len());
            let (label, after) = rest.split_at((usize::from(length) + 1).min(rest.len()));
            out.extend_from_slice(label);
            rest = after;
        }
        out.push(0);
    }

    /// Forgets what was written from `length` on.
    pub(super) fn truncate(&mut self, length: usize) {
        self.offsets.retain(|_, offset| usize::from(*offset) < length);
    }

    fn remember(&mut self, wire: &[u8], offset: usize) {
        let reachable = u16::try_from(offset).ok().filter(|offset| *offset < POINTER_END);
        if let Some(offset) = reachable {
            self.offsets.entry(hash(wire)).or_insert(offset);
        }
    }

    fn find(&self, wire: &[u8], out: &[u8]) -> Option<u16> {
        let offset = *self.offsets.get(&hash(wire))?;
        is_written_at(out, usize::from(offset), wire).then_some(offset)
    }
}

/// Whether the name `wire` stands at `at`, its end possibly behind pointers. Our own pointers
/// always point backwards, so that this ends.
fn is_written_at(out: &[u8], mut at: usize, wire: &[u8]) -> bool {
    let mut rest = wire;
    loop {
        let Some(&length) = out.get(at) else { return false };
        if length >= 0xc0 {
            let Some(&low) = out.get(at + 1) else { return false };
            at = usize::from(length & 0x3f) << 8 | usize::from(low);
            continue;
        }
        let label = usize::from(length) + 1;
        let (Some(written), Some(wanted)) = (out.get(at..at + label), rest.get(..label)) else {
            return false;
        };
        if written != wanted {
            return false;
        }
        if length == 0 {
            return true;
        }
        at += label;
        rest = rest.get(label..).unwrap_or(&[]);
    }
}

/// FNV-1a over the octets.
fn hash(wire: &[u8]) -> u32 {
    wire.iter()
        .fold(0x811c_9dc5, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
}

/// The two top bits of a pointer.
const POINTER: u16 = 0xc000;
/// Offsets from here on do not fit a pointer's 14 bits.
const POINTER_END: u16 = 0x4000;
