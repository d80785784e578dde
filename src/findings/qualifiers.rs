//! Qualifiers: the words in brackets behind a verdict, as `explain` knows them.
//!
//! A qualifier narrows what a finding says or lowers how sure it is. The same word means the same
//! behind every rule, so each has one entry; the rules' own entries say which they use.

use super::rule::{Explanation, Topic};

/// A topic for each qualifier, in the order of their names.
pub fn topics() -> impl Iterator<Item = Topic> {
    QUALIFIERS.iter().map(|(name, summary, sections)| Topic {
        name,
        kind: "qualifier",
        explanation: Explanation { summary, sections },
    })
}

type Entry = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

macro_rules! qualifiers {
    ($($name:literal is $summary:literal, sees $sees:literal, fix $fix:literal;)*) => {
        const QUALIFIERS: &[Entry] = &[
            $(($name, $summary, &[("What it sees", $sees), ("What to do", $fix)]),)*
        ];
    };
}

qualifiers! {
    "answered-beyond" is "The request was answered behind the element that did not answer it here.",
        sees "The same request one hop further, with its final response, which did not come back to this hop.",
        fix "Look at the element between the two hops: it got the answer and did not pass it on.";
    "arrived" is "The request was seen where it had to go, so it is the answer that is missing.",
        sees "The receiver's TCP acknowledged it.",
        fix "Look into the log of the program that holds the connection, at that time.";
    "call-refused" is "A call to the address was refused after its registration had ended.",
        sees "A 404, 410, 480 or the like to an INVITE for the address of record.",
        fix "Treat it as an outage of that user: see why the client did not renew.";
    "callee-hung-up" is "The callee ended the call soon after the ACK.",
        sees "A BYE of the callee within 5 s of the ACK.",
        fix "See the finding: the callee most likely ended it because of what the ACK lacked.";
    "caller-hung-up" is "The caller ended the call soon after its ACK.",
        sees "A BYE of the caller within 5 s of the ACK.",
        fix "See the finding: the caller did not want what was offered.";
    "cancelled" is "The caller gave up: its CANCEL ended the wait.",
        sees "A CANCEL of the request before any answer but 100.",
        fix "Count how long callers waited; look behind the element that sent the 100.";
    "capture-ends" is "The capture ends before what would decide it had to be seen.",
        sees "Less time after the last copy than the sender of the copies has left to wait.",
        fix "Capture until at least 45 s after the last message of such calls.";
    "capture-gap" is "Between two of the files nothing was captured while this was open.",
        sees "A border between two files of one tap at which time passed without a packet.",
        fix "Capture without a pause, or with files that go on from each other.";
    "capture-loss" is "Packets are missing from the capture at that time, so what was not seen may have passed.",
        sees "Lost segments, dropped packets that the capture tells of, or responses to requests that were not seen.",
        fix "Capture with larger buffers or a filter, and see whether it is found again.";
    "capture-starts" is "The capture starts after what this began with.",
        sees "No request, or nothing of the time before it.",
        fix "Begin the capture before the calls that are to be judged.";
    "dialog-lives-on" is "The call lived on long after a callee without ACK would have hung up.",
        sees "Requests inside the dialog that were answered, or media both ways, later than 64*T1.",
        fix "Nothing for the call; the tap does not see the way the ACK takes.";
    "ended-early" is "The call ended before the callee had to repeat, or had repeated to the end.",
        sees "A BYE before 64*T1 were over.",
        fix "Capture a call that lasts longer.";
    "evicted" is "More calls were open at once than are followed, and this one was given up.",
        sees "A call that had to make room.",
        fix "Cut the capture in time or by host, and read the parts.";
    "few-copies" is "Fewer copies were sent or seen than a sender without an answer makes.",
        sees "Repeats that stop early, or are fewer than the timers of RFC 3261 give.",
        fix "Compare with a capture at the sender: the tap may miss packets, or the sender gave up early.";
    "give-up-bye" is "The callee hung up just when 64*T1 were over, as one does that got no ACK.",
        sees "A BYE of the callee about 32 s after its 200, which it did not repeat.",
        fix "Capture at the callee: over TCP and TLS many do not repeat, so the BYE is the only sign.";
    "icmp" is "The network said that the request did not arrive.",
        sees "An ICMP error that quotes the request.",
        fix "Look at the address and port that the error names: nobody listens there, or a filter rejects it.";
    "lossy-tap" is "The tap misses packets in silence, as many as would explain what was not seen.",
        sees "Answers without their requests, in a share as large as that of the calls found.",
        fix "Repair the tap (a mirror port that is too slow, a filter) before blaming anybody.";
    "media-flows" is "Media passes in both directions all the same.",
        sees "RTP both ways after the ACK.",
        fix "Nothing at once: it works although it ought not to.";
    "next-hop" is "The ACK was sent to another element than the one that its Route or Contact names.",
        sees "The ACK's destination beside the topmost Route, or the Contact of the 2xx.",
        fix "Correct how the caller's side finds the next hop (RFC 3261 §12.2.1.1).";
    "no-repeats" is "The message was sent once and not repeated.",
        sees "One copy, on a way on which repeats are due or in a time in which they are.",
        fix "Capture at the sender: one that does not repeat may have got its answer another way.";
    "one-packet" is "A single packet that the tap missed would explain it.",
        sees "One call, and nothing in the capture that shows how many packets the tap misses.",
        fix "Look whether it comes again; a longer capture with more calls shows how good the tap is.";
    "one-way" is "Only one direction of this hop was captured.",
        sees "No packet from the other side on this hop, in the whole capture.",
        fix "Capture both directions; a mirror port often shows one.";
    "open" is "It is not over when the capture ends.",
        sees "Less quiet time before the end of the capture than it takes to be over.",
        fix "Go on capturing, or look at what is there now.";
    "other-path" is "The ACK takes another way than the one that was captured, and that is in order.",
        sees "An element of this hop that did not add Record-Route.",
        fix "Nothing; to see the ACK, capture at the callee.";
    "others-answered" is "Other requests to the same receiver were answered meanwhile.",
        sees "INVITEs on the same way that got more than a 100.",
        fix "Look at what these requests have of their own: the number called, the route taken behind.";
    "reused-branch" is "The ACK to the 2xx has the branch of the INVITE, so it is taken for a part of that transaction.",
        sees "One branch in the topmost Via of INVITE and ACK.",
        fix "Have the sender make a new branch for the ACK to a 2xx (RFC 3261 §17.1.1.3).";
    "route-set" is "The ACK's Route is not that of the 2xx's Record-Route.",
        sees "Route of the ACK beside Record-Route of the 2xx, reversed (RFC 3261 §12.1.2).",
        fix "Correct the caller's side: Route is Record-Route in reverse order, whole.";
    "sent-once" is "Each of the requests was sent once, and not again.",
        sees "Three requests or more in a row without a copy, and nothing that answered any of them.",
        fix "Ask who sends them whether it repeats, as RFC 3261 §17.1.2.2 wants over UDP; else look at the receiver.";
    "several-targets" is "The sender has other targets, and whether they would have taken the call is not known.",
        sees "Calls of the same sender to other addresses.",
        fix "Look at the sender's routes: whether those targets serve the same numbers.";
    "stated" is "The callee itself said that it got no ACK.",
        sees "Its BYE with a Reason that says so.",
        fix "Nothing to add: no repeats are needed as proof.";
    "target" is "The ACK's Request-URI is not the Contact of the 2xx.",
        sees "Request-URI beside Contact; parameters that do not matter are left out.",
        fix "Correct the caller's side: requests inside a dialog go to the Contact (RFC 3261 §12.2.1.1).";
    "time-step" is "The capture's clock was set while this was open, so its timers cannot be read.",
        sees "Times that run back, or jump with the traffic going on.",
        fix "Keep the capturing machine on NTP, and judge other calls.";
    "timed-out" is "An element on the way gave up waiting.",
        sees "408 or 504 after 15 s or more with nothing but 100.",
        fix "Look behind the element that sent the 100.";
    "tolerated" is "It did no harm that was seen.",
        sees "The other side fell silent as if it had got what it waited for.",
        fix "Nothing for this call; mend it where it is found again with other peers.";
    "uas-fell-silent" is "The callee stopped repeating its 2xx: it has had an ACK, which was not seen here.",
        sees "Repeats that end long before 64*T1.",
        fix "Nothing for the call; the tap does not see the way the ACK takes.";
    "uas-sent-bye" is "The callee hung up early, which it may do only once it has the ACK.",
        sees "A BYE of the callee before 64*T1, without repeats of the 2xx before it.",
        fix "Nothing for the ACK; why the callee hung up is another question.";
    "verstat" is "The verifier said it in the INVITE that it sent on, not with a code.",
        sees "verstat=TN-Validation-Failed or No-TN-Validation beside the caller.",
        fix "As for the cause that is named; the call went on.";
    "without-answer" is "The ACK carries no SDP, though the 2xx carries the offer.",
        sees "An INVITE without SDP, a 2xx with it, and an ACK without.",
        fix "Correct the caller's side: the answer to an offer in a 2xx goes into the ACK (RFC 3261 §13.2.2.4).";
    "wrong-cseq" is "The ACK's CSeq number is not that of the INVITE.",
        sees "CSeq of ACK and INVITE, tags and Call-ID alike.",
        fix "Correct the element that built the ACK: its CSeq number is the INVITE's (RFC 3261 §13.2.2.4).";
    "wrong-from-tag" is "The ACK's From tag is not that of the INVITE.",
        sees "From of ACK and INVITE, with the same Call-ID.",
        fix "Correct the element that built the ACK, usually a B2BUA that mixes up its two dialogs.";
    "wrong-to-tag" is "The ACK's To tag is not that of the 2xx.",
        sees "To of ACK and 2xx, with the same Call-ID; where an INVITE was forked, each 2xx has a tag of its own.",
        fix "Correct the element that built the ACK: it takes the To of the 2xx, not of an earlier 18x.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::dialog::AckFault;

    #[test]
    fn they_stand_by_name() {
        let names: Vec<_> = topics().map(|topic| topic.name).collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn each_fault_of_an_ack_has_one() {
        for fault in [
            AckFault::Target,
            AckFault::RouteSet,
            AckFault::NextHop,
            AckFault::ReusedBranch,
            AckFault::WithoutAnswer,
            AckFault::Cseq,
            AckFault::ToTag,
            AckFault::FromTag,
        ] {
            assert!(
                topics().any(|topic| topic.name == fault.name()),
                "{}",
                fault.name()
            );
        }
    }
}
