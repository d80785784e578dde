//! Trace: where the heads of a frame lie, for who changes them.
//!
//! In: what the decoder comes across. Out: [`Mark`]s in the order of the layers. Bytes are named by
//! their place in memory, which is good as long as the frame that was pushed is: what lies outside
//! the frame lies in a datagram put together, of which [`What::Whole`] holds a copy.
//!
//! Only a decoder made by [`super::Decoder::traced`] keeps one.

use std::net::IpAddr;

pub(crate) use super::link::{Head as LinkHead, passed};

/// The heads of a frame.
pub(crate) type Trace = Vec<Mark>;

/// A head, and how many bytes there are from it to the end of its layer.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) what: What,
    pub(crate) at: usize,
    pub(crate) len: usize,
}

/// What begins there.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A frame of a link layer in a tunnel.
    Link(LinkHead),
    /// An IP header.
    Ip,
    /// What an IP packet carries, by its protocol number; extension headers are passed.
    Transport(u8),
    /// A fragment's payload.
    Fragment(Piece),
    /// The datagram that the fragment before made whole.
    Whole(Vec<u8>),
}

/// Whose fragment it is, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Piece {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) id: u32,
    pub(crate) protocol: u8,
    pub(crate) offset_bytes: usize,
}
