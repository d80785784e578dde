//! Names of encodings: those that payload types have by themselves, and all of a description for
//! people.
//!
//! # References
//! - RFC 3551 §6, RFC 8866 §9

use std::fmt::{self, Write as _};

use super::{MediaKind, Sdp};

/// Names and clock rates of the payload types that need no `a=rtpmap` (RFC 3551 §6).
pub(super) const fn static_type(number: u8) -> Option<(&'static str, u32)> {
    Some(match number {
        0 => ("PCMU", 8000),
        3 => ("GSM", 8000),
        4 => ("G723", 8000),
        5 => ("DVI4", 8000),
        6 => ("DVI4", 16_000),
        7 => ("LPC", 8000),
        8 => ("PCMA", 8000),
        9 => ("G722", 8000),
        10 | 11 => ("L16", 44_100),
        12 => ("QCELP", 8000),
        13 => ("CN", 8000),
        14 => ("MPA", 90_000),
        15 => ("G728", 8000),
        16 => ("DVI4", 11_025),
        17 => ("DVI4", 22_050),
        18 => ("G729", 8000),
        25 => ("CelB", 90_000),
        26 => ("JPEG", 90_000),
        28 => ("nv", 90_000),
        31 => ("H261", 90_000),
        32 => ("MPV", 90_000),
        33 => ("MP2T", 90_000),
        34 => ("H263", 90_000),
        _ => return None,
    })
}

/// The encoding names of a description, as one line for people: `PCMU PCMA telephone-event; video
/// H264`. Of media that are not plain RTP the profile stands behind: `PCMU (RTP/SAVP)`, since that
/// is what is often not acceptable. Safe for any sink: bytes that are no part of a token
/// (RFC 8866 §9) are written as `?`, long names and long lists end in `…`. Empty without media.
#[derive(Clone, Copy, Debug)]
pub struct Codecs<'a>(Sdp<'a>);

/// Names told of one medium.
const NAMES_TOLD: usize = 16;

/// Media told.
pub(super) const MEDIA_TOLD: usize = 8;

/// Bytes told of a name.
pub(super) const BYTES_TOLD: usize = 32;

impl<'a> Codecs<'a> {
    pub(super) const fn new(sdp: Sdp<'a>) -> Self {
        Self(sdp)
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.0.media().next().is_none()
    }
}

impl fmt::Display for Codecs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, media) in self.0.media().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            if index == MEDIA_TOLD {
                return f.write_str("…");
            }
            // What a call is about need not be said.
            let mut space = "";
            if media.kind != MediaKind::Audio {
                token(f, media.kind_text)?;
                space = " ";
            }
            // A codec at several rates has one name.
            let mut told: [&[u8]; NAMES_TOLD] = [&[]; NAMES_TOLD];
            let mut count = 0;
            for format in media.formats() {
                let is_told = |name: &&[u8]| name.eq_ignore_ascii_case(format.name);
                if told.iter().take(count).any(is_told) {
                    continue;
                }
                f.write_str(space)?;
                space = " ";
                let Some(place) = told.get_mut(count) else {
                    f.write_str("…")?;
                    break;
                };
                *place = format.name;
                count += 1;
                token(f, format.name)?;
            }
            let is_usual = media.proto.is_empty()
                || media.proto.eq_ignore_ascii_case(b"RTP/AVP")
                || media.is_t38();
            if !is_usual {
                f.write_str(space)?;
                f.write_str("(")?;
                token(f, media.proto)?;
                f.write_str(")")?;
            }
        }
        Ok(())
    }
}

/// Writes at most [`BYTES_TOLD`] bytes of a token, slashes included; what is no part of one as `?`.
fn token(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    for byte in text.iter().take(BYTES_TOLD) {
        let is_safe = byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'&' | b'\\');
        f.write_char(if is_safe { char::from(*byte) } else { '?' })?;
    }
    if text.len() > BYTES_TOLD {
        f.write_str("…")?;
    }
    Ok(())
}
