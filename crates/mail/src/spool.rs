//! Messages on their way to the queue: memory first, a file above a bound.
//!
//! ```text
//!   session ── bytes ──▶ MessageWriter ──▶ SpooledMessage ── accept ──▶ queue
//!                          │ above 1 MiB
//!                          └──▶ incoming/NUMBER        one file, not yet durable
//! ```

mod incoming;
pub(crate) mod journal;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use capa7_net::Host;

pub(crate) use incoming::{Incoming, IncomingFile};
pub(crate) use journal::{Mark, Place};

pub use crate::store::Sync;

/// Takes a message as it arrives.
#[derive(Debug)]
pub struct MessageWriter {
    host: Host,
    incoming: Arc<Incoming>,
    held: BytesMut,
    file: Option<IncomingFile>,
    octets: u64,
}

/// A whole message, not yet durable.
#[derive(Debug)]
pub struct SpooledMessage(pub(crate) Body);

#[derive(Debug)]
pub(crate) enum Body {
    Memory(Bytes),
    File(IncomingFile, u64),
}

impl MessageWriter {
    pub(crate) fn new(host: Host, incoming: Arc<Incoming>) -> Self {
        Self { host, incoming, held: BytesMut::new(), file: None, octets: 0 }
    }

    /// Takes more of the message.
    ///
    /// # Errors
    /// When a long message's file cannot be written (disk full, read-only).
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        self.octets = self.octets.saturating_add(octets(bytes.len()));
        if self.held.len() > MEMORY_OCTETS_MAX {
            self.spill().await?;
        }
        Ok(())
    }

    /// Octets taken so far.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// The message is whole.
    ///
    /// # Errors
    /// As [`MessageWriter::write`].
    pub async fn finish(mut self) -> io::Result<SpooledMessage> {
        if self.file.is_some() {
            self.spill().await?;
        }
        Ok(SpooledMessage(match self.file {
            None => Body::Memory(self.held.freeze()),
            Some(file) => Body::File(file, self.octets),
        }))
    }

    async fn spill(&mut self) -> io::Result<()> {
        let held = self.held.split().freeze();
        let (incoming, file) = (Arc::clone(&self.incoming), self.file.take());
        let work = move || {
            let mut file = match file {
                Some(file) => file,
                None => incoming.create()?,
            };
            file.append(&held)?;
            Ok::<_, io::Error>(file)
        };
        self.file = Some(self.host.blocking(work).await?);
        Ok(())
    }
}

impl SpooledMessage {
    /// A message that is in memory already.
    #[must_use]
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(Body::Memory(bytes))
    }

    /// Its octets.
    #[must_use]
    pub fn octets(&self) -> u64 {
        match &self.0 {
            Body::Memory(bytes) => octets(bytes.len()),
            Body::File(_, octets) => *octets,
        }
    }

    /// Its beginning, enough for a header (RFC 5322 sets no bound; ours is
    /// [`HEAD_OCTETS_MAX`]).
    pub(crate) async fn head(self, host: &Host) -> io::Result<(Bytes, Self)> {
        match self.0 {
            Body::Memory(bytes) => Ok((bytes.clone(), Self(Body::Memory(bytes)))),
            Body::File(file, octets) => {
                let work = move || file.head(HEAD_OCTETS_MAX).map(|head| (head, file));
                let (head, file) = host.blocking(work).await?;
                Ok((head.into(), Self(Body::File(file, octets))))
            }
        }
    }

    /// The file that holds it, when it is long.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        match &self.0 {
            Body::Memory(_) => None,
            Body::File(file, _) => Some(file.path().to_owned()),
        }
    }
}

pub(crate) fn octets(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What a message may hold of memory while it arrives; a longer one goes to a
/// file. Nearly all mail is shorter, and 1,000 sessions stay below 1 GiB.
const MEMORY_OCTETS_MAX: usize = 1 << 20;
/// What is looked at of a long message's header.
const HEAD_OCTETS_MAX: usize = 256 * 1024;
