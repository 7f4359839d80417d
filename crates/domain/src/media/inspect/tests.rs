use proptest::prelude::*;

use super::*;

/// The beginning of a file of a format; enough of it to be one.
fn sample(format: Format) -> Vec<u8> {
    let packed = |name: &str| {
        [
            b"PK\x03\x04".as_slice(),
            &[0; 26],
            b"[Content_Types].xml",
            &[7; 600],
            name.as_bytes(),
        ]
        .concat()
    };
    let compound = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [
            &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1],
            [0; 1600].as_slice(),
            &wide,
        ]
        .concat()
    };
    match format {
        Format::Jpeg => b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec(),
        Format::Png => [
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            [0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0].as_slice(),
        ]
        .concat(),
        Format::Mp4 => b"\0\0\0\x18ftypisom\0\0\x02\0".to_vec(),
        Format::ThreeGpp => b"\0\0\0\x18ftyp3gp5".to_vec(),
        Format::Aac => b"\xff\xf1\x50\x80".to_vec(),
        Format::Amr => b"#!AMR\n\x3c".to_vec(),
        Format::Mp3 => b"ID3\x04\0".to_vec(),
        Format::M4a => b"\0\0\0\x18ftypM4A ".to_vec(),
        Format::Ogg => [b"OggS".as_slice(), &[0; 24], b"OpusHead\x01\x01"].concat(),
        Format::Webp => b"RIFF\0\0\0\0WEBPVP8 ".to_vec(),
        Format::AnimatedWebp => b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0".to_vec(),
        Format::Text => "Grüße an alle".as_bytes().to_vec(),
        Format::Pdf => b"%PDF-1.7\n".to_vec(),
        Format::Doc => compound("WordDocument"),
        Format::Docx => packed("word/document.xml"),
        Format::Xls => compound("Workbook"),
        Format::Xlsx => packed("xl/workbook.xml"),
        Format::Ppt => compound("PowerPoint Document"),
        Format::Pptx => packed("ppt/presentation.xml"),
    }
}

fn inspect<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Inspected, NotMedia> {
    let mut inspector = Inspector::default();
    for piece in pieces {
        inspector.push(piece)?;
    }
    inspector.finish()
}

/// A sample made longer, of exactly so many bytes, looked at in pieces as they come from a network.
fn of_size(format: Format, size: u64) -> Result<Inspected, NotMedia> {
    let sample = sample(format);
    let filling = [b'x'; 64 * 1024];
    let mut inspector = Inspector::default();
    inspector.push(&sample)?;
    let mut left = size - sample.len() as u64;
    while left > 0 {
        let piece = &filling[..usize::try_from(left).unwrap_or(usize::MAX).min(filling.len())];
        inspector.push(piece)?;
        left -= piece.len() as u64;
    }
    inspector.finish()
}

#[test]
fn each_format_is_known_by_its_content() {
    for format in Format::ALL {
        let sample = sample(format);
        let size = sample.len() as u64;
        assert_eq!(inspect([sample.as_slice()]), Ok(Inspected { format, size }));
    }
}

#[test]
fn each_format_is_taken_at_its_limit_and_refused_one_byte_over() {
    for format in Format::ALL {
        let limit = format.limit();
        assert_eq!(
            of_size(format, limit),
            Ok(Inspected { format, size: limit }),
            "{format:?}"
        );
        let over = NotMedia::TooLarge {
            kind: format.kind(),
            mime: format.mime(),
            limit,
        };
        assert_eq!(of_size(format, limit + 1), Err(over), "{format:?}");
    }
}

#[test]
fn the_limits_are_those_of_the_table() {
    let limits = |kind| {
        let of_kind = Format::ALL.into_iter().filter(move |format| format.kind() == kind);
        let mut limits: Vec<u64> = of_kind.map(Format::limit).collect();
        limits.dedup();
        limits
    };

    assert_eq!(limits(Kind::Image), [5_242_880]);
    assert_eq!(limits(Kind::Video), [16_777_216]);
    assert_eq!(limits(Kind::Audio), [16_777_216]);
    assert_eq!(limits(Kind::Document), [104_857_600]);
    assert_eq!(limits(Kind::Sticker), [102_400, 512_000]);
}

#[test]
fn what_whatsapp_does_not_take_is_named() {
    let ogg = |rest: &[u8]| [b"OggS".as_slice(), &[0; 24], rest].concat();
    for (content, found) in [
        (b"GIF89a".to_vec(), "a GIF"),
        (b"MZ\x90\0".to_vec(), "a program"),
        (b"RIFF\0\0\0\0WAVEfmt ".to_vec(), "a RIFF file"),
        (b"\0\0\0\x18ftypqt  ".to_vec(), "QuickTime"),
        (b"\0\0\0\x18ftypheic".to_vec(), "HEIF"),
        (ogg(b"\x01vorbis"), "Ogg without Opus"),
        (ogg(b"OpusHead\x01\x02"), "more than one channel"),
        (
            [
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
                [0, 0, 0, 1, 0, 0, 0, 1, 16, 6, 0].as_slice(),
            ]
            .concat(),
            "8-bit",
        ),
        (b"PK\x03\x04 an archive of letters".to_vec(), "an archive"),
        (b"\0\x01\x02\x03".to_vec(), "neither a known format nor text"),
        (
            "cut in a letter: ü".as_bytes()[.."cut in a letter: ü".len() - 1].to_vec(),
            "neither",
        ),
    ] {
        let refused = inspect([content.as_slice()]).unwrap_err().to_string();
        assert!(refused.contains(found), "{refused}");
    }
    assert_eq!(inspect([]), Err(NotMedia::Empty));
    assert_eq!(inspect([b"".as_slice()]), Err(NotMedia::Empty));
}

#[track_caller]
fn named(format: Format, name: Option<&str>, mime: Option<&str>, expected: Result<(), &str>) {
    let matches = Inspected { format, size: 1 }.matches(name, mime);
    match (&matches, expected) {
        (Ok(()), Ok(())) => {}
        (Err(error), Err(part)) if error.to_string().contains(part) => {}
        _ => panic!("{matches:?}, expected {expected:?}"),
    }
}

#[test]
fn a_picture_may_be_misnamed_and_a_document_may_not() {
    named(Format::Png, Some("photo.jpg"), Some("image/jpeg"), Ok(()));
    named(Format::Png, Some("photo.JPEG"), None, Ok(()));
    named(Format::Ogg, Some("voice.mp3"), None, Ok(()));
    named(
        Format::Pdf,
        Some("invoice.pdf"),
        Some("application/pdf; charset=binary"),
        Ok(()),
    );
    named(Format::Pdf, None, Some("application/octet-stream"), Ok(()));
    named(Format::Text, Some("list.csv"), Some("text/csv"), Ok(()));
    named(
        Format::Text,
        Some("invoice.pdf"),
        None,
        Err("called application/pdf and contains text/plain"),
    );
    named(Format::Text, None, Some("application/pdf"), Err("contains text/plain"));
    named(Format::Docx, Some("table.xlsx"), None, Err("contains application/vnd"));
    named(
        Format::Pdf,
        Some("photo.jpg"),
        None,
        Err("called image/jpeg and contains application/pdf"),
    );
    named(Format::Mp4, Some("song.mp3"), None, Err("contains video/mp4"));
}

proptest! {
    /// How a file is cut into pieces says nothing about it.
    #[test]
    fn pieces_change_nothing(which in 0..Format::ALL.len(), cuts in proptest::collection::vec(1_usize..700, 1..12)) {
        let format = Format::ALL[which];
        let file = [sample(format), sample(Format::Text).repeat(30)].concat();
        let mut rest = file.as_slice();
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, others) = rest.split_at(rest.len().min(*cut));
            pieces.push(piece);
            rest = others;
        }

        prop_assert_eq!(inspect(pieces), inspect([file.as_slice()]));
        prop_assert_eq!(inspect([file.as_slice()]).map(|inspected| inspected.format), Ok(format));
    }

    #[test]
    fn any_bytes_get_an_answer(file: Vec<u8>, name: String) {
        if let Ok(inspected) = inspect([file.as_slice()]) {
            let _ = inspected.matches(Some(&name), Some(&name));
        }
    }
}
