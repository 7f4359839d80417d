//! What a file is, told from its bytes as they pass by: nothing of the file is kept but its beginning.

use super::{Format, Kind};

/// Bytes at the beginning of a file that tell its format, or its family.
const HEAD: usize = 512;

/// How much of what passed by is looked at again with the next piece, so that a name is found on the seam.
const SEAM: usize = 63;

/// Names that stand unpacked in an Office file, packed (a ZIP) or old (a compound file).
const PACKED: [(&[u8], Format); 3] = [
    (b"word/document.xml", Format::Docx),
    (b"xl/workbook.xml", Format::Xlsx),
    (b"ppt/presentation.xml", Format::Pptx),
];
const COMPOUND: [(&[u8], Format); 3] = [
    (b"W\0o\0r\0d\0D\0o\0c\0u\0m\0e\0n\0t\0", Format::Doc),
    (b"W\0o\0r\0k\0b\0o\0o\0k\0", Format::Xls),
    (
        b"P\0o\0w\0e\0r\0P\0o\0i\0n\0t\0 \0D\0o\0c\0u\0m\0e\0n\0t\0",
        Format::Ppt,
    ),
];

/// A file that WhatsApp takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    /// What it is.
    pub format: Format,
    /// How long it is, in bytes.
    pub size: u64,
}

/// Why WhatsApp does not take a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMedia {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is larger than its format may be.
    #[error("{} files ({}) may have at most {limit} bytes, and this one has more", .kind.as_str(), .mime)]
    TooLarge {
        /// What it is for.
        kind: Kind,
        /// What it is.
        mime: &'static str,
        /// What would have been right.
        limit: u64,
    },
    /// Its content is of no format that WhatsApp takes.
    #[error(
        "the content is none that WhatsApp takes: {found}; send JPEG, PNG, MP4, 3GPP, AAC, AMR, MP3, Ogg Opus, WebP, PDF, text or an Office document"
    )]
    Unknown {
        /// What it looks like.
        found: &'static str,
    },
    /// Its name, or the type it was sent with, speaks of something else than what is in it.
    #[error("it is called {claimed} and contains {found}; correct the name, or the file")]
    Misnamed {
        /// The MIME type that the name speaks of.
        claimed: &'static str,
        /// The MIME type of the content.
        found: &'static str,
    },
}

/// What is known after the beginning.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// Not enough has passed by yet.
    Nothing,
    Format(Format),
    /// A family of formats, told apart by a name that stands somewhere inside.
    Family(&'static [(&'static [u8], Format); 3]),
    /// Text as far as it was read.
    Text,
}

/// Looks at a file piece by piece.
#[derive(Debug)]
pub struct Inspector {
    known: Known,
    /// The beginning, until it is known; then the seam.
    kept: Vec<u8>,
    size: u64,
}

impl Default for Inspector {
    fn default() -> Self {
        Self {
            known: Known::Nothing,
            kept: Vec::with_capacity(HEAD),
            size: 0,
        }
    }
}

impl Inspector {
    /// Looks at the next piece. Fails as soon as it is sure that the file will not do, so that the rest need not be read.
    ///
    /// # Errors
    /// When the file is too large, or is none that WhatsApp takes.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), NotMedia> {
        self.size += piece.len() as u64;
        if matches!(self.known, Known::Nothing) {
            self.kept.extend_from_slice(&piece[..piece.len().min(HEAD)]);
            if self.kept.len() < HEAD {
                return Ok(());
            }
            let head = std::mem::take(&mut self.kept);
            self.begin(&head)?;
            // The beginning again, for what is looked for anywhere; what of it is the piece's own comes with the piece.
            let before = head.len() - piece.len().min(HEAD);
            self.pass(&head[..before])?;
        }
        self.pass(piece)?;
        self.within_limit()
    }

    /// What the whole file is.
    ///
    /// # Errors
    /// When it is none that WhatsApp takes.
    pub fn finish(mut self) -> Result<Inspected, NotMedia> {
        if self.size == 0 {
            return Err(NotMedia::Empty);
        }
        if matches!(self.known, Known::Nothing) {
            let head = std::mem::take(&mut self.kept);
            self.begin(&head)?;
            self.pass(&head)?;
            self.within_limit()?;
        }
        let format = match self.known {
            Known::Format(format) => format,
            Known::Text if self.kept.is_empty() => Format::Text,
            Known::Text => return Err(NotMedia::Unknown { found: NO_TEXT }),
            Known::Family(_) | Known::Nothing => {
                return Err(NotMedia::Unknown {
                    found: "an archive without a document in it",
                });
            }
        };
        Ok(Inspected {
            format,
            size: self.size,
        })
    }

    fn begin(&mut self, head: &[u8]) -> Result<(), NotMedia> {
        self.known = begin(head)?;
        Ok(())
    }

    /// What is looked for anywhere in the file.
    fn pass(&mut self, piece: &[u8]) -> Result<(), NotMedia> {
        match self.known {
            Known::Nothing | Known::Format(_) => {}
            Known::Family(names) => {
                self.kept.extend_from_slice(&piece[..piece.len().min(SEAM)]);
                let found =
                    |name: &[u8]| memchr::memmem::find(&self.kept, name).or_else(|| memchr::memmem::find(piece, name));
                if let Some((_, format)) = names.iter().find(|(name, _)| found(name).is_some()) {
                    self.known = Known::Format(*format);
                    self.kept.clear();
                    return Ok(());
                }
                if piece.len() >= SEAM {
                    self.kept.clear();
                    self.kept.extend_from_slice(&piece[piece.len() - SEAM..]);
                } else {
                    let surplus = self.kept.len().saturating_sub(SEAM);
                    self.kept.drain(..surplus);
                }
            }
            Known::Text => self.text(piece)?,
        }
        Ok(())
    }

    /// UTF-8 without control characters that no text has; a letter on the seam is finished with the next piece.
    fn text(&mut self, mut piece: &[u8]) -> Result<(), NotMedia> {
        let broken = NotMedia::Unknown { found: NO_TEXT };
        while !self.kept.is_empty() {
            let Some((first, rest)) = piece.split_first() else {
                return Ok(());
            };
            self.kept.push(*first);
            piece = rest;
            match std::str::from_utf8(&self.kept) {
                Ok(_) => self.kept.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(broken),
            }
        }
        if piece.contains(&0) {
            return Err(broken);
        }
        match std::str::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                self.kept.extend_from_slice(&piece[error.valid_up_to()..]);
                Ok(())
            }
            Err(_) => Err(broken),
        }
    }

    fn within_limit(&self) -> Result<(), NotMedia> {
        let format = match self.known {
            Known::Format(format) => format,
            // All of them have the same.
            Known::Family(names) => names[0].1,
            Known::Text => Format::Text,
            Known::Nothing => return Ok(()),
        };
        if self.size <= format.limit() {
            return Ok(());
        }
        Err(NotMedia::TooLarge {
            kind: format.kind(),
            mime: format.mime(),
            limit: format.limit(),
        })
    }
}

impl Inspected {
    /// Whether the file is what its name and the type that it was sent with say.
    ///
    /// A picture, film, sound or sticker under the name of another format of its kind is what people see all the same, and goes out
    /// under its right name. A document is opened by its name on the other side, so there it must be right.
    ///
    /// # Errors
    /// When it is something else.
    pub fn matches(&self, name: Option<&str>, mime: Option<&str>) -> Result<(), NotMedia> {
        let claims = [name.and_then(Format::of_name), mime.and_then(Format::of_mime)];
        for claimed in claims.into_iter().flatten() {
            let same = claimed.mime() == self.format.mime();
            let same_kind = claimed.kind() == self.format.kind() && claimed.kind() != Kind::Document;
            if !same && !same_kind {
                return Err(NotMedia::Misnamed {
                    claimed: claimed.mime(),
                    found: self.format.mime(),
                });
            }
        }
        Ok(())
    }
}

const NO_TEXT: &str = "bytes that are neither a known format nor text in UTF-8";

/// What the beginning of a file tells.
fn begin(head: &[u8]) -> Result<Known, NotMedia> {
    let unknown = |found| Err(NotMedia::Unknown { found });
    let known = match head {
        [0xff, 0xd8, 0xff, ..] => Format::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => {
            // IHDR: bits per channel and kind of colour. Meta takes 8-bit RGB and RGBA.
            match (head.get(24), head.get(25)) {
                (Some(8), Some(2 | 6)) => Format::Png,
                _ => return unknown("a PNG that is not 8-bit RGB or RGBA"),
            }
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', chunk @ ..] => {
            let animated = chunk.starts_with(b"VP8X") && chunk.get(8).is_some_and(|flags| flags & 2 != 0);
            if animated { Format::AnimatedWebp } else { Format::Webp }
        }
        [b'R', b'I', b'F', b'F', ..] => return unknown("a RIFF file (WAV, AVI)"),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => return boxes(brand).map(Known::Format),
        [b'#', b'!', b'A', b'M', b'R', b'\n', ..] => Format::Amr,
        [b'O', b'g', b'g', b'S', ..] => match opus_channels(head) {
            Some(1) => Format::Ogg,
            Some(_) => return unknown("Ogg Opus with more than one channel"),
            None => return unknown("Ogg without Opus"),
        },
        [b'I', b'D', b'3', ..] => Format::Mp3,
        // A frame of MPEG audio begins with eleven ones; its layer tells AAC (none) from MP3 (III).
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Format::Aac,
        [0xff, second, ..] if second & 0xe6 == 0xe2 => Format::Mp3,
        [b'%', b'P', b'D', b'F', b'-', ..] => Format::Pdf,
        [b'P', b'K', 3, 4, ..] => return Ok(Known::Family(&PACKED)),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => return Ok(Known::Family(&COMPOUND)),
        [b'G', b'I', b'F', b'8', ..] => return unknown("a GIF"),
        [b'M', b'Z', ..] => return unknown("a program"),
        _ => return Ok(Known::Text),
    };
    Ok(Known::Format(known))
}

/// MP4 and its relatives, by the brand of their first box.
fn boxes(brand: &[u8]) -> Result<Format, NotMedia> {
    let unknown = |found| Err(NotMedia::Unknown { found });
    match brand.get(..4) {
        Some(b"M4A " | b"M4B ") => Ok(Format::M4a),
        Some(b"qt  ") => unknown("a QuickTime film"),
        Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" | b"avif" | b"avis") => unknown("a HEIF picture"),
        Some([b'3', b'g', ..]) => Ok(Format::ThreeGpp),
        Some(_) => Ok(Format::Mp4),
        None => unknown("an MP4 that breaks off"),
    }
}

/// The number of channels in the header of Opus, which is the first packet of an Ogg file with Opus in it.
fn opus_channels(head: &[u8]) -> Option<u8> {
    let at = memchr::memmem::find(head, b"OpusHead")?;
    head.get(at + 9).copied()
}

#[cfg(test)]
mod tests;
