//! Why nothing needs to be done about a response, where the capture shows that.

/// Why nothing needs to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unneeded {
    /// It is another copy; what to do stands at the first.
    Repeats,
    /// The 2xx to INVITE was acknowledged, and not sent again after that.
    Acknowledged,
    /// The challenge was answered, and the credentials taken.
    CredentialsTaken,
    /// The caller gave up before the answer.
    GaveUp,
    /// Another branch or another device answered.
    AnsweredElsewhere,
    /// CANCEL and final response crossed.
    Crossed,
    /// Both sides sent BYE.
    BothHungUp,
    /// The redirection was followed.
    Followed,
    /// The request was changed as was asked, and accepted.
    Changed,
    /// The request was sent again later, and accepted.
    Later,
    /// Another target accepted the request.
    AnotherTarget,
    /// The same target accepted the next try.
    NextTry,
}

impl Unneeded {
    /// What stands in place of the catalogue's remediation.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Repeats => "As for the frame that it repeats.",
            Self::Acknowledged => "Nothing to do: it was acknowledged.",
            Self::CredentialsTaken => {
                "Nothing to do: the challenge was answered, and the credentials taken."
            }
            Self::GaveUp => "Nothing to do: the caller gave up before the answer.",
            Self::AnsweredElsewhere => "Nothing to do: the call was answered elsewhere.",
            Self::Crossed => "Nothing to do: CANCEL and final response crossed.",
            Self::BothHungUp => "Nothing to do: both sides hung up.",
            Self::Followed => {
                "Nothing to do: the redirection was followed, and the call accepted there."
            }
            Self::Changed => "Nothing to do: the request was sent again, changed, and accepted.",
            Self::Later => "Nothing to do: the request was sent again later, and accepted.",
            // The server that refused may have a fault all the same.
            Self::AnotherTarget => "Nothing to do for this call: another target accepted it.",
            Self::NextTry => "Nothing to do for this call: the next try was accepted.",
        }
    }
}
