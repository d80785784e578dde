//! Certs: the certificates and the trust list known before the run.
//!
//! In: `--certs` and `--trust`. Out: a [`Store`], and what is worth a warning. What was named and
//! cannot be read is an error; files of the folder that are none of ours (notes, keys) are passed
//! over. Folders below are read too; links are followed, and depth, files and bytes are capped.
//! Nothing is ever fetched.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::limits::Limits;
use crate::stir::Store;

/// Folders below one another; `DIR/host/path` rarely has more than four.
const DEEPEST: usize = 16;

/// What was read.
#[derive(Default)]
pub(super) struct Loaded {
    /// Certificates, revocation lists, trust.
    pub(super) store: Store,
    /// What could not be used, a line each.
    pub(super) warnings: Vec<String>,
}

/// Reads what was named.
pub(super) fn read(
    certs: Option<&Path>,
    trust: Option<&Path>,
    limits: &Limits,
) -> anyhow::Result<Loaded> {
    let mut loaded = Loaded::default();
    if let Some(folder) = certs {
        let mut found = Found::default();
        loaded.store.name_place();
        found
            .folder(folder, limits, &mut Vec::new())
            .with_context(|| format!("cannot read {}", folder.display()))?;
        loaded.files(folder, found, limits);
        if loaded.store.is_empty() {
            let folder = folder.display();
            loaded
                .warnings
                .push(format!("{folder}: there is no certificate in it"));
        }
    }
    if let Some(path) = trust {
        let shown = path.display();
        let bytes = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
        let added = loaded.store.trust(&bytes);
        if added.certificates == 0 {
            anyhow::bail!("{shown}: there is no certificate in it");
        }
        if added.unreadable > 0 {
            let many = added.unreadable;
            loaded.warnings.push(format!(
                "{shown}: {many} of its certificates cannot be read"
            ));
        }
    }
    Ok(loaded)
}

/// The files of a folder, by path.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    is_capped: bool,
}

impl Found {
    /// Below `above`, the folders on the way here by their true names: one that links back to one
    /// of them is not read again.
    fn folder(
        &mut self,
        folder: &Path,
        limits: &Limits,
        above: &mut Vec<PathBuf>,
    ) -> std::io::Result<()> {
        let own = fs::canonicalize(folder)?;
        if above.contains(&own) {
            return Ok(());
        }
        if above.len() > DEEPEST {
            self.is_capped = true;
            return Ok(());
        }
        let mut entries = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()?;
        entries.sort();
        above.push(own);
        for path in entries {
            if self.files.len() >= limits.certificate_files {
                self.is_capped = true;
                break;
            }
            if path.is_dir() {
                // A folder that cannot be read hides its own files only.
                self.folder(&path, limits, above).unwrap_or_default();
            } else if path.is_file() {
                self.files.push(path);
            }
        }
        above.pop();
        Ok(())
    }
}

impl Loaded {
    fn files(&mut self, folder: &Path, found: Found, limits: &Limits) {
        let mut left = u64::try_from(limits.certificate_bytes).unwrap_or(u64::MAX);
        let mut is_capped = found.is_capped;
        for path in found.files {
            // One that is too large, as a capture that lies there, does not hide those behind it.
            if fs::metadata(&path).is_ok_and(|about| about.len() > left) {
                is_capped = true;
                continue;
            }
            let mut bytes = Vec::new();
            let opened = fs::File::open(&path);
            let read = opened.and_then(|file| file.take(left + 1).read_to_end(&mut bytes));
            if let Err(error) = read {
                self.warnings.push(format!("{}: {error}", path.display()));
                continue;
            }
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if size > left {
                is_capped = true;
                break;
            }
            if !is_certificate_file(&bytes) {
                continue;
            }
            left -= size;
            let name = path.strip_prefix(folder).unwrap_or(&path);
            let added = self.store.add(&name.to_string_lossy(), &bytes);
            if added.unreadable > 0 {
                self.warnings.push(format!(
                    "{}: {} of its certificates and lists cannot be read",
                    path.display(),
                    added.unreadable
                ));
            }
        }
        if is_capped {
            self.warnings.push(format!(
                "{}: more files or bytes than are read; the rest was passed over",
                folder.display()
            ));
        }
    }
}

/// PEM with a certificate or list in it, or what may be DER.
fn is_certificate_file(bytes: &[u8]) -> bool {
    let has = |text: &[u8]| memchr::memmem::find(bytes, text).is_some();
    has(b"-----BEGIN CERTIFICATE")
        || has(b"-----BEGIN X509 C")
        || has(b"-----BEGIN TRUSTED C")
        || bytes.starts_with(&[0x30, 0x82])
        || bytes.starts_with(&[0x30, 0x81])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn sample(name: &str) -> Vec<u8> {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/certs");
        fs::read(samples.join(name)).unwrap()
    }

    #[test]
    fn certificates_of_all_folders_below_are_found_under_their_path() {
        let pem = sample("certs.example.net/carrier-a/2026.pem");
        let folder = folder(&[
            ("certs.example.net/carrier-a/2026.pem", &pem),
            ("README", b"notes"),
            ("key.pem", b"-----BEGIN PRIVATE KEY-----"),
        ]);
        let loaded = read(Some(folder.path()), None, &Limits::default()).unwrap();
        assert_eq!(loaded.warnings, Vec::<String>::new());
        let x5u = "https://certs.example.net/carrier-a/2026.pem";
        let found = loaded.store.candidates(x5u);
        assert_eq!(found[0].path, "certs.example.net/carrier-a/2026.pem");
        assert!(!loaded.store.has_trust());
    }

    #[test]
    fn a_folder_or_list_that_cannot_be_read_or_is_empty_is_told() {
        let empty = folder(&[("README", b"notes")]);
        let limits = Limits::default();
        let loaded = read(Some(empty.path()), None, &limits).unwrap();
        assert!(loaded.warnings[0].ends_with("there is no certificate in it"));
        let absent = empty.path().join("absent");
        assert!(read(Some(&absent), None, &limits).is_err());
        assert!(read(None, Some(&absent), &limits).is_err());
        assert!(read(None, Some(&empty.path().join("README")), &limits).is_err());
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_a_warning() {
        let pem = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let folder = folder(&[("a.pem", pem)]);
        let loaded = read(Some(folder.path()), None, &Limits::default()).unwrap();
        assert!(loaded.warnings[0].contains("a.pem: 1 of its certificates"));
    }

    #[test]
    fn files_and_bytes_are_capped_and_that_is_told() {
        let pem = sample("sti-ca.pem");
        let folder = folder(&[("a.pem", &pem), ("b.pem", &pem)]);
        let few = Limits {
            certificate_files: 1,
            ..Limits::default()
        };
        let small = Limits {
            certificate_bytes: pem.len(),
            ..Limits::default()
        };
        for limits in [few, small] {
            let loaded = read(Some(folder.path()), None, &limits).unwrap();
            assert_eq!(loaded.store.files(), 1);
            assert!(loaded.warnings[0].contains("the rest was passed over"));
        }
    }

    #[test]
    fn a_file_that_is_too_large_does_not_hide_those_behind_it() {
        let pem = sample("sti-ca.pem");
        let folder = folder(&[("a.pcap", &vec![0; pem.len() + 1]), ("b.pem", &pem)]);
        let limits = Limits {
            certificate_bytes: pem.len(),
            ..Limits::default()
        };
        let loaded = read(Some(folder.path()), None, &limits).unwrap();
        assert_eq!(loaded.store.files(), 1);
        assert!(loaded.warnings[0].contains("the rest was passed over"));
    }

    #[cfg(unix)]
    #[test]
    fn folders_that_link_back_to_themselves_are_read_once() {
        let pem = sample("sti-ca.pem");
        let folder = folder(&[("a.pem", &pem)]);
        for name in ["x", "y", "z"] {
            std::os::unix::fs::symlink(folder.path(), folder.path().join(name)).unwrap();
        }
        let loaded = read(Some(folder.path()), None, &Limits::default()).unwrap();
        assert_eq!((loaded.store.files(), loaded.warnings.len()), (1, 0));
    }

    #[test]
    fn a_trust_list_is_read() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/certs/sti-ca.pem");
        let loaded = read(None, Some(&samples), &Limits::default()).unwrap();
        assert!(loaded.store.has_trust() && loaded.warnings.is_empty());
    }
}
