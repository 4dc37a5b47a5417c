//! Envelopes and structures of messages (RFC 9051 §7.5.2).

/// Names with values.
pub type Parameters = Vec<(Vec<u8>, Vec<u8>)>;

/// `ENVELOPE`: fields of the header as they stand there, not decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageEnvelope {
    /// `Date:`.
    pub date: Option<Vec<u8>>,
    /// `Subject:`.
    pub subject: Option<Vec<u8>>,
    /// `From:`.
    pub from: Vec<EnvelopeAddress>,
    /// `Sender:`; the writers when there is none.
    pub sender: Vec<EnvelopeAddress>,
    /// `Reply-To:`; the writers when there is none.
    pub reply_to: Vec<EnvelopeAddress>,
    /// `To:`.
    pub to: Vec<EnvelopeAddress>,
    /// `Cc:`.
    pub cc: Vec<EnvelopeAddress>,
    /// `Bcc:`.
    pub bcc: Vec<EnvelopeAddress>,
    /// `In-Reply-To:`.
    pub in_reply_to: Option<Vec<u8>>,
    /// `Message-ID:`.
    pub message_id: Option<Vec<u8>>,
}

/// One address of an envelope. A group begins with an address without host,
/// whose mailbox is its name, and ends with one without either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvelopeAddress {
    /// The person's name.
    pub name: Option<Vec<u8>>,
    /// The source route, obsolete.
    pub route: Option<Vec<u8>>,
    /// Before the `@`.
    pub mailbox: Option<Vec<u8>>,
    /// After the `@`.
    pub host: Option<Vec<u8>>,
}

/// `BODYSTRUCTURE`, or `BODY` without what extends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyStructure {
    /// Several parts.
    Multipart(Multipart),
    /// One part.
    Part(BodyPart),
}

/// A part that has parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Multipart {
    /// The parts.
    pub parts: Vec<BodyStructure>,
    /// `mixed`, `alternative`.
    pub subtype: Vec<u8>,
    /// Parameters of the content type; none when not told.
    pub parameters: Parameters,
    /// What extends it.
    pub extension: BodyExtension,
}

/// A part without parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyPart {
    /// `text`.
    pub media_type: Vec<u8>,
    /// `plain`.
    pub subtype: Vec<u8>,
    /// Parameters of the content type.
    pub parameters: Parameters,
    /// `Content-ID:`.
    pub id: Option<Vec<u8>>,
    /// `Content-Description:`.
    pub description: Option<Vec<u8>>,
    /// `Content-Transfer-Encoding:`, `7BIT` when there is none.
    pub encoding: Vec<u8>,
    /// Octets as transferred.
    pub octets: u64,
    /// Lines, of a text or a message.
    pub lines: Option<u64>,
    /// What a `message/rfc822` holds.
    pub message: Option<Box<(MessageEnvelope, BodyStructure)>>,
    /// `Content-MD5:`.
    pub md5: Option<Vec<u8>>,
    /// What extends it.
    pub extension: BodyExtension,
}

/// What `BODYSTRUCTURE` tells beyond `BODY`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyExtension {
    /// `Content-Disposition:` with its parameters.
    pub disposition: Option<(Vec<u8>, Parameters)>,
    /// `Content-Language:`.
    pub language: Vec<Vec<u8>>,
    /// `Content-Location:`.
    pub location: Option<Vec<u8>>,
}
