//! Media: what of RTP and RTCP says how a stream went, without what was said.
//!
//! In: a datagram that is no SIP. Out: its head copied, the rest zeros.
//!
//! # References
//! - RFC 3550 §5.1 (RTP), §6 (RTCP); RFC 5761 §4

/// Copies of `old` to `new`, which is zeros, what is a head.
pub(super) fn head(old: &[u8], new: &mut [u8]) {
    let [first, second, ..] = *old else { return };
    if first >> 6 != 2 {
        return;
    }
    // RFC 5761 §4: these payload types are RTCP's.
    if (192..=223).contains(&second) {
        rtcp(old, new);
    } else if old.len() >= 12 {
        // Anything may begin like RTP, a query for a name too: no more than the fixed head stays.
        copy(old, new, 0, 12);
        // Neither padding, extension nor contributing sources are there any more.
        if let Some(first) = new.first_mut() {
            *first &= 0xc0;
        }
    }
}

fn copy(old: &[u8], new: &mut [u8], at: usize, len: usize) {
    let end = (at + len).min(old.len());
    if let (Some(from), Some(to)) = (old.get(at..end), new.get_mut(at..end)) {
        to.copy_from_slice(from);
    }
}

fn rtcp(old: &[u8], new: &mut [u8]) {
    let mut at = 0;
    while let Some(&[first, kind, high, low]) =
        old.get(at..).and_then(|rest| rest.first_chunk::<4>())
    {
        let len = usize::from(u16::from_be_bytes([high, low])) * 4 + 4;
        if first >> 6 != 2 || at + len > old.len() {
            return;
        }
        match kind {
            // Reports are numbers; their extensions are not known.
            200 => copy(old, new, at, (28 + usize::from(first & 31) * 24).min(len)),
            201 => copy(old, new, at, (8 + usize::from(first & 31) * 24).min(len)),
            202 => {
                copy(old, new, at, 8.min(len));
                descriptions(old, new, at + 4, at + len);
            }
            // A BYE may give a reason: how many sources it names says how long it is without.
            203 => copy(old, new, at, (4 + usize::from(first & 31) * 4).min(len)),
            _ => copy(old, new, at, 12.min(len)),
        }
        at += len;
    }
}

/// Sources and the items that describe them: kinds and lengths stay, texts are blotted out.
fn descriptions(old: &[u8], new: &mut [u8], mut at: usize, end: usize) {
    while at + 4 <= end {
        copy(old, new, at, 4);
        at += 4;
        loop {
            let Some(&kind) = old.get(at).filter(|_| at < end) else {
                return;
            };
            if kind == 0 {
                // Up to the next word.
                at += 4 - at % 4;
                break;
            }
            let Some(&len) = old.get(at + 1).filter(|_| at + 1 < end) else {
                return;
            };
            copy(old, new, at, 2);
            let text_end = (at + 2 + usize::from(len)).min(end);
            if let Some(text) = new.get_mut(at + 2..text_end) {
                text.fill(b'x');
            }
            at = text_end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_begins_like_rtp_keeps_no_name() {
        let mut query = vec![0x8f, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend_from_slice(b"\x015\x011\x012\x04e164\x04arpa\0\0\x23\0\x01");
        let mut new = vec![0; query.len()];
        head(&query, &mut new);
        assert!(new.iter().skip(12).all(|byte| *byte == 0));
    }
}
