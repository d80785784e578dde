//! Link types that are not decoded, by name.
//!
//! In: the number. Out: the sentence of the trust section. Only types that turn up in captures
//! are named; the others are told by their number.
//!
//! # References
//! - <https://www.tcpdump.org/linktypes.html>

/// A `match` from numbers to sentences that name them.
macro_rules! sentences {
    ($number:expr, $hint:literal, $($pattern:pat => $name:literal,)*) => {
        match $number {
            $($pattern => concat!("link type {} (", $name, ") is not decoded; ", $hint),)*
            _ => concat!("link type {} is not decoded; ", $hint),
        }
    };
}

/// What is told of frames of an unknown link type; `{}` stands for the number.
pub(super) const fn not_decoded(number: u16) -> &'static str {
    sentences!(
        number,
        "capture on an Ethernet, cooked (any) or loopback interface, or convert to one of them",
        3 => "AX.25",
        7 | 129 => "ARCNET",
        8 => "SLIP",
        11 | 13 | 19 | 106 => "ATM without what tells the protocol",
        130..=137 | 164 | 167 | 168 | 174 | 178..=181 | 183 | 194 | 200 | 232..=234 | 238 => "Juniper's, of a kind of interface not known here",
        140 => "SS7 MTP2",
        139 => "SS7 MTP2 with a head",
        141 => "SS7 MTP3",
        142 => "SS7 SCCP",
        144 => "infrared",
        147..=162 => "for private use; only its owner knows what it is",
        165 => "BACnet",
        169 => "GPRS LLC",
        175 => "Endace Ethernet record",
        176 => "Endace POS record",
        177 | 203 => "ISDN LAPD",
        182 => "multilink frame relay",
        186 | 189 | 220 | 249 | 266 | 288 | 293..=295 => "USB",
        187 | 201 | 251 | 254..=256 | 272 => "Bluetooth",
        188 | 193 => "WiMAX",
        190 | 227 => "CAN bus",
        191 | 195 | 215 | 230 | 283 => "IEEE 802.15.4",
        199 | 209 => "IPMB",
        207 => "X.25 LAPB",
        210 => "FlexRay",
        212 => "LIN bus",
        217 => "GSM air interface",
        218 => "GSM Abis",
        224 | 225 => "Fibre Channel",
        231 => "D-Bus",
        235 => "DVB-CI",
        243 => "MPEG transport stream",
        244 => "Iub or Iur of UMTS",
        245 | 264 => "near field communication",
        246 => "packet filter state synchronisation",
        247 => "InfiniBand",
        248 => "SCTP without IP",
        253 => "Linux netlink",
        257 => "PROFIBUS",
        261 | 262 | 287 | 297 => "Z-Wave",
        267 => "OpenFlow",
        268 => "SDLC",
        270 => "LoRa",
        271 => "VM sockets",
        273 => "DOCSIS with a cable modem's head",
        274 => "Ethernet mPackets",
        279 => "Elektrobit recorder",
        280 => "VPP graph trace",
        281 | 282 | 284 | 285 => "Ethernet switch tags",
        289 => "ATSC",
        290 => "Windows event trace",
    )
}

#[cfg(test)]
mod tests {
    use super::not_decoded;

    #[test]
    fn a_link_type_is_told_by_number_and_where_known_by_name() {
        assert!(not_decoded(189).starts_with("link type {} (USB) is not decoded; capture on"));
        assert!(not_decoded(9999).starts_with("link type {} is not decoded; capture on"));
    }
}
