//! Replay: tokens that come a second time.
//!
//! In: the signature of every signed INVITE, with its call and the verifier it went to. Out:
//! [`Reuse`] where the same token was seen in another call before, or in the same call over 60 s
//! ago. The hops of one call, also behind elements that change the Call-ID, go to different
//! addresses, and copies of one INVITE share their Call-ID: neither is a reuse.
//!
//! Capped: [`Replay::new`] says how many tokens are remembered; the oldest is forgotten first.
//!
//! # References
//! - RFC 8224 §12.1 (replay), §6.1.1 (one retry)

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use rustc_hash::FxBuildHasher;
use sha2::{Digest, Sha256};

use crate::units::{Span, Timestamp};

/// A retry may use its token this long (RFC 8224 §6.2).
const FRESH: Span = Span::from_secs(60);

/// Bytes of a Call-ID that are kept.
const CALL_ID_BYTES: usize = 64;

/// What a token is known by: the start of its signature's hash, and who was to verify it.
type Token = ([u8; 16], IpAddr);

/// Tokens seen.
#[derive(Clone, Debug)]
pub struct Replay {
    most: usize,
    tokens: HashMap<Token, First, FxBuildHasher>,
    order: VecDeque<Token>,
}

#[derive(Clone, Debug)]
struct First {
    call_id: Box<[u8]>,
    time: Timestamp,
}

/// An earlier use of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// The Call-ID it came with first; may be cut.
    pub call_id: Box<[u8]>,
    /// How long before.
    pub after: Span,
    /// It is the same call.
    pub is_same_call: bool,
}

impl std::fmt::Display for Reuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let after = self.after.as_secs_f64();
        if self.is_same_call {
            write!(
                f,
                "the token of an attempt {after:.0} s before was sent again"
            )
        } else {
            let call_id = String::from_utf8_lossy(&self.call_id);
            write!(
                f,
                "the same signature came {after:.1} s before with Call-ID {call_id}"
            )
        }
    }
}

impl Replay {
    /// Remembers `most` tokens.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            tokens: HashMap::default(),
            order: VecDeque::new(),
        }
    }

    /// Takes in a token by its signature as sent; tells if it is known.
    pub fn push(
        &mut self,
        signature: &[u8],
        call_id: &[u8],
        verifier: IpAddr,
        time: Timestamp,
    ) -> Option<Reuse> {
        if self.most == 0 || signature.is_empty() {
            return None;
        }
        let digest = Sha256::digest(signature);
        let mut token = [0; 16];
        token
            .iter_mut()
            .zip(digest.iter())
            .for_each(|(to, from)| *to = *from);
        let token = (token, verifier);
        let call_id = call_id.get(..CALL_ID_BYTES).unwrap_or(call_id);
        if let Some(first) = self.tokens.get(&token) {
            let after = time.since(first.time);
            let is_same_call = *first.call_id == *call_id;
            return (!is_same_call || after > FRESH).then(|| Reuse {
                call_id: first.call_id.clone(),
                after,
                is_same_call,
            });
        }
        if self.order.len() >= self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.order.push_back(token);
        self.tokens.insert(
            token,
            First {
                call_id: call_id.into(),
                time,
            },
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stir::testing::{NOW, at, hop};

    fn verifier(last: u8) -> IpAddr {
        hop(1, last).dst.addr
    }

    #[test]
    fn a_token_of_another_call_is_a_reuse() {
        let mut replay = Replay::new(10);
        assert_eq!(replay.push(b"s", b"a", verifier(2), at(NOW)), None);
        let reuse = replay.push(b"s", b"b", verifier(2), at(NOW + 3)).unwrap();
        assert_eq!(*reuse.call_id, *b"a");
        assert!(reuse.to_string().contains("3.0 s before with Call-ID a"));
    }

    #[test]
    fn the_same_call_may_be_repeated_for_a_minute_and_no_longer() {
        let mut replay = Replay::new(10);
        let mut push = |after| replay.push(b"s", b"a", verifier(2), at(NOW + after));
        assert_eq!(push(0), None);
        assert_eq!(push(60), None);
        assert!(push(61).is_some_and(|reuse| reuse.is_same_call));
    }

    #[test]
    fn the_next_hop_behind_a_b2bua_is_no_reuse() {
        let mut replay = Replay::new(10);
        assert_eq!(replay.push(b"s", b"a", verifier(2), at(NOW)), None);
        assert_eq!(replay.push(b"s", b"b", verifier(3), at(NOW)), None);
    }

    #[test]
    fn the_oldest_token_is_forgotten_first() {
        let mut replay = Replay::new(2);
        for token in [b"1", b"2", b"3"] {
            assert_eq!(replay.push(token, b"a", verifier(2), at(NOW)), None);
        }
        assert!(replay.push(b"2", b"b", verifier(2), at(NOW)).is_some());
        assert_eq!(replay.push(b"1", b"b", verifier(2), at(NOW)), None);
        assert_eq!(Replay::new(0).push(b"1", b"b", verifier(2), at(NOW)), None);
    }
}
