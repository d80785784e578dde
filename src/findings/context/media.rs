//! 488, 606 and 580: the media that were offered, and those that are wanted.
//!
//! # References
//! - RFC 3261 §21.4.26 and §21.6.4, RFC 3264 §5, RFC 3312 §8

use std::fmt;

use super::words::{Token, Tokens, Words};
use crate::calls::offer::{Medium, Offer, Room};
use crate::calls::{Refusal, ResponseSeen};
use crate::sip::{MethodKind, Sdp};

/// Names that come with a codec and are none.
const NO_CODECS: [&[u8]; 6] = [
    b"telephone-event",
    b"CN",
    b"red",
    b"rtx",
    b"ulpfec",
    b"flexfec",
];

pub(super) fn tell(response: &ResponseSeen<'_>, refusal: &Refusal<'_>, words: &mut Words<'_>) {
    let method = response.method.kind;
    let is_about_media = matches!(response.code.get(), 488 | 580 | 606)
        && matches!(method, MethodKind::Invite | MethodKind::Update);
    if !is_about_media {
        return;
    }
    let mut room = Room::default();
    let wanted = Sdp::of(response.message).map(|sdp| room.offer(&sdp));
    let wanted = wanted.filter(|offer| offer.media().next().is_some());
    let Some(asked) = refusal.asked else {
        if let Some(wanted) = wanted {
            words.part(format_args!("wanted {}", Media(wanted)));
        }
        return;
    };
    let offered = asked.offer().filter(|offer| offer.media().next().is_some());
    match (offered, wanted) {
        (Some(offered), Some(wanted)) => {
            words.part(format_args!(
                "offered {}, wanted {}",
                Media(offered),
                Media(wanted)
            ));
            compare(offered, wanted, words);
        }
        (Some(offered), None) => words.part(format_args!("offered {}", Media(offered))),
        (None, wanted) => {
            if asked.offer().is_some() {
                words.part(format_args!(
                    "no medium in the SDP of the {method} has a port other than 0"
                ));
            } else {
                words.part(format_args!("the {method} offered no media"));
            }
            if let Some(wanted) = wanted {
                words.more(format_args!(", wanted {}", Media(wanted)));
            }
        }
    }
}

/// What offer and answer have not in common.
fn compare(offered: Offer<'_>, wanted: Offer<'_>, words: &mut Words<'_>) {
    let same_kind = |a: &Medium<'_>, b: &Medium<'_>| a.kind.eq_ignore_ascii_case(b.kind);
    let pairs = || {
        offered.media().filter_map(|a| {
            let b = wanted.media().find(|b| same_kind(&a, b))?;
            Some((a, b))
        })
    };
    // Where one kind is described twice, with SRTP and without, either will do.
    let has = |offer: Offer<'_>, like: &Medium<'_>, srtp: bool| {
        let mut media = offer.media();
        media.any(|m| same_kind(&m, like) && m.is_rtp() && m.is_srtp() == srtp)
    };
    for (a, b) in pairs().filter(|(a, b)| a.is_rtp() && b.is_rtp()) {
        if a.is_srtp() != b.is_srtp() && !has(offered, &a, b.is_srtp()) {
            words.part(if b.is_srtp() {
                format_args!("plain RTP was offered, SRTP is wanted")
            } else {
                format_args!("SRTP was offered, plain RTP is wanted")
            });
            return;
        }
    }
    if offered.is_cut() || wanted.is_cut() {
        return;
    }
    for (medium, _) in pairs().filter(|(a, b)| a.is_rtp() && b.is_rtp()) {
        let (ours, theirs) = (codecs(offered, medium.kind), codecs(wanted, medium.kind));
        let knows = |name: &&[u8]| theirs.iter().any(|other| other.eq_ignore_ascii_case(name));
        if !ours.is_empty() && !theirs.is_empty() && !ours.iter().any(knows) {
            words.part(format_args!("no codec of {} in common", Token(medium.kind)));
            return;
        }
    }
}

/// The codecs of all media of one kind.
fn codecs<'a>(offer: Offer<'a>, kind: &[u8]) -> Vec<&'a [u8]> {
    let is_codec = |name: &&[u8]| !NO_CODECS.iter().any(|no| no.eq_ignore_ascii_case(name));
    offer
        .media()
        .filter(|medium| medium.kind.eq_ignore_ascii_case(kind))
        .flat_map(|medium| medium.names().collect::<Vec<_>>())
        .filter(is_codec)
        .collect()
}

/// `PCMU, PCMA (RTP/SAVP) + T.38`.
struct Media<'a>(Offer<'a>);

impl fmt::Display for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for medium in self.0.media() {
            if !std::mem::take(&mut is_first) {
                f.write_str(" + ")?;
            }
            let is_audio = medium.kind.eq_ignore_ascii_case(b"audio");
            let is_image = medium.kind.eq_ignore_ascii_case(b"image");
            if is_image && medium.proto.eq_ignore_ascii_case(b"udptl") {
                f.write_str("T.38")?;
                continue;
            }
            if !is_audio {
                write!(f, "{} ", Token(medium.kind))?;
            }
            let names: Vec<_> = medium.names().collect();
            if names.is_empty() {
                let kind = if is_audio { "audio " } else { "" };
                write!(f, "{kind}without a codec")?;
            }
            write!(f, "{}", Tokens(names.into_iter()))?;
            if !medium.proto.eq_ignore_ascii_case(b"RTP/AVP") {
                write!(f, " ({})", Token(medium.proto))?;
            }
        }
        if self.0.is_cut() {
            f.write_str(" …")?;
        }
        Ok(())
    }
}
