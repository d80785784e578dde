//! What a file is, told from its first bytes.
//!
//! In: up to the first 24 bytes. Out: a [`Kind`] of capture, or what it is instead and what the
//! user can do about that.
//!
//! # References
//! - draft-ietf-opsawg-pcap (magic numbers), draft-ietf-opsawg-pcapng

/// Byte order of a file's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Order {
    /// A number of 4 bytes.
    #[inline]
    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// A number of 2 bytes.
    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// A number of 8 bytes.
    pub fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }

    /// The 2 bytes of a number.
    pub fn bytes_u16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    /// The 4 bytes of a number.
    pub fn bytes_u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    /// The 8 bytes of a number.
    pub fn bytes_u64(self, number: u64) -> [u8; 8] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }
}

/// The captures we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Classic pcap.
    Classic {
        /// Of all numbers in the file.
        order: Order,
        /// Fractions of a second are nanoseconds, not microseconds.
        nanos: bool,
        /// Kuznetzov's form: record heads have 24 bytes.
        modified: bool,
    },
    /// pcapng; byte order is each section's own matter.
    Ng,
}

/// The block type of a section header, the same in both byte orders.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Something that is not a capture we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stranger {
    /// To be read after "begins".
    pub(super) what: &'static str,
    /// What the user can do.
    pub(super) hint: &'static str,
}

/// Tells what begins with `head`, which holds 24 bytes or all there are, at least one.
pub(super) fn tell(head: &[u8]) -> Result<Kind, Stranger> {
    let Some(magic) = head.first_chunk::<4>().copied() else {
        return Err(stranger(head));
    };
    if magic == SECTION {
        return Ok(Kind::Ng);
    }
    for order in [Order::Little, Order::Big] {
        let (nanos, modified) = match order.u32(magic) {
            0xa1b2_c3d4 => (false, false),
            0xa1b2_3c4d => (true, false),
            0xa1b2_cd34 => (false, true),
            _ => continue,
        };
        return Ok(Kind::Classic {
            order,
            nanos,
            modified,
        });
    }
    Err(stranger(head))
}

/// Beginnings of other files people have beside their captures.
const STRANGERS: &[(&[u8], &str, &str)] = &[
    (
        b"PK\x03\x04",
        "like a zip archive",
        "unpack it: unzip -p FILE | sipannotate -",
    ),
    (b"snoop\0\0\0", "like a snoop capture", CONVERT),
    (b"RTSS", "like a Network Monitor capture", CONVERT),
    (b"GMBU", "like a Network Monitor capture", CONVERT),
    (b"\xa1\xb2\x34\xcd", RARE, CONVERT),
    (b"\xcd\x34\xb2\xa1", RARE, CONVERT),
    (b"\xa1\x2b\x3c\x4d", RARE, CONVERT),
    (b"\x4d\x3c\x2b\xa1", RARE, CONVERT),
    (b"\x1c\x00\x01\xac", RARE, CONVERT),
    (b"\xac\x01\x00\x1c", RARE, CONVERT),
    (b"\x1c\x00\x01\xab", RARE, CONVERT),
    (b"\xab\x01\x00\x1c", RARE, CONVERT),
];

const RARE: &str = "like a vendor's variant of pcap";
const CONVERT: &str = "convert it: editcap -F pcapng FILE NEW.pcapng";
const NAME_A_CAPTURE: &str = "name a file written by tcpdump, tshark, dumpcap or Wireshark";

fn stranger(head: &[u8]) -> Stranger {
    for &(magic, what, hint) in STRANGERS {
        if head.starts_with(magic) {
            return Stranger { what, hint };
        }
    }
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
    if head.iter().all(is_text) {
        return Stranger {
            what: "like text",
            hint: "text cannot be annotated; for a hex dump there is text2pcap",
        };
    }
    Stranger {
        what: "with bytes of no format known here",
        hint: NAME_A_CAPTURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_six_forms_of_classic_pcap_are_told_apart() {
        let mut seen = Vec::new();
        for magic in [0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34] {
            for bytes in [magic.to_le_bytes(), magic.to_be_bytes()] {
                let kind = tell(&bytes).expect("a capture");
                assert!(!seen.contains(&kind), "{kind:?} twice");
                seen.push(kind);
            }
        }
        assert_eq!(
            tell(&0xa1b2_cd34_u32.to_be_bytes()),
            Ok(Kind::Classic {
                order: Order::Big,
                nanos: false,
                modified: true
            })
        );
    }

    #[test]
    fn every_stranger_has_a_hint_that_fits() {
        let hint = |head: &[u8]| tell(head).expect_err("a stranger").hint;
        assert!(hint(b"PK\x03\x04\x14\x00").starts_with("unpack it: unzip"));
        assert!(hint(b"INVITE sip:x SIP/2.0\r\n").contains("text2pcap"));
        assert!(hint(b"\xa1\xb2\x34\xcd").starts_with("convert it"));
        assert_eq!(hint(b"\x7fELF\x02\x01"), NAME_A_CAPTURE);
        assert_eq!(hint(b"\0"), NAME_A_CAPTURE);
    }
}
