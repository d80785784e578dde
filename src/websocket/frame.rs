//! Frame heads.
//!
//! In: bytes. Out: [`Head`], or that they are none. Reserved bits and opcodes make a head invalid
//! (RFC 6455 §5.2), so that other bytes are rarely taken for one.
//!
//! # References
//! - RFC 6455 §5.2 (layout), §5.3 (masking), §5.5 (control frames), RFC 7692 §6 (RSV1)

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// More of the message at hand.
    Continuation,
    /// The first of a text or binary message.
    Data,
    /// Close.
    Close,
    /// Ping or pong.
    Control,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The last of its message.
    pub(super) is_last: bool,
    /// RSV1: its message is compressed.
    pub(super) compressed: bool,
    /// What it is.
    pub(super) kind: Kind,
    /// What its payload is masked with.
    pub(super) mask: Option<[u8; 4]>,
    /// Bytes of the head.
    pub(super) len: usize,
    /// Bytes of the payload.
    pub(super) payload: u64,
}

/// What bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Too few bytes to tell.
    NeedMore,
    /// A head.
    Head(Head),
    /// No head.
    Invalid,
}

/// Reads a head.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let Some(first) = bytes.first() else {
        return Parsed::NeedMore;
    };
    let is_last = first & 0x80 != 0;
    let compressed = first & 0x40 != 0;
    let kind = match first & 0x0f {
        0 => Kind::Continuation,
        1 | 2 => Kind::Data,
        8 => Kind::Close,
        9 | 10 => Kind::Control,
        _ => return Parsed::Invalid,
    };
    let is_control = matches!(kind, Kind::Close | Kind::Control);
    if first & 0x30 != 0 || (is_control && !is_last) || (compressed && kind != Kind::Data) {
        return Parsed::Invalid;
    }
    let Some(second) = bytes.get(1) else {
        return Parsed::NeedMore;
    };
    let (extended, length) = match second & 0x7f {
        126 => (2, bytes.get(2..4)),
        127 => (8, bytes.get(2..10)),
        _ => (0, Some(&[][..])),
    };
    if is_control && extended > 0 {
        return Parsed::Invalid;
    }
    let Some(length) = length else {
        return Parsed::NeedMore;
    };
    let payload = match extended {
        0 => u64::from(second & 0x7f),
        _ => length
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    // The shortest form is demanded, and the highest bit is 0.
    let shortest = match extended {
        2 => 126,
        8 => 1 << 16,
        _ => 0,
    };
    if payload < shortest || payload >> 63 == 1 {
        return Parsed::Invalid;
    }
    let mut len = 2 + extended;
    let mut mask = None;
    if second & 0x80 != 0 {
        let Some(key) = bytes.get(len..).and_then(<[u8]>::first_chunk::<4>) else {
            return Parsed::NeedMore;
        };
        mask = Some(*key);
        len += 4;
    }
    Parsed::Head(Head {
        is_last,
        compressed,
        kind,
        mask,
        len,
        payload,
    })
}

/// Unmasks `bytes`, which stand `offset` bytes behind the beginning of their frame's payload.
pub(super) fn unmask(bytes: &mut [u8], mask: Option<[u8; 4]>, offset: u64) {
    let Some(mut mask) = mask else { return };
    mask.rotate_left(usize::try_from(offset % 4).unwrap_or(0));
    for (byte, key) in bytes.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let Parsed::Head(head) = parse(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d]) else {
            panic!("a head");
        };
        assert_eq!((head.len, head.payload, head.is_last), (6, 5, true));
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let (one, two) = payload.split_at_mut(3);
        unmask(one, head.mask, 0);
        unmask(two, head.mask, 3);
        assert_eq!(&payload, b"Hello");
        let Parsed::Head(head) = parse(&[0x82, 0x7e, 0x01, 0x00]) else {
            panic!("a head");
        };
        assert_eq!((head.len, head.payload), (4, 256));
    }

    #[test]
    fn reserved_bits_and_long_control_frames_are_no_heads() {
        for bytes in [
            &[0x91, 0][..],
            &[0x83, 0],
            &[0x09, 0],
            &[0x89, 126],
            &[0xc9, 0],
            &[0x81, 126, 0, 5],
            &[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(parse(bytes), Parsed::Invalid, "{bytes:?}");
        }
        assert_eq!(parse(&[0x81, 0xfe, 1]), Parsed::NeedMore);
    }
}
