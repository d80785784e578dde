//! Who signed calls, in section 1: a line a signer, most calls first.
//!
//! In: the view. Out: nothing where no call was signed; else at most [`SHOWN`] signers, with
//! attestation, what was rejected, the age of tokens (5 %, median, 95 %), and, where there is
//! something to say of them, validity, clock and signatures.

use std::io::{self, Write};

use super::layout::Page;
use crate::report::text;
use crate::report::view::{Signer, View};

/// Signers shown.
const SHOWN: usize = 5;

/// Columns of a URL before its middle is left out.
const URL_WIDTH: usize = 72;

/// Writes the lines.
pub(super) fn write(page: Page, out: &mut dyn Write, view: &View) -> io::Result<()> {
    let label = |index| if index == 0 { page.labels.signers } else { "" };
    for (index, signer) in view.signers.iter().take(SHOWN).enumerate() {
        page.field(out, 0, label(index), &line(page, signer))?;
    }
    let more = view.signers.len().saturating_sub(SHOWN);
    if more > 0 {
        page.field(out, 0, "", &format!("+ {more} {}", page.labels.more))?;
    }
    Ok(())
}

fn line(page: Page, signer: &Signer) -> String {
    let labels = page.labels;
    let url = text::shorten(&signer.x5u.wire().terminal(), URL_WIDTH);
    let attest: Vec<_> = signer
        .attest
        .iter()
        .map(|(level, count)| format!("{level} {count}"))
        .collect();
    let mut parts = vec![
        format!(
            "{} {} ({})",
            signer.invites,
            labels.invites,
            attest.join(", ")
        ),
        format!("{} {}", signer.rejected, labels.rejected),
    ];
    if let Some([young, median, old]) = signer.iat_age_s {
        parts.push(format!(
            "{} {young:.1} / {median:.1} / {old:.1} s",
            labels.token_age
        ));
    }
    if let Some(count) = signer.iat_no_time {
        parts.push(format!("{count} {}", labels.iat_no_time));
    }
    // A second is what networks and whole seconds of iat make.
    if let Some(clock) = signer.clock_s.filter(|clock| clock.abs() >= 2.0) {
        parts.push(format!("{} {clock:+.1} s", labels.clock_off));
    }
    if signer.outside_validity > 0 {
        parts.push(format!("{} {}", labels.not_valid, signer.outside_validity));
    }
    let (checked, good) = signer.signatures;
    if checked > 0 {
        parts.push(format!(
            "{} {good} {} {checked}",
            labels.signatures_good, labels.of
        ));
    }
    format!("{url}: {}", parts.join(", "))
}
