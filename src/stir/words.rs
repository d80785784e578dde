//! Words: the causes there are, with their names, codes and explanations.
//!
//! In: nothing. Out: [`CauseId`] and its table. The names are stable for ever: scripts use them.
//! A cause's `fix` is both the remediation of a diagnosis and the last section of `explain`.
//!
//! # References
//! - RFC 8224 §6.2 (what fails with which code), RFC 8225, RFC 8588, RFC 8946, RFC 8226

/// What the words of one cause are.
struct Words {
    name: &'static str,
    codes: &'static [u16],
    summary: &'static str,
    sections: &'static [(&'static str, &'static str)],
    fix: &'static str,
}

macro_rules! causes {
    ($($id:ident $name:literal $codes:expr,
        is: $is:literal,
        sees: $sees:literal,
        why: $why:literal,
        fix: $fix:literal;)*) => {
        /// A cause of a refused identity, in the order in which they are told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CauseId {
            $(#[doc = $is] $id,)*
        }

        static WORDS: &[Words] = &[$(Words {
            name: $name,
            codes: &$codes,
            summary: $is,
            sections: &[
                ("What it sees", $sees),
                ("Why it matters", $why),
                ("What to do", $fix),
            ],
            fix: $fix,
        }),*];

        impl CauseId {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];
        }
    };
}

impl CauseId {
    fn words(self) -> &'static Words {
        static NONE: Words = Words {
            name: "",
            codes: &[],
            summary: "",
            sections: &[],
            fix: "",
        };
        WORDS.get(usize::from(self.index())).unwrap_or(&NONE)
    }

    /// Its place in [`Self::ALL`].
    pub const fn index(self) -> u8 {
        self as u8
    }

    /// The name used in the JSON and by `explain`.
    pub fn name(self) -> &'static str {
        self.words().name
    }

    /// The codes that verifiers answer it with, most usual first.
    pub fn codes(self) -> &'static [u16] {
        self.words().codes
    }

    /// One sentence.
    pub fn summary(self) -> &'static str {
        self.words().summary
    }

    /// Headings and bodies, for `explain`.
    pub fn sections(self) -> &'static [(&'static str, &'static str)] {
        self.words().sections
    }

    /// What to do.
    pub fn remediation(self) -> &'static str {
        self.words().fix
    }
}

causes! {
    IdentityStripped "identity-stripped" [428],
        is: "The call was signed, and an element on its way took the Identity header out.",
        sees: "An INVITE with Identity on one hop and without it on the next one towards the verifier.",
        why: "The verifier cannot tell a call whose signature was removed from one that never had any.",
        fix: "Let the element between the two hops pass the Identity header on; session border controllers and \
              B2BUAs drop headers they are not told about.";
    IdentityMissing "identity-missing" [428],
        is: "The INVITE has no Identity header.",
        sees: "No Identity and no compact y field on the hop of the refusal, in a message that was captured whole.",
        why: "The verifier's policy wants every call signed (RFC 8224 §6.2.2).",
        fix: "Sign the calls of this route, or ask the verifier for an exception: the SHAKEN profile advises against \
              428 until all calls must be signed.";
    LegacyIdentity "legacy-identity" [438, 428, 436],
        is: "The Identity header has the obsolete form of RFC 4474.",
        sees: "A value in quotes or without dots, or an Identity-Info field beside it.",
        why: "RFC 8224 replaced this form and its signature over body and Contact; its verifiers do not read it.",
        fix: "Have the signer send PASSporTs (RFC 8224, RFC 8225).";
    SignedFieldsChangedBetweenHops "signed-fields-changed-between-hops" [438, 403],
        is: "An element changed a number or the date after the call was signed, and left the signature as it was.",
        sees: "The same Identity on two hops, and From, P-Asserted-Identity, To, Request-URI or Date that fit it on \
               the first and no longer on the second.",
        why: "A signature is over the numbers and the time: whoever changes them breaks it for all who come after.",
        fix: "Let the element named by the two hops sign anew after its change, add a div PASSporT where it diverts, or \
              do its number manipulation before the signer.";
    IdentityChangedBetweenHops "identity-changed-between-hops" [438],
        is: "An element on the way changed the Identity header itself.",
        sees: "The Identity values of two hops of the same call, which differ and are not two signatures.",
        why: "A token is verified over its bytes: cut, folded or re-encoded it does not verify.",
        fix: "Make the element named by the two hops pass the header on byte for byte.";
    IdentityMalformed "identity-malformed" [438, 428, 436],
        is: "The Identity header breaks its grammar.",
        sees: "Not three segments, an empty one, no `info` or one without `<>`, a missing `;`, or a parameter twice.",
        why: "A verifier cannot find token, certificate or parameters (RFC 8224 §4).",
        fix: "Correct the signer, or the header manipulation that came behind it.";
    CompactForm "compact-form" [438],
        is: "The token is in compact form, which the SHAKEN profile does not have.",
        sees: "A value that begins with two dots.",
        why: "The verifier would have to rebuild claims such as origid that stand nowhere else in the message \
              (RFC 8588 §3).",
        fix: "Set the signer to the full form.";
    TruncatedOrFolded "truncated-or-folded" [438, 400],
        is: "The token was cut, or white space got into it.",
        sees: "White space inside the token, or a signature shorter than 86 characters whose whole was seen on another \
               hop, or that came in fragments.",
        why: "Long headers meet limits: line folding, buffers, and packets that are fragmented.",
        fix: "Raise the header size limit of the element, disable line folding, and use TCP where packets are fragmented.";
    Base64Bad "base64-bad" [438, 436],
        is: "A segment of the token cannot be decoded.",
        sees: "Characters of no base64 alphabet, an impossible length, or bytes that are no JSON object.",
        why: "Header and claims cannot be read, so there is nothing to verify.",
        fix: "Look for truncation or re-encoding between signer and verifier, then at the signer.";
    SigLength "sig-length" [438],
        is: "The signature is not 64 bytes long.",
        sees: "Its decoded length; a DER structure of some 70 bytes is named as such.",
        why: "ES256 in a PASSporT is r and s, 32 bytes each (RFC 7518 §3.4); what libraries emit is often DER.",
        fix: "Have the signer convert the signature from DER to r and s.";
    TypBad "typ-bad" [437, 438],
        is: "The token's typ is not passport.",
        sees: "The JOSE header's typ.",
        why: "A PASSporT says what it is (RFC 8225 §4.1).",
        fix: "Correct the signer.";
    HeaderClaimMissing "header-claim-missing" [436, 437, 438],
        is: "The token's header lacks alg or x5u.",
        sees: "The JOSE header's members, and those that are no text.",
        why: "Without x5u nobody finds the certificate, without alg nobody knows how to check.",
        fix: "Correct the signer.";
    AlgNotEs256 "alg-not-es256" [437, 438],
        is: "The token is signed with another algorithm than ES256.",
        sees: "alg of the JOSE header and of the Identity header.",
        why: "ES256 is the one algorithm every verifier knows (RFC 8225 §4.2), and the only one SHAKEN allows.",
        fix: "Sign with ES256 and a P-256 key.";
    AlgMismatch "alg-mismatch" [438, 437],
        is: "alg of the Identity header is not that of the token.",
        sees: "The parameter and the JOSE header's member.",
        why: "The parameter only mirrors the token; where they differ, one was rewritten.",
        fix: "Correct the signer, or the element that rewrites header parameters.";
    PptMismatch "ppt-mismatch" [438],
        is: "ppt of the Identity header is not that of the token.",
        sees: "The parameter and the JOSE header's member, without quotes.",
        why: "The parameter only mirrors the token (RFC 8224 §4.1); where they differ, one was rewritten.",
        fix: "Correct the signer, or the element that rewrites header parameters.";
    PptUnsupported "ppt-unsupported" [428, 438],
        is: "The token is of a type that the verifier may not know.",
        sees: "A ppt that is not registered, or only types that do not say who calls.",
        why: "A verifier ignores tokens of unknown type (RFC 8224 §6.2); where no other is left, the call counts as \
              unsigned.",
        fix: "Send a shaken PASSporT beside it, or agree the type with the verifier.";
    X5uNeInfo "x5u-ne-info" [436, 438],
        is: "The token and the Identity header name different certificates.",
        sees: "x5u and info, compared as text.",
        why: "They must be the same (RFC 8224 §4.1); where they differ, one was rewritten.",
        fix: "Let the element that rewrites URLs leave info alone, or correct the signer.";
    X5uNotFetchableForm "x5u-not-fetchable-form" [436],
        is: "The certificate's URL is of a form that verifiers do not fetch.",
        sees: "Another scheme than https, another port than 443 and 8443, a host that is not public, a user, a query or \
               a fragment.",
        why: "Verifiers fetch only what the profile allows, since strangers choose the URL.",
        fix: "Publish the certificate under a plain https URL on a public host.";
    ClaimMissing "claim-missing" [438],
        is: "A claim that the token's type requires is absent or of the wrong type.",
        sees: "iat, orig, dest; of shaken also attest (A, B or C) and origid (a UUID); of div and others their own.",
        why: "The phrase is often Invalid PASSporT: the token may be signed well and is refused for what it does not \
              say (RFC 8224 §6.2.2).",
        fix: "Have the signer send every claim of the type, each with its JSON type.";
    IatNotNumber "iat-not-number" [438],
        is: "iat is not a whole number.",
        sees: "A JSON string, as the examples of RFC 8225 have it, or a fraction.",
        why: "Some verifiers take it, others take the claim as missing.",
        fix: "Send iat as a JSON number without fraction.";
    OrigMismatch "orig-mismatch" [438],
        is: "The signed caller is not the caller of the message.",
        sees: "orig, and every number or URI of From and P-Asserted-Identity in canonical form (RFC 8224 §8).",
        why: "The verifier takes the caller from the message, so this signature is for another call.",
        fix: "Sign after the number manipulation, or stop rewriting From and P-Asserted-Identity behind the signer.";
    OrigFormat "orig-format" [438],
        is: "The signed caller and the caller of the message are one number in two formats.",
        sees: "orig and the caller differ by a country code or a prefix; or they agree in the last seven digits or more, and \
               one is shorter or a national form. Two whole numbers that end alike are orig-mismatch.",
        why: "Verifiers differ in what they strip before they compare.",
        fix: "Use the same E.164 form, with country code, at the signer and on the way to the verifier.";
    PaiVsFrom "pai-vs-from" [438],
        is: "From and P-Asserted-Identity name different callers, and the token fits one of them.",
        sees: "orig equals the one and not the other.",
        why: "Which field counts is the verifier's policy; the SHAKEN profile takes P-Asserted-Identity where there is \
              one.",
        fix: "Agree with the verifier which field is authoritative, and sign that one.";
    DivChainBroken "div-chain-broken" [438],
        is: "The div PASSporTs do not lead from the number first called to the one called now.",
        sees: "A div whose number no other token was for, an outermost dest that is not the Request-URI, or different \
               orig.",
        why: "A verifier follows the chain token by token (RFC 8946 §4.2).",
        fix: "Have every diverting server add a div PASSporT with the number it diverts from and the new one.";
    DestMismatch "dest-mismatch" [438],
        is: "The signed callee is not the callee of the message.",
        sees: "dest, and the numbers or URIs of To and Request-URI in canonical form (RFC 8224 §8).",
        why: "The token is for a call to somebody else: a replay, or a call that was forwarded or whose number was \
              translated after signing.",
        fix: "Sign after number translation, or add a div PASSporT where the call is forwarded (RFC 8946).";
    DestFormat "dest-format" [438],
        is: "The signed callee and the callee of the message are one number in two formats.",
        sees: "dest and the callee differ by a country code or a prefix; or they agree in the last seven digits or more, and \
               one is shorter or a national form. Two whole numbers that end alike are dest-mismatch.",
        why: "Verifiers differ in what they strip before they compare.",
        fix: "Use the same E.164 form, with country code, at the signer and on the way to the verifier.";
    DestRuriOnly "dest-ruri-only" [438],
        is: "The signed callee is that of To or of the Request-URI, and not of the other.",
        sees: "dest equals the one and not the other.",
        why: "Verifiers differ in which of them they compare.",
        fix: "Add a div PASSporT where the Request-URI was changed; a verifier compares To.";
    MkyMismatch "mky-mismatch" [438],
        is: "The media keys that were signed are not those of the session description.",
        sees: "mky, and the a=fingerprint lines of the SDP, without colons and case.",
        why: "An element that anchors media ends DTLS there, with a certificate of its own (RFC 8224 §4.1).",
        fix: "Sign behind the element that anchors media.";
    ClockSkewCapture "clock-skew-capture" [403],
        is: "All signers seem wrong by the same time: the clock of the capture, or of this network, is off.",
        sees: "The median age of the tokens of every signer, and how little they scatter.",
        why: "A verifier on the same clock takes fresh tokens for stale ones.",
        fix: "Check the time synchronisation of the capturing machine and of the verifier.";
    ClockSkewSigner "clock-skew-signer" [403],
        is: "One signer's clock is off.",
        sees: "The median age of its tokens is over 10 s from none, they scatter by less than 2 s, and other signers' \
               do not.",
        why: "Tokens are stale when they leave, or from the future.",
        fix: "Ask the signer to check its time synchronisation.";
    IatImplausible "iat-implausible" [403, 438],
        is: "The token's iat is no time: not seconds since 1970, or of a clock that was never set.",
        sees: "iat is before 2015, when there was no PASSporT, or after 2099; taken as milliseconds, microseconds or \
               nanoseconds it may be a time of today.",
        why: "No verifier takes it for fresh.",
        fix: "Have the signer write iat as seconds since 1970 (RFC 8225 §5.1.1), from a clock that is set.";
    StaleIat "stale-iat" [403],
        is: "The token was issued more than 60 s before the call.",
        sees: "iat and the time of capture; innermost tokens of a div chain may be three hours old. Where Date is of the \
               time of the call and iat is not, it explains a 438 as well.",
        why: "An old token may be a replay (RFC 8224 §6.2). It may be a call that waited, or a retry with the token of \
              the first attempt.",
        fix: "Sign every attempt anew, after queueing and route selection; check the signer's clock.";
    FutureIat "future-iat" [403],
        is: "The token was issued after the call.",
        sees: "iat is more than 5 s later than the capture. Where Date is of the time of the call and iat is over 60 s \
               from it, it explains a 438 as well.",
        why: "Some verifiers allow no clock difference in this direction.",
        fix: "Check the time synchronisation of the signer.";
    StaleDate "stale-date" [403],
        is: "Date is absent, unreadable, or more than 60 s before the call.",
        sees: "The Date field and the time of capture.",
        why: "A verifier holds Date against its clock (RFC 8224 §6.2).",
        fix: "Add Date where the call is signed, in GMT; where a call waits, renew Date and token.";
    FutureDate "future-date" [403],
        is: "Date is more than 60 s after the call.",
        sees: "The Date field and the time of capture.",
        why: "A verifier holds Date against its clock (RFC 8224 §6.2); some allow no Date from the future at all.",
        fix: "Compare the clock of the element that wrote Date with those of the capture and of the verifier.";
    IatVsDate "iat-vs-date" [403, 438],
        is: "The token's time and the Date of the message are over 60 s apart.",
        sees: "iat and Date, each against the time of capture; where all signers' tokens seem old alike, that is taken off \
               first. Where Date is of the time of the call, it is the token that is off (stale-iat, future-iat).",
        why: "A verifier compares them; an element between may have written a Date of its own.",
        fix: "Let elements behind the signer leave Date alone.";
    CertRevoked "cert-revoked" [437],
        is: "The certificate was revoked.",
        sees: "Its serial number in a revocation list given with --certs or --trust.",
        why: "Verifiers hold the list of the policy administrator against every certificate.",
        fix: "Have a new certificate issued and sign with its key.";
    CertExpired "cert-expired" [437, 403],
        is: "The certificate had expired when the call was made.",
        sees: "The certificate's end, and Date, iat and the time of capture.",
        why: "Nothing signed after a certificate's end verifies.",
        fix: "Renew the certificate; have its end watched 30, 7 and 1 days ahead.";
    CertNotYetValid "cert-not-yet-valid" [437, 403],
        is: "The certificate was not yet valid when the call was made.",
        sees: "The certificate's begin, and Date, iat and the time of capture.",
        why: "Nothing signed before a certificate's begin verifies.",
        fix: "Sign with the old key until the new certificate is valid; check the clock.";
    CertKeyNotP256 "cert-key-not-p256" [437],
        is: "The certificate's key is not of the curve P-256.",
        sees: "The key of the certificate given for the token's x5u.",
        why: "ES256 needs P-256 (RFC 8225 §4.2).",
        fix: "Have a certificate issued for a P-256 key.";
    CertNoTnauthlist "cert-no-tnauthlist" [437],
        is: "The certificate does not say for which numbers it may sign.",
        sees: "No TNAuthList extension (1.3.6.1.5.5.7.1.26) in the certificate.",
        why: "Without it a certificate is no STI certificate (RFC 8226 §9); SHAKEN wants a service provider code in it.",
        fix: "Have the certificate issued by an STI-CA.";
    CertTnNotCovered "cert-tn-not-covered" [438, 437],
        is: "The certificate names numbers, and the signed caller is none of them.",
        sees: "The entries of its TNAuthList, and orig (of a div, the number diverted from).",
        why: "The signer has no authority over the number.",
        fix: "Sign with the certificate that holds the number.";
    CertClaimConstraints "cert-claim-constraints" [438, 437],
        is: "The token says what its certificate does not let it say.",
        sees: "The JWTClaimConstraints of the certificate, or their enhanced form, and the claims: one that must be there \
               and is not, that must not be there, or that has another value than is permitted.",
        why: "An authority limits what a delegate may sign, such as its attestation level (RFC 8226 §8, RFC 9118). Not every \
              verifier looks.",
        fix: "Sign with the certificate that allows the claim, or have one issued.";
    CertChain "cert-chain" [437],
        is: "The certificate does not lead to one of the trust list.",
        sees: "Issuers, signatures and validity from the certificate up, among the certificates given.",
        why: "A verifier trusts the authorities on its list; the list given here need not be the verifier's.",
        fix: "Publish the whole chain under x5u, and compare the trust lists.";
    WrongKeyForX5u "wrong-key-for-x5u" [438],
        is: "The token is signed with another key than that of the certificate it names.",
        sees: "The signature verifies with another certificate of the signer, or the certificate named was issued less \
               than a day before.",
        why: "At a roll-over key and URL must change together (RFC 8224 §7).",
        fix: "Let x5u name the certificate of the key that signs; keep the old URL until its tokens are gone.";
    SignatureBad "signature-bad" [438],
        is: "The signature does not verify with the certificate.",
        sees: "The ES256 signature over header and claims as sent, or RSA over the string of RFC 4474 §9, with the key \
               of the certificate given for x5u.",
        why: "Either the token was changed, or another key signed it. If calls of the same signer are accepted that do \
              not verify here, the certificate given is not the one in use, and nothing is claimed.",
        fix: "Compare signing key and published certificate; if they fit, look for an element that changes the token.";
    Replay "replay" [403, 438],
        is: "The same token came in another call before.",
        sees: "The same signature towards the same verifier with another Call-ID, or again more than 60 s later.",
        why: "A verifier may remember tokens to keep them from being used twice (RFC 8224 §12.1).",
        fix: "Sign each call and each attempt; look for load generators and retries that use a token again.";
    DuplicateIdentity "duplicate-identity" [438, 400],
        is: "The same Identity value stands twice in the message.",
        sees: "Two values that are equal byte for byte.",
        why: "Some elements double headers they relay, and some verifiers refuse that.",
        fix: "Correct the element that doubles the header.";
    RetryStorm "retry-storm" [],
        is: "The call was tried again and again after its identity had been refused.",
        sees: "More than one further INVITE of the same Call-ID, From tag and CSeq, or of the same numbers within 30 s.",
        why: "The next element refuses the same token, too, and refusals multiply; RFC 8224 §6.1.1 allows one retry.",
        fix: "Treat 428, 436, 437 and 438 as final: no alternate routes, no retries.";
    Unexplained "unexplained" [],
        is: "The capture shows no reason for the refusal.",
        sees: "Every other cause, and none holds for this code.",
        why: "What is left is on the verifier's side: an old copy of the certificate (caches keep it 24 h), another \
              choice between From and P-Asserted-Identity, its trust list, its clock, its policy.",
        fix: "Ask for the verifier's log of this call, by origid and Call-ID.";
}
