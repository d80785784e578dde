//! Annotate: the second reading, which copies a capture with its comments.
//!
//! In: a file that was analysed, and the comments gathered on the way. Out: the same capture as
//! pcapng. Frames are numbered as they were in the first reading (`crate::rewrite`).

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::capture::{self, BlockKind};
use crate::limits::Limits;
use crate::report::comments::Placed;
use crate::rewrite::{self, AUTHOR, BlockView, Copied, Edit, Editor, FrameView};

/// Copies the capture at `path` to `out`, which should be buffered, with `comments`.
pub fn annotate(
    path: &Path,
    comments: Placed,
    limits: &Limits,
    out: &mut dyn Write,
) -> Result<Copied, rewrite::Error> {
    let shown = path.to_string_lossy();
    let file = File::open(path).map_err(|source| {
        rewrite::Error::Read(capture::Error::Read {
            path: shown.clone().into_owned(),
            offset_bytes: 0,
            source,
        })
    })?;
    let mut annotator = Annotator {
        comments,
        is_told: false,
    };
    rewrite::copy(file, &shown, limits, out, &mut annotator)
}

struct Annotator {
    comments: Placed,
    /// The capture's head says what was done.
    is_told: bool,
}

impl Editor for Annotator {
    fn frame(&mut self, frame: &FrameView<'_>, edit: &mut Edit) -> io::Result<()> {
        let mut each = |text: &str| edit.comment(text);
        self.comments.of_frame(frame.frame.at.no, &mut each)
    }

    fn block(&mut self, block: &BlockView<'_>, edit: &mut Edit) -> io::Result<()> {
        if block.block.kind == BlockKind::Section && !self.is_told {
            self.is_told = true;
            edit.comment(&format!(
                "annotated by {AUTHOR}: it added comments to packets with SIP responses, and to those of its findings"
            ));
        }
        Ok(())
    }
}
