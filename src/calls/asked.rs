//! `Asked`: what a request asked for, as far as an answer that refuses it may be about it.
//!
//! In: a request. Out: an [`Asked`], kept for each hop of it; hops that say the same share one
//! copy. Of credentials the realm, the user's name, the algorithm and a digest of the nonce are
//! kept, never what proves the password. Capped: [`TEXT`] bytes of a text, `ROOM` of all.
//!
//! # References
//! - RFC 3261 §20, RFC 4028 §4 and §5 (session timers), RFC 7616 §3.4 (credentials), RFC 5393 §5.3
//!   (Max-Breadth), RFC 5626 §5.3 (flows), RFC 8599 §4.1 (push notifications)

use std::sync::Arc;

use super::key;
use super::offer::{Offer, Room};
use crate::sip::challenge;
use crate::sip::value::{Address, Uri, digits, param};
use crate::sip::{Message, MethodKind, Name, Sdp, StartLine};

/// Bytes kept of a text.
pub const TEXT: usize = 64;

/// Bytes kept of all texts of a request.
const ROOM: usize = 768;

/// Fields of one name that are kept.
const FIELDS: usize = 4;

/// Credentials of one request that are kept.
const CREDENTIALS: usize = 4;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// An [`Offer`].
    Media,
    /// Require.
    Require,
    /// Proxy-Require.
    ProxyRequire,
    /// Content-Type.
    ContentType,
    /// Event.
    Event,
    /// Info-Package.
    InfoPackage,
    /// Resource-Priority.
    ResourcePriority,
    /// Accept.
    Accept,
    /// SIP-If-Match.
    SipIfMatch,
    /// The Request-URI's scheme, where it is not `sip`.
    Scheme,
    /// Session-Expires, seconds in four bytes.
    SessionExpires,
    /// Min-SE, seconds in four bytes.
    MinSe,
    /// The expiry asked for, seconds in four bytes.
    Expires,
    /// Max-Breadth, four bytes.
    MaxBreadth,
    /// The first Route, where it names a flow (RFC 5626 §5.3).
    Flow,
    /// The push notification service of a REGISTER's Contact (RFC 8599 §4.1.1).
    PushProvider,
    /// Credentials begin: whether for a proxy, and the nonce's digest in eight bytes.
    Credentials,
    /// Of the credentials before.
    Realm,
    /// Of the credentials before.
    User,
    /// Of the credentials before.
    Algorithm,
}

/// What a request asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Texts, each behind its [`Field`] and its length.
    texts: Option<Arc<[u8]>>,
    /// Bytes of the request.
    pub message_bytes: u32,
    /// Bytes of its body.
    pub body_bytes: u32,
    /// Bytes of its Request-URI.
    pub uri_bytes: u32,
    /// Bits of [`OPTION_TAGS`] that stand in Supported.
    supported: u32,
    /// Max-Forwards, if it can be read.
    pub max_forwards: Option<u8>,
    /// Identity values, whether in fields of their own or joined by commas.
    pub identities: u8,
    /// Bits of [`Has`].
    flags: u8,
}

/// What a request has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Has {
    /// Security-Client (RFC 3329).
    SecurityClient = 1,
    /// Security-Verify (RFC 3329).
    SecurityVerify = 2,
    /// Referred-By (RFC 3892).
    ReferredBy = 4,
    /// Geolocation (RFC 6442).
    Geolocation = 8,
}

/// Option tags that an answer may ask for, in the order of their bits.
const OPTION_TAGS: [&str; 24] = [
    "100rel",
    "199",
    "answermode",
    "early-session",
    "eventlist",
    "from-change",
    "gin",
    "gruu",
    "histinfo",
    "ice",
    "join",
    "norefersub",
    "outbound",
    "path",
    "precondition",
    "privacy",
    "record-aware",
    "replaces",
    "resource-priority",
    "sec-agree",
    "siprec",
    "tdialog",
    "timer",
    "uui",
];

/// Where the texts of one request are put together.
struct Texts {
    bytes: [u8; ROOM],
    len: usize,
}

impl Texts {
    /// Adds a text that is there; of a long one the first bytes.
    fn put(&mut self, field: Field, text: Option<&[u8]>, cap: usize) {
        let Some(text) = text else { return };
        let text = text.get(..cap).unwrap_or(text);
        let Ok(len) = u8::try_from(text.len()) else {
            return;
        };
        let end = self.len + 2 + text.len();
        let Some([kind, length, place @ ..]) = self.bytes.get_mut(self.len..end) else {
            return;
        };
        (*kind, *length) = (field as u8, len);
        place.copy_from_slice(text);
        self.len = end;
    }

    fn number(&mut self, field: Field, number: Option<u32>) {
        let bytes = number.map(u32::to_le_bytes);
        self.put(field, bytes.as_ref().map(<[u8; 4]>::as_slice), 4);
    }

    fn credentials(&mut self, message: &Message<'_>, name: Name) {
        let proxy = u8::from(name == Name::ProxyAuthorization);
        let all = challenge::Credentials::all(message, name);
        // In IMS the first REGISTER names its user by credentials with an empty nonce, which prove
        // nothing yet.
        let proving = all.filter(|one| one.nonce().is_none_or(|nonce| !nonce.is_empty()));
        for one in proving.take(CREDENTIALS) {
            let mut head = [proxy; 9];
            let nonce = one.nonce().map_or(0, key::digest).to_le_bytes();
            for (to, from) in head.iter_mut().skip(1).zip(nonce) {
                *to = from;
            }
            self.put(Field::Credentials, Some(&head), 9);
            self.put(Field::Realm, one.realm(), TEXT);
            self.put(Field::User, one.username(), TEXT);
            if one.is_digest() {
                self.put(Field::Algorithm, Some(one.algorithm()), 24);
            }
        }
    }
}

impl Asked {
    /// What a request asked for. What `earlier` hops of it have said in the same words is shared.
    pub(super) fn of<'a>(message: &Message<'_>, earlier: impl Iterator<Item = &'a Self>) -> Self {
        let StartLine::Request { method, uri } = message.start else {
            return Self::default();
        };
        let mut texts = Texts {
            bytes: [0; ROOM],
            len: 0,
        };
        if matches!(method.kind, MethodKind::Invite | MethodKind::Update)
            && let Some(sdp) = Sdp::of(message)
        {
            let mut room = Room::default();
            texts.put(Field::Media, Some(room.offer(&sdp).bytes()), 255);
            // A description inside of several parts is not all that was sent.
            let kind = message.header(Name::ContentType);
            let is_several = |kind: &&[u8]| {
                kind.get(..10)
                    .is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
            };
            texts.put(Field::ContentType, kind.filter(is_several), TEXT);
        } else if !message.body.is_empty() {
            texts.put(Field::ContentType, message.header(Name::ContentType), TEXT);
        }
        for (field, name) in [
            (Field::Require, Name::Require),
            (Field::ProxyRequire, Name::ProxyRequire),
            (Field::Event, Name::Event),
            (Field::InfoPackage, Name::InfoPackage),
            (Field::ResourcePriority, Name::ResourcePriority),
            (Field::SipIfMatch, Name::SipIfMatch),
        ] {
            for value in message.headers(name).take(FIELDS) {
                texts.put(field, Some(value), TEXT);
            }
        }
        let accept = message.header(Name::Accept);
        let is_usual = |accept: &&[u8]| accept.eq_ignore_ascii_case(b"application/sdp");
        texts.put(Field::Accept, accept.filter(|text| !is_usual(text)), TEXT);
        let scheme = uri.split(|&byte| byte == b':').next();
        let is_sip = |scheme: &&[u8]| scheme.eq_ignore_ascii_case(b"sip");
        texts.put(Field::Scheme, scheme.filter(|text| !is_sip(text)), 16);
        let seconds = |name| message.header(name).and_then(leading_number);
        texts.number(Field::SessionExpires, seconds(Name::SessionExpires));
        texts.number(Field::MinSe, seconds(Name::MinSe));
        texts.number(Field::Expires, expires(message, method.kind));
        texts.number(
            Field::MaxBreadth,
            message.named("Max-Breadth").and_then(leading_number),
        );
        texts.put(Field::Flow, flow(message), TEXT);
        let provider = (method.kind == MethodKind::Register).then(|| push_provider(message));
        texts.put(Field::PushProvider, provider.flatten(), TEXT);
        texts.credentials(message, Name::Authorization);
        texts.credentials(message, Name::ProxyAuthorization);
        let texts = texts.bytes.get(..texts.len).unwrap_or_default();
        let shared = earlier
            .filter_map(|asked| asked.texts.as_ref())
            .find(|shared| shared.as_ref() == texts);
        let texts = match shared {
            Some(shared) => Some(Arc::clone(shared)),
            None => (!texts.is_empty()).then(|| texts.into()),
        };
        let bytes = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let flags = [
            (Has::SecurityClient, Name::SecurityClient),
            (Has::SecurityVerify, Name::SecurityVerify),
            (Has::ReferredBy, Name::ReferredBy),
            (Has::Geolocation, Name::Geolocation),
        ];
        Self {
            texts,
            message_bytes: bytes(message.bytes.len()),
            body_bytes: bytes(message.body.len()),
            uri_bytes: bytes(uri.len()),
            supported: supported(message),
            max_forwards: seconds(Name::MaxForwards).and_then(|hops| u8::try_from(hops).ok()),
            identities: u8::try_from(message.items(Name::Identity).count()).unwrap_or(u8::MAX),
            flags: flags
                .into_iter()
                .filter(|(_, name)| message.header(*name).is_some())
                .fold(0, |flags, (has, _)| flags | has as u8),
        }
    }

    /// Bytes it takes beside its own, shared or not.
    pub(super) fn weight(&self) -> usize {
        self.texts.as_ref().map_or(0, |texts| texts.len() + 16)
    }

    fn fields(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = self.texts.as_deref().unwrap_or_default();
        std::iter::from_fn(move || {
            let (&[kind, len], behind) = rest.split_first_chunk()?;
            let (text, behind) = behind.split_at_checked(usize::from(len))?;
            rest = behind;
            Some((kind, text))
        })
    }

    /// The first text of its kind, up to [`TEXT`] bytes; one that long may have been cut.
    pub fn text(&self, field: Field) -> Option<&[u8]> {
        self.texts(field).next()
    }

    /// All texts of their kind: the values of several header fields.
    pub fn texts(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        self.fields()
            .filter(move |(kind, _)| *kind == field as u8)
            .map(|(_, text)| text)
    }

    /// A number.
    pub fn number(&self, field: Field) -> Option<u32> {
        let bytes = self.text(field)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// The media it offered; `None` where it offered none.
    pub fn offer(&self) -> Option<Offer<'_>> {
        self.text(Field::Media).map(Offer::kept)
    }

    /// Whether `option_tag` stood in Supported; `None` where that was not looked for.
    pub fn supports(&self, option_tag: &[u8]) -> Option<bool> {
        let at = tag_index(option_tag)?;
        Some(self.supported & (1 << at) != 0)
    }

    /// Whether it had a header field.
    pub const fn has(&self, what: Has) -> bool {
        self.flags & what as u8 != 0
    }

    /// The credentials it carried, those of Authorization first.
    pub fn credentials(&self) -> impl Iterator<Item = Credentials<'_>> {
        let mut fields = self.fields().peekable();
        std::iter::from_fn(move || {
            let head = fields
                .find(|(kind, _)| *kind == Field::Credentials as u8)?
                .1;
            let (proxy, nonce) = head.split_first()?;
            let mut one = Credentials {
                for_proxy: *proxy == 1,
                nonce: u64::from_le_bytes(*nonce.first_chunk()?),
                realm: &[],
                user: &[],
                algorithm: &[],
            };
            while let Some((kind, text)) =
                fields.next_if(|(kind, _)| *kind > Field::Credentials as u8)
            {
                if kind == Field::Realm as u8 {
                    one.realm = text;
                } else if kind == Field::User as u8 {
                    one.user = text;
                } else {
                    one.algorithm = text;
                }
            }
            Some(one)
        })
    }
}

/// Credentials as they are kept; what is not there is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// They stood in Proxy-Authorization.
    pub for_proxy: bool,
    /// Digest of the nonce; 0 without one.
    pub(super) nonce: u64,
    /// For which realm.
    pub realm: &'a [u8],
    /// Whose.
    pub user: &'a [u8],
    /// Made with which algorithm; empty where the scheme is not Digest.
    pub algorithm: &'a [u8],
}

/// The URI of the first Route value, if it says that its user part names a flow.
fn flow<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let route = message.items(Name::Route).next().and_then(Address::parse)?;
    let uri = Uri::parse(route.uri)?;
    param(uri.params, b"ob").map(|_| route.uri)
}

/// The service by which a client wants to be woken.
fn push_provider<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let contacts = message.items(Name::Contact).filter_map(Address::parse);
    let mut uris = contacts.filter_map(|contact| Uri::parse(contact.uri));
    uris.find_map(|uri| param(uri.params, b"pn-provider"))
}

/// What a request wants to be granted: the shortest expiry of its Contacts, else Expires.
fn expires(message: &Message<'_>, method: MethodKind) -> Option<u32> {
    let of_contacts = || {
        message
            .items(Name::Contact)
            .filter_map(Address::parse)
            .filter_map(|contact| digits(param(contact.params, b"expires")?))
            .min()
    };
    let of_contacts = (method == MethodKind::Register).then(of_contacts).flatten();
    of_contacts.or_else(|| message.header(Name::Expires).and_then(leading_number))
}

/// The number a value begins with; parameters may follow.
fn leading_number(value: &[u8]) -> Option<u32> {
    let end = value.iter().position(|byte| !byte.is_ascii_digit());
    digits(value.get(..end.unwrap_or(value.len()))?)
}

fn supported(message: &Message<'_>) -> u32 {
    message
        .items(Name::Supported)
        .filter_map(tag_index)
        .fold(0, |bits, at| bits | 1 << at)
}

fn tag_index(option_tag: &[u8]) -> Option<usize> {
    OPTION_TAGS
        .iter()
        .position(|tag| tag.as_bytes().eq_ignore_ascii_case(option_tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Indexer;

    fn asked(text: &str, earlier: &[Asked]) -> Asked {
        let bytes = text.replace('\n', "\r\n").into_bytes();
        let head_len = memchr::memmem::find(&bytes, b"\r\n\r\n").expect("a head") + 4;
        let mut indexer = Indexer::new(64);
        let message = indexer.index(&bytes, head_len).expect("a message");
        Asked::of(&message, earlier.iter())
    }

    const INVITE: &str = "INVITE tel:+1 SIP/2.0
Supported: timer, 100REL
k: x-own
Require: precondition
Session-Expires: 90;refresher=uac
Max-Forwards: 70
Identity: a
Identity: b, c
Security-Client: ipsec-3gpp
Content-Type: application/sdp

v=0
m=audio 1 RTP/AVP 0
";

    #[test]
    fn a_route_is_kept_where_it_names_a_flow_and_a_push_service_without_its_token() {
        let flow = "sip:VskztcQ@ep1.example.com;lr;ob";
        let asked_with = |route: &str| {
            asked(
                &format!("INVITE sip:a@b SIP/2.0\nMax-Breadth: 12\nRoute: <{route}>\n\n"),
                &[],
            )
        };
        assert_eq!(asked_with(flow).text(Field::Flow), Some(flow.as_bytes()));
        assert_eq!(asked_with(flow).number(Field::MaxBreadth), Some(12));
        assert_eq!(asked_with("sip:p.example.com;lr").text(Field::Flow), None);
        let register = asked(
            "REGISTER sip:a SIP/2.0\nContact: <sip:a@1.2.3.4;pn-provider=acme;pn-param=app;pn-prid=secret>\n\n",
            &[],
        );
        assert_eq!(register.text(Field::PushProvider), Some(b"acme".as_slice()));
    }

    #[test]
    fn what_a_refusal_may_be_about_is_kept() {
        let asked = asked(INVITE, &[]);
        assert_eq!(asked.text(Field::Require), Some(b"precondition".as_slice()));
        assert_eq!(asked.text(Field::Scheme), Some(b"tel".as_slice()));
        assert_eq!(asked.text(Field::Event), None);
        assert_eq!(asked.number(Field::SessionExpires), Some(90));
        assert_eq!(asked.number(Field::Expires), None);
        assert_eq!((asked.max_forwards, asked.identities), (Some(70), 3));
        assert_eq!((asked.uri_bytes, asked.body_bytes), (6, 26));
        let media: Vec<_> = asked.offer().expect("an offer").media().collect();
        assert_eq!(media.len(), 1);
        for (tag, supports) in [
            ("timer", Some(true)),
            ("100rel", Some(true)),
            ("path", Some(false)),
            ("x-own", None),
        ] {
            assert_eq!(asked.supports(tag.as_bytes()), supports, "{tag}");
        }
        assert!(asked.has(Has::SecurityClient) && !asked.has(Has::SecurityVerify));
    }

    #[test]
    fn hops_that_say_the_same_share_it() {
        let first = asked(INVITE, &[]);
        let next = asked(
            &INVITE.replace("Max-Forwards: 70", "Max-Forwards: 69"),
            std::slice::from_ref(&first),
        );
        let share = |asked: &Asked| asked.texts.clone().expect("texts");
        assert!(Arc::ptr_eq(&share(&first), &share(&next)));
        assert_eq!(next.max_forwards, Some(69));
        let other = asked(&INVITE.replace("90", "91"), std::slice::from_ref(&first));
        assert!(!Arc::ptr_eq(&share(&first), &share(&other)));
    }

    #[test]
    fn a_request_that_asks_for_nothing_keeps_nothing() {
        let bye = asked("BYE sip:a@h SIP/2.0\nMax-Forwards: 70\n\n", &[]);
        assert_eq!((bye.weight(), bye.texts), (0, None));
    }

    #[test]
    fn of_credentials_no_proof_is_kept() {
        let asked = asked(
            "REGISTER sip:h SIP/2.0
Authorization: Digest username=\"bob\",realm=\"a\",nonce=\"n\",response=\"5ec7e7\",cnonce=\"c0\"
Proxy-Authorization: Digest username=\"bob\",realm=\"b\",nonce=\"m\",algorithm=SHA-256,response=\"5ec7e7\"
Proxy-Authorization: Basic Ym9iOnB3

",
            &[],
        );
        let all: Vec<_> = asked.credentials().collect();
        let read: Vec<_> = all
            .iter()
            .map(|one| (one.for_proxy, one.realm, one.user, one.algorithm))
            .collect();
        assert_eq!(
            read,
            [
                (false, b"a".as_slice(), b"bob".as_slice(), b"MD5".as_slice()),
                (true, b"b", b"bob", b"SHA-256"),
                (true, b"", b"", b""),
            ]
        );
        assert_eq!(all[0].nonce, key::digest(b"n"));
        let kept = asked.texts.expect("texts");
        for secret in [b"5ec7e7".as_slice(), b"c0", b"Ym9iOnB3", b"\"n\""] {
            assert_eq!(memchr::memmem::find(&kept, secret), None);
        }
    }

    #[test]
    fn a_register_asks_for_the_shortest_expiry_of_its_contacts() {
        let of = |fields: &str| {
            asked(&format!("REGISTER sip:h SIP/2.0\n{fields}\n\n"), &[]).number(Field::Expires)
        };
        assert_eq!(
            of("Contact: <sip:a@h>;expires=60, <sip:b@h>;expires=30\nExpires: 3600"),
            Some(30)
        );
        assert_eq!(of("Contact: <sip:a@h>\nExpires: 3600"), Some(3600));
        assert_eq!(of("Contact: <sip:a@h>"), None);
    }

    #[test]
    fn long_texts_and_many_are_cut_to_what_there_is_room_for() {
        let long = "x".repeat(5000);
        let fields = [
            "Require",
            "Proxy-Require",
            "Event",
            "Accept",
            "SIP-If-Match",
            "Info-Package",
        ];
        let text = fields.map(|name| format!("{name}: {long}\n")).concat();
        let credentials =
            format!("Authorization: Digest realm=\"{long}\",username=\"{long}\"\n").repeat(9);
        let asked = asked(
            &format!("INVITE sip:b@h SIP/2.0\n{text}{credentials}\n"),
            &[],
        );
        assert_eq!(asked.text(Field::Event).map(<[u8]>::len), Some(TEXT));
        assert!(asked.weight() <= ROOM + 16);
        assert!(asked.credentials().count() <= CREDENTIALS);
    }
}
