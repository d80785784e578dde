//! Pem: the objects of a certificate file, PEM or DER.
//!
//! In: a file's bytes. Out: the DER of each object with what its heading calls it. Text around and
//! between the objects is passed over: bundles have comments. A file without any heading is one
//! DER object.

use base64::Engine as _;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// `CERTIFICATE` and its old names.
    Certificate,
    /// `X509 CRL`.
    Crl,
    /// No heading: a certificate or a CRL.
    Unlabelled,
    /// Keys, requests and others that are not used.
    Other,
}

/// One object; its bytes are `None` where its base64 cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub label: Label,
    /// Its DER.
    pub der: Option<Vec<u8>>,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// The objects of a file, in order.
pub fn objects(bytes: &[u8]) -> Vec<Object> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut rest = &*text;
    while let Some((_, behind)) = rest.split_once(BEGIN) {
        let Some((label, body)) = behind.split_once("-----") else {
            break;
        };
        // Without an end the object goes to the end of the file, and will hardly decode.
        let (body, behind) = body.split_once(END).unwrap_or((body, ""));
        let label = match label.trim() {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Label::Certificate,
            "X509 CRL" | "CRL" => Label::Crl,
            _ => Label::Other,
        };
        let clean: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        found.push(Object {
            label,
            der: base64::engine::general_purpose::STANDARD.decode(clean).ok(),
        });
        rest = behind;
    }
    if found.is_empty() && !bytes.is_empty() {
        found.push(Object {
            label: Label::Unlabelled,
            der: Some(bytes.to_vec()),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_gives_its_objects_in_order_whatever_stands_between() {
        let text = "# root\n-----BEGIN CERTIFICATE-----\r\nAQI=\r\n-----END CERTIFICATE-----\n\
            text\n-----BEGIN X509 CRL-----\nAw\n==\n-----END X509 CRL-----\n\
            -----BEGIN EC PRIVATE KEY-----\nBA==\n-----END EC PRIVATE KEY-----\n";
        let found: Vec<_> = objects(text.as_bytes())
            .into_iter()
            .map(|object| (object.label, object.der))
            .collect();
        assert_eq!(
            found,
            [
                (Label::Certificate, Some(vec![1, 2])),
                (Label::Crl, Some(vec![3])),
                (Label::Other, Some(vec![4])),
            ]
        );
    }

    #[test]
    fn a_file_without_heading_is_one_object() {
        assert_eq!(objects(&[0x30, 0])[0].label, Label::Unlabelled);
        assert!(objects(b"").is_empty());
    }

    #[test]
    fn an_object_that_is_cut_is_there_without_bytes() {
        let found = objects(b"-----BEGIN CERTIFICATE-----\nAQ*");
        assert_eq!(found[0].der, None);
        assert!(objects(b"-----BEGIN CERT").len() == 1);
    }
}
