//! `Offer`: the media of a session description in a form that is short enough to be kept.
//!
//! In: an [`Sdp`]. Out: for each medium that is not refused a line, `audio RTP/AVP PCMU PCMA`.
//! What always holds: every byte is part of a token, a blank or a line end, so that it is safe for
//! any sink. Capped: [`ROOM`] bytes; what does not fit is left out, and [`Offer::is_cut`].
//!
//! # References
//! - RFC 3264 §5, RFC 8866 §5.14

use crate::sip::Sdp;

/// Bytes of an offer that are kept.
pub const ROOM: usize = 250;

/// Bytes kept of one name.
const NAME: usize = 32;

/// What stands behind an offer that did not fit.
const CUT: u8 = b'!';

/// Where an offer is written.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    bytes: [u8; ROOM + 1],
    len: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            bytes: [0; ROOM + 1],
            len: 0,
        }
    }
}

impl Room {
    /// Writes the media of `sdp`.
    pub fn offer(&mut self, sdp: &Sdp<'_>) -> Offer<'_> {
        self.len = 0;
        let mut fits = true;
        for media in sdp.media().filter(|media| !media.is_refused()) {
            let start = self.len;
            fits = self.word(media.kind_text) && self.byte(b' ') && self.word(media.proto);
            for format in media.formats() {
                let line = self.bytes.get(start..self.len).unwrap_or_default();
                let mut told = line.split(|&byte| byte == b' ').skip(2);
                // A codec at several rates has one name.
                if fits && !told.any(|name| name.eq_ignore_ascii_case(cut(format.name))) {
                    fits = self.byte(b' ') && self.word(format.name);
                }
            }
            fits = fits && self.byte(b'\n');
            if !fits {
                break;
            }
        }
        if !fits && let Some(last) = self.bytes.get_mut(self.len) {
            *last = CUT;
            self.len += 1;
        }
        Offer(self.bytes.get(..self.len).unwrap_or_default())
    }

    /// Whether there was room; if not, nothing is written.
    fn word(&mut self, word: &[u8]) -> bool {
        let word = cut(word);
        let end = self.len + word.len();
        let Some(place) = self.bytes.get_mut(self.len..end).filter(|_| end <= ROOM) else {
            return false;
        };
        for (to, from) in place.iter_mut().zip(word) {
            let is_safe = from.is_ascii_alphanumeric() || b"-./_+%*".contains(from);
            *to = if is_safe { *from } else { b'?' };
        }
        self.len = end;
        true
    }

    fn byte(&mut self, byte: u8) -> bool {
        let has_room = self.len < ROOM;
        if let Some(place) = self.bytes.get_mut(self.len).filter(|_| has_room) {
            *place = byte;
            self.len += 1;
        }
        has_room
    }
}

fn cut(word: &[u8]) -> &[u8] {
    word.get(..NAME).unwrap_or(word)
}

/// The media of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a>(&'a [u8]);

/// One medium of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Medium<'a> {
    /// `audio`, `video`, `image`, …
    pub kind: &'a [u8],
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, …
    pub proto: &'a [u8],
    /// Names with blanks between them.
    names: &'a [u8],
}

impl<'a> Offer<'a> {
    /// What was kept.
    pub(super) const fn kept(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// As it is kept.
    pub(super) const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether more was described than was kept.
    pub fn is_cut(self) -> bool {
        self.0.last() == Some(&CUT)
    }

    /// The media that were not refused, in order.
    pub fn media(self) -> impl Iterator<Item = Medium<'a>> {
        let whole = self.0.strip_suffix(&[CUT]).unwrap_or(self.0);
        let lines = whole.split(|&byte| byte == b'\n');
        lines.filter(|line| !line.is_empty()).map(|line| {
            let mut words = line.splitn(3, |&byte| byte == b' ');
            let mut word = || words.next().unwrap_or_default();
            Medium {
                kind: word(),
                proto: word(),
                names: word(),
            }
        })
    }
}

impl<'a> Medium<'a> {
    /// The codecs' names, in order of preference.
    pub fn names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let names = self.names.split(|&byte| byte == b' ');
        names.filter(|name| !name.is_empty())
    }

    /// Whether it is encrypted (`RTP/SAVP` and the like).
    pub fn is_srtp(&self) -> bool {
        let mut parts = self.proto.split(|&byte| byte == b'/');
        parts.any(|part| part.eq_ignore_ascii_case(b"SAVP") || part.eq_ignore_ascii_case(b"SAVPF"))
    }

    /// Whether it is carried by RTP, encrypted or not.
    pub fn is_rtp(&self) -> bool {
        let mut parts = self.proto.split(|&byte| byte == b'/');
        parts.any(|part| part.eq_ignore_ascii_case(b"RTP"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(body: &str) -> String {
        let mut room = Room::default();
        let offer = room.offer(&Sdp::parse(body.as_bytes()));
        String::from_utf8_lossy(offer.bytes()).into_owned()
    }

    #[test]
    fn each_medium_has_a_line_and_each_codec_one_name() {
        let body = "v=0\r\nm=audio 4000 RTP/AVP 8 96 97 101\r\na=rtpmap:96 opus/48000\r\n\
                    a=rtpmap:97 OPUS/16000\r\na=rtpmap:101 telephone-event/8000\r\n\
                    m=image 5000 udptl t38\r\n";
        assert_eq!(
            kept(body),
            "audio RTP/AVP PCMA opus telephone-event\nimage udptl t38\n"
        );
    }

    #[test]
    fn a_refused_medium_is_not_offered() {
        assert_eq!(
            kept("m=audio 0 RTP/AVP 0\nm=video 5000 RTP/SAVP 34\n"),
            "video RTP/SAVP H263\n"
        );
        assert_eq!(kept("v=0\n"), "");
    }

    #[test]
    fn what_does_not_fit_is_said_to_be_missing() {
        let names: Vec<_> = (96..128)
            .map(|n| format!("a=rtpmap:{n} a-codec-named-{n}/8000"))
            .collect();
        let types: Vec<_> = (96..128).map(|n| n.to_string()).collect();
        let body = format!(
            "m=audio 1 RTP/AVP {}\n{}\n",
            types.join(" "),
            names.join("\n")
        );
        let mut room = Room::default();
        let offer = room.offer(&Sdp::parse(body.as_bytes()));
        assert!(offer.is_cut() && offer.bytes().len() <= ROOM + 1);
        let medium = offer.media().next().expect("a medium");
        assert!(
            medium
                .names()
                .all(|name| name.starts_with(b"a-codec-named-"))
        );
    }

    #[test]
    fn nothing_but_tokens_is_kept() {
        let body = "m=audio 1 RTP/AVP 96\na=rtpmap:96 \x1b[31m;evil\u{202e}\"/8000\n";
        assert_eq!(kept(body), "audio RTP/AVP ??31m?evil????\n");
    }

    #[test]
    fn profiles_are_told_apart() {
        let mut room = Room::default();
        let body = "m=audio 1 UDP/TLS/RTP/SAVPF 0\nm=audio 1 RTP/AVP 0\nm=image 1 udptl t38\n";
        let offer = room.offer(&Sdp::parse(body.as_bytes()));
        let kinds: Vec<_> = offer
            .media()
            .map(|medium| (medium.is_rtp(), medium.is_srtp()))
            .collect();
        assert_eq!(kinds, [(true, true), (true, false), (false, false)]);
    }
}
