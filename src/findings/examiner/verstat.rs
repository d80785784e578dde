//! What a verifier wrote into the INVITE that it sent on.
//!
//! `TN-Validation-Failed` says that the identity does not verify. `No-TN-Validation` says that
//! nothing was validated, which of an unsigned call is no failure; of a signed one it is.
//!
//! # References
//! - 3GPP TS 24.229 §7.2A.20 (`verstat`); ATIS-1000082 for which failure gives which value

use super::{Examiner, Judged, Refused, Word};
use crate::calls::{Attempt, InviteOn};
use crate::sip::{Indexer, Name};
use crate::stir::Facts;
use crate::stir::facts::MOST_ASSERTED;
use crate::stir::feedback::{self, Verstat};

/// The codes of the same failures, the nearest first.
pub(super) const fn codes(word: Word) -> &'static [u16] {
    match word {
        Word::VerstatNone => &[438, 436, 437, 403, 428],
        Word::VerstatFailed | Word::Status | Word::Reason => &[438, 437],
    }
}

impl Examiner {
    /// Takes an attempt that no response speaks of: whether the INVITE says that its identity
    /// failed. It is judged on the hop to whom wrote that.
    pub(super) fn verstat(&mut self, attempt: &Attempt<'_>) -> Option<Judged> {
        let hops = attempt.invites;
        let (place, verstat) = hops
            .iter()
            .enumerate()
            .find_map(|(place, hop)| Some((place, written(&mut self.here, hop)?)))?;
        let wrote = hops.get(place)?;
        let (earlier, _) = hops.split_at_checked(place)?;
        let to_verifier = earlier
            .iter()
            .rposition(|hop| hop.vias < wrote.vias || hop.flow.dst.addr == wrote.flow.src.addr);
        let word = match verstat {
            Verstat::Failed => Word::VerstatFailed,
            Verstat::None => Word::VerstatNone,
            Verstat::Passed => return None,
        };
        // Where the INVITE was not captured on its way to the verifier, what the verifier sent on.
        let here = to_verifier
            .and_then(|at| earlier.get(at))
            .filter(|hop| hop.text.is_some() || hop.is_unknown)
            .unwrap_or(wrote);
        if word == Word::VerstatNone && !is_signed(&mut self.here, here) {
            return None;
        }
        let refused = Refused {
            code: 438,
            phrase: &[],
            word,
            went_on: true,
        };
        let before = to_verifier
            .and_then(|at| earlier.get(..at)?.last())
            .filter(|before| before.vias < here.vias);
        // A verifier takes Identity off: that the INVITE it sent on has none says nothing.
        if !is_signed(&mut self.here, here) && here.flow == wrote.flow {
            return Some(super::unexplained(&refused));
        }
        Some(self.look(here, before, attempt.answer, attempt.call_id, &refused))
    }
}

/// The verstat beside the caller.
fn written(indexer: &mut Indexer, hop: &InviteOn<'_>) -> Option<Verstat> {
    let (bytes, head_len) = hop.text?;
    // It is rare; a message without the word is not read again.
    memchr::memmem::find(bytes.get(..head_len)?, b"verstat=")?;
    let message = indexer.index(bytes, head_len)?;
    let uri_of = |value| crate::sip::value::Address::parse(value).map(|address| address.uri);
    let asserted = message.items(Name::PAssertedIdentity).take(MOST_ASSERTED);
    let mut uris = asserted
        .filter_map(uri_of)
        .chain(message.from().map(|address| address.uri));
    uris.find_map(feedback::verstat)
}

fn is_signed(indexer: &mut Indexer, hop: &InviteOn<'_>) -> bool {
    hop.text
        .and_then(|(bytes, head_len)| indexer.index(bytes, head_len))
        .is_some_and(|message| Facts::has_identity(&message))
}
