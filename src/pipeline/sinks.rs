//! Sinks: where a run's results go while it goes on.

use std::io;

use crate::findings::annotate::Annotated;
use crate::ladder::Passed;
use crate::report::{project, view};
use crate::units::Timestamp;

/// Where a run's results go.
pub(super) struct Sinks<'a> {
    /// Annotated responses; an error ends the run.
    pub(super) each: &'a mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
    /// Every message, as it was judged.
    pub(super) messages: &'a mut dyn FnMut(&Passed<'_>),
}

/// Where annotated responses go; remembers the first error and then takes no more.
pub(super) struct Responses<'a> {
    pub(super) each: &'a mut dyn FnMut(&view::Response<'_>) -> io::Result<()>,
    pub(super) messages: &'a mut dyn FnMut(&Passed<'_>),
    /// Inputs by [`crate::units::FileIndex`], as they were named.
    pub(super) paths: &'a [String],
    pub(super) capture_start: Option<Timestamp>,
    pub(super) error: Option<io::Error>,
}

impl Responses<'_> {
    pub(super) fn push(&mut self, response: &Annotated<'_>) {
        if self.error.is_none() {
            let path = self.paths.get(usize::from(response.at.file.0));
            let path = path.map_or("", String::as_str);
            let response = project::response(response, path, self.capture_start);
            self.error = (self.each)(&response).err();
        }
    }
}
