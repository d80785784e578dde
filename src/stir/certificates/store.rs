//! Store: the certificates, revocation lists and trust that a run was given.
//!
//! In: files as (path below their folder, bytes). Out: for an `x5u`, the certificates that may
//! stand behind it ([`Candidate`]). Nothing is ever fetched. What cannot be read is counted and
//! told, and never a reason to accuse.
//!
//! # References
//! - RFC 8224 §6.2 step 3; RFC 8226 §7; the order of the search is this program's own

use std::collections::BTreeMap;
use std::ops::Range;

use super::certificate::Certificate;
use super::chain::{Chain, Search};
use super::crl::Crl;
use super::pem::{self, Label};
use crate::stir::signature::Checked;

/// What a run was given.
#[derive(Clone, Debug, Default)]
pub struct Store {
    files: Vec<File>,
    certificates: Vec<Certificate>,
    /// Paths in canonical form, to places in `files`.
    by_path: BTreeMap<String, Vec<usize>>,
    /// Last parts of paths, to places in `files`.
    by_name: BTreeMap<String, Vec<usize>>,
    lists: Vec<Crl>,
    trusted: Option<Vec<Certificate>>,
    is_named: bool,
}

#[derive(Clone, Debug)]
struct File {
    /// As given, with `/`.
    path: String,
    /// Its certificates, in `certificates`.
    certificates: Range<usize>,
}

/// What a file gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Certificates.
    pub certificates: usize,
    /// Revocation lists.
    pub lists: usize,
    /// Objects that should be one of these and cannot be read.
    pub unreadable: usize,
}

/// How a certificate was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Under the host and path of the `x5u`.
    Exact,
    /// By the last part of the path.
    LastPart,
    /// By the last part of the path, in the folder of another host.
    OtherHost,
}

/// A certificate that may stand behind an `x5u`.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The file it is in.
    pub path: &'a str,
    /// It.
    pub certificate: &'a Certificate,
    /// How it was found.
    pub place: Place,
}

impl Store {
    /// Whether there is nothing to judge signatures with.
    pub const fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// Says that there was a place to look for certificates in, whatever was found there.
    pub const fn name_place(&mut self) {
        self.is_named = true;
    }

    /// Whether there was a place to look for certificates in.
    pub const fn is_named(&self) -> bool {
        self.is_named
    }

    /// Whether there is a trust list to judge chains with.
    pub const fn has_trust(&self) -> bool {
        self.trusted.is_some()
    }

    /// Files that hold certificates.
    pub const fn files(&self) -> usize {
        self.files.len()
    }

    /// Adds a file; `path` is relative to the folder given.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Added {
        let start = self.certificates.len();
        let added = read(bytes, &mut self.certificates, &mut self.lists);
        if self.certificates.len() > start {
            let path = path.replace('\\', "/");
            let path = path.trim_start_matches("./").trim_start_matches('/');
            let place = self.files.len();
            let name = path.rsplit('/').next().unwrap_or(path);
            self.by_path.entry(key(path)).or_default().push(place);
            self.by_name.entry(name.to_owned()).or_default().push(place);
            self.files.push(File {
                path: path.to_owned(),
                certificates: start..self.certificates.len(),
            });
        }
        added
    }

    /// Adds a bundle of certificates to the trust list; revocation lists in it count, too.
    pub fn trust(&mut self, bytes: &[u8]) -> Added {
        let trusted = self.trusted.get_or_insert_default();
        read(bytes, trusted, &mut self.lists)
    }

    /// The certificates that may stand behind `x5u`: those under its host and path, else those of
    /// files named like the last part of its path. Best place first, then by path.
    pub fn candidates(&self, x5u: &str) -> Vec<Candidate<'_>> {
        let Some(location) = Location::of(x5u) else {
            return Vec::new();
        };
        let exact = self
            .by_path
            .get(&key(&location.without_port()))
            .or_else(|| self.by_path.get(&key(&location.whole())));
        if let Some(places) = exact {
            return self.leaves(places, |_| Place::Exact);
        }
        let Some(places) = self.by_name.get(location.name()) else {
            return Vec::new();
        };
        let mut found = self.leaves(places, |file| {
            let folder = file.path.split_once('/').map(|(folder, _)| folder);
            match folder {
                Some(folder) if folder.contains('.') && !location.is_host(folder) => {
                    Place::OtherHost
                }
                _ => Place::LastPart,
            }
        });
        found.sort_by(|a, b| (a.place, a.path).cmp(&(b.place, b.path)));
        found
    }

    /// Other certificates that the signer of `like` may have: those with its subject's name, or
    /// in its folder. Capped.
    pub fn relatives<'a>(&'a self, like: &Candidate<'_>) -> Vec<Candidate<'a>> {
        const MOST: usize = 32;
        let folder = like.path.rsplit_once('/').map(|(folder, _)| folder);
        self.files
            .iter()
            .flat_map(|file| {
                let is_near = folder.is_some()
                    && file.path.rsplit_once('/').map(|(folder, _)| folder) == folder;
                self.in_file(file).map(move |one| (is_near, file, one))
            })
            .filter(|(is_near, _, one)| {
                let is_same = one.der == like.certificate.der;
                let is_named = one.subject_der == like.certificate.subject_der;
                !is_same && !one.is_ca && (*is_near || is_named)
            })
            .take(MOST)
            .map(|(_, file, certificate)| Candidate {
                path: &file.path,
                certificate,
                place: Place::LastPart,
            })
            .collect()
    }

    fn in_file(&self, file: &File) -> impl Iterator<Item = &Certificate> {
        self.certificates
            .get(file.certificates.clone())
            .unwrap_or_default()
            .iter()
    }

    /// The signers' certificates of files: those that are no authority's, or the first.
    fn leaves(&self, places: &[usize], place: impl Fn(&File) -> Place) -> Vec<Candidate<'_>> {
        let mut found = Vec::new();
        for file in places.iter().filter_map(|at| self.files.get(*at)) {
            let place = place(file);
            let candidate = |certificate| Candidate {
                path: &file.path,
                certificate,
                place,
            };
            let before = found.len();
            found.extend(self.in_file(file).filter(|one| !one.is_ca).map(candidate));
            if found.len() == before {
                found.extend(self.in_file(file).take(1).map(candidate));
            }
        }
        found
    }

    /// Whether a certificate leads to the trust list; `at` in seconds since 1970.
    pub fn chain(&self, leaf: &Certificate, at: i64) -> Chain {
        let Some(trusted) = &self.trusted else {
            return Chain::NotJudged("no trust list was given".to_owned());
        };
        Search {
            trusted,
            supplied: &self.certificates,
            at,
        }
        .run(leaf)
    }

    /// When `certificate` was revoked, and by which list. A list whose signature is wrong does not
    /// count; one whose issuer is unknown does, and says so.
    pub fn revoked(&self, certificate: &Certificate) -> Option<Revoked> {
        self.lists.iter().find_map(|list| {
            let at = list.revoked(certificate)?;
            let known = self
                .trusted
                .iter()
                .flatten()
                .chain(self.certificates.iter());
            let checked = list.verify(known);
            (checked != Some(Checked::Bad)).then(|| Revoked {
                at,
                list: list.issuer.clone(),
                is_verified: checked == Some(Checked::Good),
            })
        })
    }
}

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// When, in seconds since 1970.
    pub at: i64,
    /// The issuer of the list.
    pub list: String,
    /// The list's signature was checked.
    pub is_verified: bool,
}

fn read(bytes: &[u8], certificates: &mut Vec<Certificate>, lists: &mut Vec<Crl>) -> Added {
    let mut added = Added::default();
    for object in pem::objects(bytes) {
        let der = object.der.as_deref();
        let as_certificate = || der.and_then(|der| Certificate::parse(der).ok());
        let as_list = || der.and_then(|der| Crl::parse(der).ok());
        let (certificate, list) = match object.label {
            Label::Certificate => (as_certificate(), None),
            Label::Crl => (None, as_list()),
            Label::Unlabelled => (as_certificate(), as_list()),
            Label::Other => continue,
        };
        added.certificates += usize::from(certificate.is_some());
        added.lists += usize::from(list.is_some());
        added.unreadable += usize::from(certificate.is_none() && list.is_none());
        certificates.extend(certificate);
        lists.extend(list);
    }
    added
}

/// A path as it is looked up: the host's case does not matter.
fn key(path: &str) -> String {
    match path.split_once('/') {
        Some((host, rest)) => format!("{}/{rest}", host.to_ascii_lowercase()),
        None => path.to_owned(),
    }
}

/// The parts of a URL that say where a certificate is.
#[derive(Clone, Copy, Debug)]
pub struct Location<'a> {
    /// `https`, in the case it was sent.
    pub scheme: &'a str,
    /// Before the `@`, if there is one.
    pub user: Option<&'a str>,
    /// Without port.
    pub host: &'a str,
    /// As sent; `None` where there is none or it is no number.
    pub port: Option<u16>,
    /// Without the first `/`, query and fragment.
    pub path: &'a str,
    /// Something stands behind a `?` or `#`.
    pub has_query: bool,
}

impl<'a> Location<'a> {
    /// Reads `scheme://host/path`.
    pub fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (rest, query) = rest.split_at_checked(end)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host_port) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let is_v6 = host_port.ends_with(']');
        let (host, port) = match host_port.rsplit_once(':') {
            Some((host, port)) if !is_v6 => (host, port.parse().ok()),
            _ => (host_port, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then_some(Self {
            scheme,
            user,
            host,
            port,
            path,
            has_query: !query.is_empty(),
        })
    }

    fn without_port(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    fn whole(&self) -> String {
        self.port.map_or_else(
            || self.without_port(),
            |port| format!("{}:{port}/{}", self.host, self.path),
        )
    }

    /// The last part of the path.
    pub fn name(&self) -> &'a str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    fn is_host(&self, folder: &str) -> bool {
        let folder = folder.split(':').next().unwrap_or(folder);
        folder.eq_ignore_ascii_case(self.host)
    }
}
