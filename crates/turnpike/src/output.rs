//! Data to standard output, talk to standard error, and no colour in either.

mod progress;
mod table;

use std::io::{self, Write as _};

pub(crate) use progress::Progress;
pub(crate) use table::{Rows, fields};

/// One line (or more) of data.
pub(crate) fn data(text: impl AsRef<str>) {
    // A reader that has enough (`| head`) is no error of ours.
    let _ = writeln!(io::stdout().lock(), "{}", text.as_ref().trim_end());
}

/// One line of talk.
pub(crate) fn talk(text: impl AsRef<str>) {
    // Without a terminal there is nobody to talk to.
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref().trim_end());
}
