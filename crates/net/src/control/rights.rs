//! Descriptors beside bytes: `SCM_RIGHTS` (unix(7)).
//!
//! ```text
//!  struct cmsghdr, in the machine's word size:
//!  ├ length: word ┼ SOL_SOCKET: 4 ┼ SCM_RIGHTS: 4 ┼ descriptors: 4 each
//! ```

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use socket2::{MsgHdr, SockRef};

use crate::namespace::sys;

/// The most descriptors that one message carries.
pub(super) const DESCRIPTORS_MAX: usize = 4;

const WORD: usize = size_of::<usize>();
const HEADER: usize = WORD + 8;
/// Room for the header and all descriptors, up to the next word.
const CONTROL_BYTES: usize = (HEADER + 4 * DESCRIPTORS_MAX).next_multiple_of(WORD);

/// Sends the beginning of `bytes` with the descriptors beside it; returns how
/// many bytes went.
pub(super) fn send(
    socket: SockRef<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let slices = [IoSlice::new(bytes)];
    let mut control = Vec::with_capacity(CONTROL_BYTES);
    let descriptors = descriptors.get(..DESCRIPTORS_MAX).unwrap_or(descriptors);
    let header = MsgHdr::new().with_buffers(&slices);
    if descriptors.is_empty() {
        return socket.sendmsg(&header, libc::MSG_NOSIGNAL);
    }
    control.extend_from_slice(&(HEADER + 4 * descriptors.len()).to_ne_bytes());
    control.extend_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
    control.extend_from_slice(&libc::SCM_RIGHTS.to_ne_bytes());
    for descriptor in descriptors {
        control.extend_from_slice(&descriptor.as_raw_fd().to_ne_bytes());
    }
    control.resize(control.len().next_multiple_of(WORD), 0);
    socket.sendmsg(&header.with_control(&control), libc::MSG_NOSIGNAL)
}

/// Receives bytes into `buffer` and whatever descriptors come with them; says
/// how many bytes. None is the end of the stream.
pub(super) fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = [0; CONTROL_BYTES];
    let (count, control_length) = sys::receive_message(socket, buffer, &mut control)?;
    Ok((count, descriptors_of(control.get(..control_length).unwrap_or(&control))))
}

fn descriptors_of(control: &[u8]) -> Vec<OwnedFd> {
    let length = control.first_chunk().map_or(0, |word| usize::from_ne_bytes(*word));
    let word_at = |at: usize| Some(i32::from_ne_bytes(*control.get(at..)?.first_chunk()?));
    let is_rights =
        word_at(WORD) == Some(libc::SOL_SOCKET) && word_at(WORD + 4) == Some(libc::SCM_RIGHTS);
    if !is_rights {
        return Vec::new();
    }
    let starts = (HEADER..length.min(control.len())).step_by(4);
    starts.filter_map(word_at).filter_map(sys::adopt_received).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_descriptor_that_was_handed_over_is_the_same_pipe() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let sent = send(SockRef::from(&here), b"take", &[writer.as_fd()]).expect("sent");
        assert_eq!(sent, 4);
        drop(writer);
        let mut buffer = [0; 64];
        let (count, mut descriptors) = receive(there.as_fd(), &mut buffer).expect("received");
        assert_eq!(buffer.get(..count), Some(b"take".as_slice()));
        let received = descriptors.pop().expect("one descriptor");
        assert!(descriptors.is_empty());
        std::fs::File::from(received).write_all(b"through it").expect("room");
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("the writer is closed");
        assert_eq!(text, "through it");
    }

    #[test]
    fn bytes_alone_bring_no_descriptor() {
        let (here, there) = UnixStream::pair().expect("a pair");
        send(SockRef::from(&here), b"alone", &[]).expect("sent");
        let mut buffer = [0; 64];
        let (count, descriptors) = receive(there.as_fd(), &mut buffer).expect("received");
        assert_eq!((count, descriptors.len()), (5, 0));
    }
}
