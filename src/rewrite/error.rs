//! `Error`: why a copy was not completed.

use std::io;

use crate::capture;

/// What stops a copy. Damage inside the capture does not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The capture cannot be read, or not on.
    #[error("cannot read the capture for its copy")]
    Read(#[source] capture::Error),
    /// The copy cannot be written, or the editor failed.
    #[error("cannot write the copy")]
    Write(#[source] io::Error),
}
