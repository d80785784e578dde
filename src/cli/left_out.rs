//! Left out: SIP messages that a redacted capture does not show any more.
//!
//! In: captures, and what was made of them. Out: how many messages the one reading finds and the other
//! does not, by what carried them. What carries SIP and is not rewritten is zeros in a redacted
//! capture (WebSocket, HEP over TCP, messages in several chunks of SCTP, whatever is decoded from a copy):
//! counting what a reading finds tells them all, whyever they are gone.

use std::io;

use crate::pipeline::{self, Input, Options};
use crate::report::view::{Totals, Trust};

/// What is to be known of messages that `redacted` lacks; `None` if it has all of `originals`.
pub(super) fn told(originals: Vec<Input>, redacted: Vec<Input>) -> io::Result<Option<Trust>> {
    let before = totals(originals)?;
    let after = totals(redacted)?;
    let lacking = before.sip_messages.saturating_sub(after.sip_messages);
    if lacking == 0 {
        return Ok(None);
    }
    let by_transport = before.transports.iter().filter_map(|(name, count)| {
        let left = after.transports.get(name).copied().unwrap_or(0);
        let lacking = count.saturating_sub(left);
        (lacking > 0).then(|| format!("{lacking} over {name}"))
    });
    let by_transport: Vec<String> = by_transport.collect();
    Ok(Some(Trust {
        kind: "left-out".into(),
        count: lacking,
        first_frame: None,
        file: None,
        detail: format!(
            "{lacking} of {} SIP messages ({}) are zeros in the redacted capture, since what carries them is not rewritten: findings about them are missing, and a call of which only a part is left may look other than it was; compare with a report that is not redacted",
            before.sip_messages,
            by_transport.join(", ")
        ),
    }))
}

fn totals(inputs: Vec<Input>) -> io::Result<Totals> {
    let options = Options {
        // None is shown.
        told_responses: Some(0),
        ..Options::default()
    };
    let outcome = pipeline::analyse(inputs, &options, &mut |_| Ok(()))?;
    Ok(outcome.view.totals)
}
