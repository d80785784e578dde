//! Certificates: made here with rcgen, so that each says what a test wants.

use super::tn_auth_list::Entry;
use super::*;
use crate::stir::signature::Key;
use crate::stir::testing::{Authority, DAY, NOW, Pair, Wanted};

fn parse(pem: &str) -> Certificate {
    let object = pem::objects(pem.as_bytes()).remove(0);
    Certificate::parse(&object.der.unwrap()).unwrap()
}

fn store(files: &[(&str, &str)], trust: &str) -> Store {
    let mut store = Store::default();
    for (path, pem) in files {
        assert_eq!(store.add(path, pem.as_bytes()).unreadable, 0, "{path}");
    }
    if !trust.is_empty() {
        store.trust(trust.as_bytes());
    }
    store
}

fn candidates(store: &Store, x5u: &str) -> Vec<(String, Place)> {
    store
        .candidates(x5u)
        .iter()
        .map(|candidate| (candidate.path.to_owned(), candidate.place))
        .collect()
}

#[test]
fn a_certificate_says_whose_it_is_how_long_it_is_valid_and_for_which_numbers() {
    let certificate = parse(&Wanted::default().self_signed(&Pair::new()));
    assert_eq!(certificate.subject, "CN=SHAKEN 709J");
    assert_eq!(certificate.not_before, NOW - 30 * DAY);
    assert_eq!(certificate.not_after, NOW + 30 * DAY);
    assert!(certificate.is_valid_at(NOW) && !certificate.is_valid_at(NOW + 31 * DAY));
    assert!(matches!(certificate.key, Key::P256(_)));
    assert!(!certificate.is_ca);
    assert_eq!(
        certificate.tn_auth,
        TnAuth::Entries(vec![Entry::ServiceProviderCode("709J".to_owned())])
    );
    assert_eq!(certificate.serial_text(), "01");
}

#[test]
fn a_list_of_numbers_that_is_missing_and_one_that_cannot_be_read_are_told_apart() {
    let with = |tn_auth| {
        let wanted = Wanted {
            tn_auth,
            ..Wanted::default()
        };
        parse(&wanted.self_signed(&Pair::new())).tn_auth
    };
    assert_eq!(with(None), TnAuth::Absent);
    assert_eq!(with(Some(b"\x16\x02no".to_vec())), TnAuth::Unreadable);
}

#[test]
fn a_key_that_is_not_of_p256_is_named() {
    let pair = Pair(rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap());
    let certificate = parse(&Wanted::default().self_signed(&pair));
    assert_eq!(certificate.key.kind(), "elliptic curve 1.3.132.0.34");
}

#[test]
fn host_and_path_come_before_the_last_part_of_the_path() {
    let pem = Wanted::default().self_signed(&Pair::new());
    let store = store(
        &[
            ("certs.example.net/a/sp.pem", &pem),
            ("other.example.net/sp.pem", &pem),
            ("sp.pem", &pem),
        ],
        "",
    );
    assert_eq!(
        candidates(&store, "https://CERTS.example.net:8443/a/sp.pem?x=1"),
        [("certs.example.net/a/sp.pem".to_owned(), Place::Exact)]
    );
    assert_eq!(
        candidates(&store, "https://certs.example.net/b/sp.pem"),
        [
            ("certs.example.net/a/sp.pem".to_owned(), Place::LastPart),
            ("sp.pem".to_owned(), Place::LastPart),
            ("other.example.net/sp.pem".to_owned(), Place::OtherHost),
        ]
    );
    assert!(candidates(&store, "https://certs.example.net/none.pem").is_empty());
    assert!(candidates(&store, "no url").is_empty());
}

#[test]
fn of_a_chain_in_one_file_the_authoritys_certificates_are_no_candidates() {
    let authority = Authority::new("STI-CA");
    let leaf = Wanted::default().signed_by(&Pair::new(), &authority);
    let bundle = format!("{}{leaf}", authority.pem);
    let store = store(&[("x/sp.pem", &bundle)], "");
    let found = store.candidates("https://x/sp.pem");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].certificate.subject, "CN=SHAKEN 709J");
}

#[test]
fn a_chain_ends_at_the_trust_list_or_says_where_it_breaks() {
    let (root, other) = (Authority::new("Root"), Authority::new("Other"));
    let middle = Authority::new("Middle");
    let signed_middle = Wanted {
        name: "Middle",
        is_ca: true,
        tn_auth: None,
        ..Wanted::default()
    }
    .signed_by(&middle.pair, &root);
    let leaf = Wanted::default().signed_by(&Pair::new(), &middle);
    let bundle = format!("{leaf}{signed_middle}");
    let chain = |files: &str, trust: &str, at: i64| {
        let store = store(&[("sp.pem", files)], trust);
        store.chain(store.candidates("https://x/sp.pem")[0].certificate, at)
    };
    assert_eq!(
        chain(&bundle, &root.pem, NOW),
        Chain::Trusted("CN=Root".to_owned())
    );
    assert_eq!(
        chain(&leaf, &signed_middle, NOW),
        Chain::Trusted("CN=Middle".to_owned())
    );
    assert!(matches!(chain(&bundle, "", NOW), Chain::NotJudged(_)));
    for (files, trust, at, why) in [
        (&leaf, &root.pem, NOW, "is neither in the trust list"),
        (&bundle, &other.pem, NOW, "is neither in the trust list"),
        (
            &bundle,
            &root.pem,
            NOW + 40 * DAY,
            "CN=Middle is valid from",
        ),
    ] {
        let Chain::Broken(words) = chain(files, trust, at) else {
            panic!("{why}");
        };
        assert!(words.contains(why), "{words}");
    }
}

#[test]
fn a_chain_is_broken_by_a_signature_that_is_not_the_issuers() {
    let (real, impostor) = (Authority::new("STI-CA"), Authority::new("STI-CA"));
    let mut wanted = Wanted::default().params();
    wanted.use_authority_key_identifier_extension = false;
    let issuer = rcgen::Issuer::from_params(&impostor.params, &impostor.pair.0);
    let leaf = wanted.signed_by(&Pair::new().0, &issuer).unwrap().pem();
    let store = store(&[("sp.pem", &leaf)], &real.pem);
    let found = store.candidates("https://x/sp.pem");
    assert_eq!(
        store.chain(found[0].certificate, NOW),
        Chain::Broken("CN=STI-CA did not sign CN=SHAKEN 709J".to_owned())
    );
}

#[test]
fn a_certificate_that_may_not_issue_does_not_carry_a_chain() {
    let root = Authority::new("Root");
    let pair = Pair::new();
    let no_authority = Wanted {
        name: "Mallory",
        ..Wanted::default()
    };
    let params = no_authority.params();
    let middle = no_authority.signed_by(&pair, &root);
    let issuer = rcgen::Issuer::from_params(&params, &pair.0);
    let wanted = Wanted::default().params();
    let leaf = wanted.signed_by(&Pair::new().0, &issuer).unwrap().pem();
    let store = store(&[("sp.pem", &leaf), ("m.pem", &middle)], &root.pem);
    let found = store.candidates("https://x/sp.pem");
    assert_eq!(
        store.chain(found[0].certificate, NOW),
        Chain::Broken("CN=Mallory may not issue certificates".to_owned())
    );
}

/// Why a chain of leaf, middle and root is broken, if it is.
fn broken(
    root: impl FnOnce(&mut rcgen::CertificateParams),
    middle: impl FnOnce(&mut rcgen::CertificateParams),
    leaf: &Wanted<'_>,
) -> Option<String> {
    let authority = |name, change: Box<dyn FnOnce(&mut rcgen::CertificateParams) + '_>| {
        let wanted = Wanted {
            name,
            is_ca: true,
            tn_auth: None,
            ..Wanted::default()
        };
        let mut params = wanted.params();
        change(&mut params);
        (Pair::new(), params)
    };
    let (root_pair, root) = authority("Root", Box::new(root));
    let (middle_pair, middle) = authority("Middle", Box::new(middle));
    let by = |params: &rcgen::CertificateParams,
              pair: &Pair,
              issuer: (&Pair, &rcgen::CertificateParams)| {
        let issuer = rcgen::Issuer::from_params(issuer.1, &issuer.0.0);
        params.signed_by(&pair.0, &issuer).unwrap().pem()
    };
    let trusted = root.self_signed(&root_pair.0).unwrap().pem();
    let between = by(&middle, &middle_pair, (&root_pair, &root));
    let leaf = by(&leaf.params(), &Pair::new(), (&middle_pair, &middle));
    let store = store(&[("sp.pem", &format!("{leaf}{between}"))], &trusted);
    let found = store.candidates("https://x/sp.pem");
    match store.chain(found[0].certificate, NOW) {
        Chain::Trusted(name) => {
            assert_eq!(name, "CN=Root");
            None
        }
        Chain::Broken(why) => Some(why),
        Chain::NotJudged(why) => panic!("{why}"),
    }
}

#[test]
fn a_chain_is_no_longer_than_its_authorities_allow() {
    let constrained = |most: u8| {
        move |params: &mut rcgen::CertificateParams| {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(most));
        }
    };
    let leaf = Wanted::default();
    assert_eq!(broken(constrained(1), constrained(0), &leaf), None);
    assert_eq!(
        broken(constrained(0), constrained(0), &leaf).as_deref(),
        Some("CN=Root may have 0 authorities below it, and has 1")
    );
}

#[test]
fn an_authority_issues_in_its_directories_only() {
    let named = |permitted: Option<&str>, excluded: Option<&str>| {
        let tree = |name: Option<&str>| {
            let tree = |name: &str| {
                let mut directory = rcgen::DistinguishedName::new();
                directory.push(rcgen::DnType::CommonName, name);
                rcgen::GeneralSubtree::DirectoryName(directory)
            };
            name.map(tree).into_iter().collect()
        };
        rcgen::NameConstraints {
            permitted_subtrees: tree(permitted),
            excluded_subtrees: tree(excluded),
        }
    };
    let check = |constraints: rcgen::NameConstraints| {
        broken(
            |_| (),
            |params| params.name_constraints = Some(constraints),
            &Wanted::default(),
        )
    };
    assert_eq!(check(named(Some("SHAKEN 709J"), None)), None);
    assert_eq!(check(named(None, Some("SHAKEN 1"))), None);
    let why = "CN=Middle may not issue for the name of CN=SHAKEN 709J";
    assert_eq!(check(named(Some("SHAKEN 1"), None)).as_deref(), Some(why));
    assert_eq!(
        check(named(None, Some("SHAKEN 709J"))).as_deref(),
        Some(why)
    );
}

#[test]
fn a_key_that_may_not_sign_certificates_carries_no_chain() {
    let usage = |params: &mut rcgen::CertificateParams| {
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    };
    assert_eq!(
        broken(|_| (), usage, &Wanted::default()).as_deref(),
        Some("the key of CN=Middle may not sign certificates")
    );
}

#[test]
fn a_delegate_gives_only_the_numbers_it_holds() {
    let numbers = |number: &[u8; 11]| [&[0x30, 0x0f, 0xa2, 0x0d, 0x16, 0x0b][..], number].concat();
    let holds = |params: &mut rcgen::CertificateParams| {
        let oid = &[1, 3, 6, 1, 5, 5, 7, 1, 26];
        let list = rcgen::CustomExtension::from_oid_content(oid, numbers(b"12155551212"));
        params.custom_extensions.push(list);
    };
    let leaf = |number| Wanted {
        tn_auth: Some(numbers(number)),
        ..Wanted::default()
    };
    assert_eq!(broken(|_| (), holds, &leaf(b"12155551212")), None);
    assert_eq!(
        broken(|_| (), holds, &leaf(b"12155551213")).as_deref(),
        Some("CN=SHAKEN 709J is for 12155551213, for which CN=Middle may not sign")
    );
}

#[test]
fn a_list_of_numbers_by_reference_is_not_absent() {
    let mut params = Wanted {
        tn_auth: None,
        ..Wanted::default()
    }
    .params();
    let url = b"https://x/tn";
    let mut access = vec![
        0x30, 26, 0x30, 24, 6, 8, 0x2b, 6, 1, 5, 5, 7, 48, 14, 0x86, 12,
    ];
    access.extend(url);
    let oid = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
    params
        .custom_extensions
        .push(rcgen::CustomExtension::from_oid_content(oid, access));
    let pem = params.self_signed(&Pair::new().0).unwrap().pem();
    assert_eq!(
        parse(&pem).tn_auth,
        TnAuth::Elsewhere("https://x/tn".to_owned())
    );
}

#[test]
fn a_trusted_certificate_that_issued_itself_is_trusted_and_another_is_not() {
    let pair = Pair::new();
    let own = Wanted::default().self_signed(&pair);
    let chain = |trust: &str| {
        let store = store(&[("sp.pem", &own)], trust);
        store.chain(store.candidates("https://x/sp.pem")[0].certificate, NOW)
    };
    assert_eq!(chain(&own), Chain::Trusted("CN=SHAKEN 709J".to_owned()));
    let Chain::Broken(why) = chain(&Authority::new("Root").pem) else {
        panic!("trusted");
    };
    assert!(why.contains("issued itself"), "{why}");
}

#[test]
fn a_revoked_serial_is_found_and_its_neighbour_is_not() {
    let authority = Authority::new("STI-CA");
    let leaf = |serial| {
        Wanted {
            serial,
            ..Wanted::default()
        }
        .signed_by(&Pair::new(), &authority)
    };
    let (revoked, other) = (leaf(7), leaf(8));
    let list = authority.revoke(&[7]);
    let store = store(
        &[("a.pem", &revoked), ("b.pem", &other), ("list.crl", &list)],
        &authority.pem,
    );
    let ask = |name: &str| {
        let x5u = format!("https://x/{name}");
        store.revoked(store.candidates(&x5u)[0].certificate)
    };
    assert_eq!(
        ask("a.pem"),
        Some(Revoked {
            at: NOW - 2 * DAY,
            list: "CN=STI-CA".to_owned(),
            is_verified: true
        })
    );
    assert_eq!(ask("b.pem"), None);
}

#[test]
fn a_list_that_is_not_its_issuers_does_not_count() {
    let (authority, impostor) = (Authority::new("STI-CA"), Authority::new("STI-CA"));
    let leaf = Wanted::default().signed_by(&Pair::new(), &authority);
    let list = impostor.revoke(&[1]);
    let revoked = |trust: &str| {
        let store = store(&[("a.pem", &leaf), ("list.crl", &list)], trust);
        store.revoked(store.candidates("https://x/a.pem")[0].certificate)
    };
    assert_eq!(revoked(&authority.pem), None);
    // Without the issuer nobody can say whose the list is; that is told with it.
    assert!(revoked("").is_some_and(|revoked| !revoked.is_verified));
}

/// An indirect list of `CN=STI-PA`, written out as DER: the entry of serial number 7 names another
/// issuer, that of 8 behind it none.
fn indirect(issuer_in_entry: &[u8]) -> Vec<u8> {
    crl(issuer_in_entry, &[2, 1, 1])
}

/// The same with another version, or none.
fn crl(issuer_in_entry: &[u8], version: &[u8]) -> Vec<u8> {
    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let value = parts.concat();
        let length = value.len();
        let mut whole = vec![tag];
        if length < 128 {
            whole.push(u8::try_from(length).unwrap());
        } else {
            whole.extend([0x81, u8::try_from(length).unwrap()]);
        }
        whole.extend(value);
        whole
    }
    let name = |cn: &[u8]| {
        let attribute = tlv(0x30, &[&[6, 3, 0x55, 4, 3], &tlv(0x0c, &[cn])]);
        tlv(0x30, &[&tlv(0x31, &[&attribute])])
    };
    let algorithm = tlv(0x30, &[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
    let time = tlv(0x17, &[b"260901000000Z"]);
    let names = tlv(0x30, &[&tlv(0xa4, &[&name(issuer_in_entry)])]);
    let extension = tlv(
        0x30,
        &[&[6, 3, 0x55, 0x1d, 0x1d], &[1, 1, 0xff], &tlv(4, &[&names])],
    );
    let first = tlv(0x30, &[&[2, 1, 7], &time, &tlv(0x30, &[&extension])]);
    let second = tlv(0x30, &[&[2, 1, 8], &time]);
    let list = tlv(
        0x30,
        &[
            version,
            &algorithm,
            &name(b"STI-PA"),
            &time,
            &tlv(0x30, &[&first, &second]),
        ],
    );
    let signature = tlv(3, &[&[0], &tlv(0x30, &[&[2, 1, 1, 2, 1, 1]])]);
    tlv(0x30, &[&list, &algorithm, &signature])
}

#[test]
fn an_indirect_list_names_the_issuer_of_the_certificate_for_its_entry_and_the_next() {
    let authority = Authority::new("STI-CA");
    let leaf = |serial| {
        Wanted {
            serial,
            ..Wanted::default()
        }
        .signed_by(&Pair::new(), &authority)
    };
    let revoked = |serial, named: &[u8]| {
        let mut store = store(&[("a.pem", &leaf(serial))], "");
        assert_eq!(store.add("pa.crl", &indirect(named)).lists, 1);
        store.revoked(store.candidates("https://x/a.pem")[0].certificate)
    };
    assert!(revoked(7, b"STI-CA").is_some());
    assert!(revoked(8, b"STI-CA").is_some());
    assert_eq!(revoked(7, b"Another"), None);
    assert_eq!(revoked(9, b"STI-CA"), None);
}

#[test]
fn a_list_without_version_is_read_too() {
    let mut store = Store::default();
    assert_eq!(store.add("old.crl", &crl(b"STI-CA", &[])).lists, 1);
    let authority = Authority::new("STI-CA");
    let leaf = Wanted {
        serial: 7,
        ..Wanted::default()
    };
    store.add("a.pem", leaf.signed_by(&Pair::new(), &authority).as_bytes());
    let found = store.candidates("https://x/a.pem");
    assert!(store.revoked(found[0].certificate).is_some());
}

#[test]
fn what_cannot_be_read_is_counted_and_the_rest_of_the_file_is_used() {
    let pem = Wanted::default().self_signed(&Pair::new());
    let broken = format!("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n{pem}");
    let mut store = Store::default();
    assert_eq!(
        store.add("a.pem", broken.as_bytes()),
        Added {
            certificates: 1,
            lists: 0,
            unreadable: 1
        }
    );
    assert_eq!(store.add("notes.txt", b"no certificate").unreadable, 1);
    assert_eq!(store.candidates("https://x/a.pem").len(), 1);
}

#[test]
fn a_location_is_taken_apart_without_being_fetched() {
    let location = Location::of("https://me:pw@[2001:db8::1]:8443/a/b.pem?c#d").unwrap();
    assert_eq!((location.scheme, location.user), ("https", Some("me:pw")));
    assert_eq!((location.host, location.port), ("2001:db8::1", Some(8443)));
    assert_eq!((location.path, location.name()), ("a/b.pem", "b.pem"));
    assert!(location.has_query);
    let plain = Location::of("http://certs.example.net/x.pem").unwrap();
    assert_eq!((plain.host, plain.port), ("certs.example.net", None));
    assert!(Location::of("https:///x").is_none());
}
