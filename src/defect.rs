//! `Defect`: what is wrong with the data, never with us.
//!
//! A defect is counted, shown in the report's trust section with its first frame, and never stops
//! the run. `Error` types are for what does stop it: files, arguments, output.

use crate::units::{Flow, FrameRef};

/// The kinds of defect, named as the JSON's `trust[].kind` (lower case, hyphens).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefectKind {
    /// The file ends inside a packet or block.
    CutShort,
    /// A block or record of the capture file makes no sense and was passed over.
    BadBlock,
    /// A link type we do not decode.
    UnknownLink,
    /// Headers of a packet that should be IP, UDP or TCP do not decode.
    MalformedPacket,
    /// The snap length cut bytes off a packet that mattered.
    Snapped,
    /// IP fragments whose other parts never came.
    IpFragmentsMissing,
    /// Bytes of a TCP stream that carries SIP were not captured.
    TcpGap,
    /// Parts of SCTP messages were not captured.
    SctpGap,
    /// A capped table was full and its oldest entry was given up.
    Evicted,
    /// Something that starts like SIP but cannot be used as a message.
    Malformed,
    /// Bytes that look like SIP on a port where that is not proof enough.
    SipLike,
    /// Encrypted traffic where SIP may be inside.
    Encrypted,
    /// A tunnel or encapsulation that is not peeled.
    Tunnel,
    /// A hop of which only one direction was captured.
    OneWay,
    /// Capture time stepped back by over 1 s or forward by over 1 h.
    TimeStep,
    /// Between two files of a tap nothing was captured.
    CaptureGap,
    /// Packets are missing from a tap that does not say so.
    LossyTap,
    /// The capturing machine says it dropped packets.
    Dropped,
    /// Frames are not in time order.
    OutOfOrder,
    /// The clocks of two captures of the same minutes differ.
    ClockOffset,
}

impl DefectKind {
    /// The stable name used in the JSON and by `explain`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CutShort => "cut-short",
            Self::BadBlock => "bad-block",
            Self::UnknownLink => "unknown-link",
            Self::MalformedPacket => "malformed-packet",
            Self::Snapped => "snapped",
            Self::IpFragmentsMissing => "ip-fragments-missing",
            Self::TcpGap => "tcp-gap",
            Self::SctpGap => "sctp-gap",
            Self::Evicted => "evicted",
            Self::Malformed => "malformed",
            Self::SipLike => "sip-like",
            Self::Encrypted => "encrypted",
            Self::Tunnel => "tunnel",
            Self::OneWay => "one-way",
            Self::TimeStep => "time-step",
            Self::CaptureGap => "capture-gap",
            Self::LossyTap => "lossy-tap",
            Self::Dropped => "dropped",
            Self::OutOfOrder => "out-of-order",
            Self::ClockOffset => "clock-offset",
        }
    }
}

/// One defect, where it was met.
///
/// `detail` is a fixed sentence (what it means and what the user can do): defects are grouped by
/// kind and detail, so it must not contain anything that differs from packet to packet; a number
/// that identifies a group (a link type, an offset) goes into `number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Defect {
    /// What kind.
    pub kind: DefectKind,
    /// The frame it was met in; frame 0 where no frame is concerned.
    pub at: FrameRef,
    /// A fixed sentence for people. `{}` in it stands for `number`.
    pub detail: &'static str,
    /// The number that belongs into `detail`, if it has a `{}`: link type, byte offset, port.
    pub number: Option<u64>,
    /// How many it stands for: packets, bytes or entries; usually 1.
    pub count: u64,
    /// Of a message that was not read: which way it went.
    pub flow: Option<Flow>,
}

impl Defect {
    /// A defect of one packet without a number in its detail.
    pub const fn new(kind: DefectKind, at: FrameRef, detail: &'static str) -> Self {
        Self {
            kind,
            at,
            detail,
            number: None,
            count: 1,
            flow: None,
        }
    }

    /// The same of a message that went this way: whoever looks for one between its two hosts must
    /// take it for one that was not captured.
    #[must_use]
    pub const fn on(mut self, flow: Flow) -> Self {
        self.flow = Some(flow);
        self
    }

    /// The same with the number that its detail's `{}` stands for.
    #[must_use]
    pub const fn with_number(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }
}
