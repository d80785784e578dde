//! Signed calls: keys, certificates and tokens that verify, for ladders.
//!
//! A [`Signer`] has a key and the URL of its certificate. [`Claims`] are those of a call as it
//! should be; a test changes one thing. [`field`](Signer::field) is a line for a ladder.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::DecodePrivateKey;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

/// When ladders begin, in seconds since 1970: Mon, 05 Jan 2026 10:00:00 GMT.
pub const EPOCH: i64 = 1_767_607_200;

/// One who signs.
pub struct Signer {
    key: KeyPair,
    /// Where its certificate is.
    pub x5u: String,
}

/// What a token says of a call, `at` seconds of the ladder.
#[derive(Clone, Debug)]
pub struct Claims {
    /// JOSE header.
    pub header: serde_json::Value,
    /// Claims.
    pub payload: serde_json::Value,
}

impl Claims {
    /// A member of the header, or none with `Null`.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        set(&mut self.header, name, value.into());
        self
    }

    /// A claim, or none with `Null`.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        set(&mut self.payload, name, value.into());
        self
    }
}

fn set(object: &mut serde_json::Value, name: &str, value: serde_json::Value) {
    let object = object.as_object_mut().expect("an object");
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
}

impl Signer {
    /// A new key behind this URL.
    pub fn new(x5u: &str) -> Self {
        Self {
            key: KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key"),
            x5u: x5u.to_owned(),
        }
    }

    /// The key in PKCS #8, as `openssl` wrote it.
    pub fn of_key(x5u: &str, pem: &str) -> Self {
        Self {
            key: KeyPair::from_pem(pem).expect("a key"),
            x5u: x5u.to_owned(),
        }
    }

    /// What a SHAKEN token of this call should say.
    pub fn claims(&self, orig: &str, dest: &str, at: i64) -> Claims {
        Claims {
            header: serde_json::json!({
                "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": self.x5u,
            }),
            payload: serde_json::json!({
                "attest": "A", "dest": {"tn": [dest]}, "iat": EPOCH + at, "orig": {"tn": orig},
                "origid": "6dd91ed3-6cee-4e1c-a07b-a5fe93a6f5d5",
            }),
        }
    }

    /// The token.
    pub fn token(&self, claims: &Claims) -> String {
        let encoded = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encoded(&claims.header), encoded(&claims.payload));
        let key = self.key.serialize_der();
        let key = p256::ecdsa::SigningKey::from_pkcs8_der(&key).expect("a P-256 key");
        let signature: p256::ecdsa::Signature = key.sign(input.as_bytes());
        format!(
            "{input}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes())
        )
    }

    /// The value of Identity with the parameters that mirror the token.
    pub fn identity(&self, claims: &Claims) -> String {
        let ppt = claims.header["ppt"].as_str();
        let ppt = ppt.map_or_else(String::new, |ppt| format!(";ppt={ppt}"));
        format!("{};info=<{}>;alg=ES256{ppt}", self.token(claims), self.x5u)
    }

    /// Ladder lines of a call that is in order: Identity and Date.
    pub fn fields(&self, orig: &str, dest: &str, at: i64) -> String {
        let identity = self.identity(&self.claims(orig, dest, at));
        format!("  Identity: {identity}\n{}", date(at))
    }

    /// A certificate in PEM, as [`certificate`] says; its own key signs it, or `authority`'s.
    pub fn certificate(&self, wanted: &Wanted<'_>, authority: Option<&Authority>) -> String {
        let params = wanted.params();
        let made = match authority {
            Some(authority) => {
                let issuer = Issuer::from_params(&authority.params, &authority.key);
                params.signed_by(&self.key, &issuer)
            }
            None => params.self_signed(&self.key),
        };
        made.expect("a certificate").pem()
    }
}

/// A ladder line with the Date of a call.
pub fn date(at: i64) -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let time = time::OffsetDateTime::from_unix_timestamp(EPOCH + at).expect("a time");
    format!("  Date: {}\n", time.format(&format).expect("a date"))
}

/// What a certificate is to say.
pub struct Wanted<'a> {
    /// Its common name.
    pub name: &'a str,
    /// From when to when it is valid, in seconds of the ladder.
    pub valid: (i64, i64),
    /// Its `TNAuthList`.
    pub tn_auth: Option<Vec<u8>>,
    /// Its serial number.
    pub serial: u64,
    /// Further extensions.
    pub extensions: Vec<CustomExtension>,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            name: "SHAKEN 709J",
            valid: (-30 * 86_400, 30 * 86_400),
            tn_auth: Some([&[0x30, 0x08, 0xa0, 0x06, 0x16, 0x04][..], b"709J"].concat()),
            serial: 7,
            extensions: Vec::new(),
        }
    }
}

impl Wanted<'_> {
    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, self.name);
        let time = |at: i64| time::OffsetDateTime::from_unix_timestamp(EPOCH + at).expect("a time");
        (params.not_before, params.not_after) = (time(self.valid.0), time(self.valid.1));
        params.serial_number = Some(SerialNumber::from(self.serial));
        if let Some(bytes) = &self.tn_auth {
            let oid = &[1, 3, 6, 1, 5, 5, 7, 1, 26];
            let extension = CustomExtension::from_oid_content(oid, bytes.clone());
            params.custom_extensions.push(extension);
        }
        params.custom_extensions.extend(self.extensions.clone());
        params
    }
}

/// One that issues certificates.
pub struct Authority {
    key: KeyPair,
    params: CertificateParams,
    /// Its own certificate.
    pub pem: String,
}

impl Authority {
    /// A new one that signs its own certificate.
    pub fn new(name: &str) -> Self {
        let wanted = Wanted {
            name,
            valid: (-1000 * 86_400, 1000 * 86_400),
            tn_auth: None,
            ..Wanted::default()
        };
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let mut params = wanted.params();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { key, params, pem }
    }

    /// A revocation list in PEM of these serial numbers, revoked at a second of the ladder.
    pub fn revoke(&self, serials: &[u64], at: i64) -> String {
        let time = |at: i64| time::OffsetDateTime::from_unix_timestamp(EPOCH + at).expect("a time");
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: time(at),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: time(at),
            next_update: time(at + 30 * 86_400),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::from_params(&self.params, &self.key);
        params
            .signed_by(&issuer)
            .expect("a list")
            .pem()
            .expect("PEM")
    }
}
