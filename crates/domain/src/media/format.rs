//! The formats that WhatsApp takes, with Meta's limits (Meta's documentation, "Supported media types").

/// Meta's megabyte and kilobyte.
const MB: u64 = 1024 * 1024;
const KB: u64 = 1024;

/// What a file is for: Meta's word for the message type that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound.
    Audio,
    /// Anything to open in another program.
    Document,
    /// A sticker.
    Sticker,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Image, Self::Video, Self::Audio, Self::Document, Self::Sticker];

    /// Meta's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }

    /// The kind of Meta's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A format that WhatsApp takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is a format of that name")]
pub enum Format {
    Jpeg,
    Png,
    Mp4,
    ThreeGpp,
    Aac,
    Amr,
    Mp3,
    M4a,
    Ogg,
    Webp,
    AnimatedWebp,
    Text,
    Pdf,
    Doc,
    Docx,
    Xls,
    Xlsx,
    Ppt,
    Pptx,
}

/// What is known of a format: kind, MIME type, extensions with the usual one first, limit in bytes.
type Row = (Kind, &'static str, &'static [&'static str], u64);

impl Format {
    /// All formats.
    pub const ALL: [Self; 19] = [
        Self::Jpeg,
        Self::Png,
        Self::Mp4,
        Self::ThreeGpp,
        Self::Aac,
        Self::Amr,
        Self::Mp3,
        Self::M4a,
        Self::Ogg,
        Self::Webp,
        Self::AnimatedWebp,
        Self::Text,
        Self::Pdf,
        Self::Doc,
        Self::Docx,
        Self::Xls,
        Self::Xlsx,
        Self::Ppt,
        Self::Pptx,
    ];

    /// What it is for.
    pub fn kind(self) -> Kind {
        self.row().0
    }

    /// Its MIME type, as Meta writes it.
    pub fn mime(self) -> &'static str {
        self.row().1
    }

    /// Its usual extension, without the dot.
    pub fn extension(self) -> &'static str {
        self.row().2[0]
    }

    /// The largest file, in bytes.
    pub fn limit(self) -> u64 {
        self.row().3
    }

    /// The format that a file's name speaks of.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        let is = |known: &&str| known.eq_ignore_ascii_case(extension);
        Self::ALL.into_iter().find(|format| format.row().2.iter().any(is))
    }

    /// The format of a MIME type.
    pub fn of_mime(mime: &str) -> Option<Self> {
        let mime = mime.split(';').next().unwrap_or_default().trim();
        let is = |format: &Self| format.mime().eq_ignore_ascii_case(mime);
        Self::ALL.into_iter().find(is)
    }

    fn row(self) -> Row {
        use Kind::{Audio, Document, Image, Sticker, Video};
        match self {
            Self::Jpeg => (Image, "image/jpeg", &["jpg", "jpeg", "jpe"], 5 * MB),
            Self::Png => (Image, "image/png", &["png"], 5 * MB),
            Self::Mp4 => (Video, "video/mp4", &["mp4", "m4v"], 16 * MB),
            Self::ThreeGpp => (Video, "video/3gpp", &["3gp", "3gpp"], 16 * MB),
            Self::Aac => (Audio, "audio/aac", &["aac"], 16 * MB),
            Self::Amr => (Audio, "audio/amr", &["amr"], 16 * MB),
            Self::Mp3 => (Audio, "audio/mpeg", &["mp3", "mpga"], 16 * MB),
            Self::M4a => (Audio, "audio/mp4", &["m4a"], 16 * MB),
            Self::Ogg => (Audio, "audio/ogg", &["ogg", "oga", "opus"], 16 * MB),
            Self::Webp => (Sticker, "image/webp", &["webp"], 100 * KB),
            Self::AnimatedWebp => (Sticker, "image/webp", &["webp"], 500 * KB),
            Self::Text => (Document, "text/plain", &["txt", "text"], 100 * MB),
            Self::Pdf => (Document, "application/pdf", &["pdf"], 100 * MB),
            Self::Doc => (Document, "application/msword", &["doc"], 100 * MB),
            Self::Docx => (
                Document,
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                &["docx"],
                100 * MB,
            ),
            Self::Xls => (Document, "application/vnd.ms-excel", &["xls"], 100 * MB),
            Self::Xlsx => (
                Document,
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                &["xlsx"],
                100 * MB,
            ),
            Self::Ppt => (Document, "application/vnd.ms-powerpoint", &["ppt"], 100 * MB),
            Self::Pptx => (
                Document,
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
                &["pptx"],
                100 * MB,
            ),
        }
    }
}
