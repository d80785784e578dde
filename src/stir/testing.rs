//! Testing: keys, certificates, tokens and INVITEs for the tests of this room.

use std::net::{IpAddr, Ipv4Addr};

use p256::ecdsa::signature::Signer;
use p256::pkcs8::DecodePrivateKey;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

use super::encoding::encode;
use super::facts::Facts;
use crate::units::{Endpoint, Flow, FrameRef, Timestamp, Transport};

/// When the tests' calls happen, in seconds since 1970: Mon, 21 Sep 2026 14:13:20 GMT.
pub(crate) const NOW: i64 = 1_790_000_000;

/// [`NOW`] as a Date field has it.
pub(crate) const DATE: &[u8] = b"Mon, 21 Sep 2026 14:13:20 GMT";

/// A day, in seconds.
pub(crate) const DAY: i64 = 86_400;

/// A hop: 192.0.2.1 to 192.0.2.2.
pub(crate) fn flow() -> Flow {
    hop(1, 2)
}

/// From 192.0.2.`src` to 192.0.2.`dst`.
pub(crate) fn hop(src: u8, dst: u8) -> Flow {
    let at = |last| Endpoint::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), 5060);
    Flow {
        src: at(src),
        dst: at(dst),
        transport: Transport::Udp,
    }
}

/// So many seconds since 1970.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

/// A pair of keys, with which certificates and tokens are signed.
pub(crate) struct Pair(pub(crate) KeyPair);

impl Pair {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
    }

    /// The ES256 signature of `text`: r‖s.
    pub(crate) fn sign(&self, text: &str) -> Vec<u8> {
        let key = p256::ecdsa::SigningKey::from_pkcs8_der(&self.0.serialize_der()).unwrap();
        let signature: p256::ecdsa::Signature = key.sign(text.as_bytes());
        signature.to_bytes().to_vec()
    }

    /// A token of these two objects.
    pub(crate) fn token(&self, header: &str, payload: &str) -> String {
        let input = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(payload.as_bytes())
        );
        let signature = encode(&self.sign(&input));
        format!("{input}.{signature}")
    }
}

/// What a certificate is to say.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) days: (i64, i64),
    pub(crate) is_ca: bool,
    /// The bytes of the `TNAuthList` extension.
    pub(crate) tn_auth: Option<Vec<u8>>,
    pub(crate) serial: u64,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            name: "SHAKEN 709J",
            days: (-30, 30),
            is_ca: false,
            tn_auth: Some(spc()),
            serial: 1,
        }
    }
}

/// A `TNAuthList` with the service provider code 709J.
pub(crate) fn spc() -> Vec<u8> {
    [&[0x30, 0x08, 0xa0, 0x06, 0x16, 0x04][..], b"709J"].concat()
}

impl Wanted<'_> {
    pub(crate) fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, self.name);
        let day = |days: i64| time::OffsetDateTime::from_unix_timestamp(NOW + days * DAY).unwrap();
        (params.not_before, params.not_after) = (day(self.days.0), day(self.days.1));
        params.serial_number = Some(SerialNumber::from(self.serial));
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = KeyIdMethod::Sha256;
        if self.is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        }
        if let Some(bytes) = &self.tn_auth {
            let oid = &[1, 3, 6, 1, 5, 5, 7, 1, 26];
            let extension = CustomExtension::from_oid_content(oid, bytes.clone());
            params.custom_extensions.push(extension);
        }
        params
    }

    /// A certificate that its own key signed, in PEM.
    pub(crate) fn self_signed(&self, pair: &Pair) -> String {
        self.params().self_signed(&pair.0).unwrap().pem()
    }

    /// A certificate that an authority signed, in PEM.
    pub(crate) fn signed_by(&self, pair: &Pair, authority: &Authority) -> String {
        let issuer = Issuer::from_params(&authority.params, &authority.pair.0);
        self.params().signed_by(&pair.0, &issuer).unwrap().pem()
    }
}

/// One that issues certificates.
pub(crate) struct Authority {
    pub(crate) pair: Pair,
    pub(crate) params: CertificateParams,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let wanted = Wanted {
            name,
            is_ca: true,
            tn_auth: None,
            days: (-1000, 1000),
            ..Wanted::default()
        };
        let pair = Pair::new();
        let params = wanted.params();
        let pem = params.self_signed(&pair.0).unwrap().pem();
        Self { pair, params, pem }
    }

    /// A revocation list of these serial numbers, in PEM.
    pub(crate) fn revoke(&self, serials: &[u64]) -> String {
        let day = |days: i64| time::OffsetDateTime::from_unix_timestamp(NOW + days * DAY).unwrap();
        let params = CertificateRevocationListParams {
            this_update: day(-1),
            next_update: day(30),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: day(-2),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::from_params(&self.params, &self.pair.0);
        params.signed_by(&issuer).unwrap().pem().unwrap()
    }
}

/// An INVITE of 1 215 555 1212 to 1 777 123 0042 without Identity, captured at [`NOW`].
pub(crate) fn facts<'a>() -> Facts<'a> {
    Facts {
        flow: flow(),
        time: at(NOW),
        at: FrameRef::default(),
        head_bytes: 900,
        is_fragmented: false,
        is_incomplete: false,
        request_uri: b"sip:+17771230042@192.0.2.2:5060;user=phone",
        from: Some(b"sip:+12155551212@192.0.2.1;user=phone"),
        to: Some(b"sip:+17771230042@192.0.2.2;user=phone"),
        asserted: vec![b"sip:+12155551212@192.0.2.1;user=phone"],
        date: Some(DATE),
        identities: Vec::new(),
        identity_info: None,
        fingerprints: Vec::new(),
        has_whole_body: true,
        legacy: None,
    }
}

/// The `x5u` of the tests.
pub(crate) const X5U: &str = "https://certs.example.net/shaken/709j.pem";

/// The JOSE header of a SHAKEN PASSporT.
pub(crate) fn jose() -> String {
    format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{X5U}"}}"#)
}

/// The claims that fit [`facts`].
pub(crate) fn claims() -> String {
    format!(
        r#"{{"attest":"A","dest":{{"tn":["17771230042"]}},"iat":{NOW},"orig":{{"tn":"12155551212"}},"origid":"6dd91ed3-6cee-4e1c-a07b-a5fe93a6f5d5"}}"#
    )
}

/// An Identity value with the parameters of [`jose`].
pub(crate) fn identity(token: &str) -> String {
    format!("{token};info=<{X5U}>;alg=ES256;ppt=shaken")
}
