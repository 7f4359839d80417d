//! Files with Meta: handing one over for a sender number, and fetching one that somebody sent.
//!
//! **Invariant:** no file is ever whole in memory: it passes through piece by piece, at the speed of the slower side.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::{Client, Error, lenient};

/// For a whole file, in either direction: 100 MB at a megabit per second.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What stands between the parts of a form. Random enough not to occur in a file.
const BOUNDARY: &str = "turnpike-5f0c1c6e0f3f4d0f8b1e0a6f0c9d7e21";

/// A file on its way to Meta.
#[derive(Debug)]
pub struct NewFile<'a> {
    /// The sender number it is for.
    pub phone_number_id: &'a str,
    /// Its MIME type.
    pub mime: &'a str,
    /// The extension that belongs to the type: Meta compares both.
    pub extension: &'a str,
    /// Its length in bytes; exactly so many must come.
    pub size: u64,
    /// Its pieces, in order. An error breaks the upload off.
    pub pieces: mpsc::Receiver<io::Result<Bytes>>,
}

/// A file on its way from Meta.
#[derive(Debug)]
pub struct Download {
    /// Its MIME type, as Meta says.
    pub mime: String,
    /// Its length in bytes, where it is said.
    pub size: Option<u64>,
    answer: reqwest::Response,
}

impl Download {
    /// The next piece; `None` at the end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        self.answer.chunk().await.map_err(|error| Error::no_answer(&error))
    }
}

impl Client {
    /// Hands a file over. Returns Meta's id of it, which lives for 30 days (see [`domain::media::META_KEEPS`]) and belongs to the number.
    pub async fn upload_media(&self, file: NewFile<'_>, token: &SecretString) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(deserialize_with = "lenient::text")]
            id: String,
        }

        let form = Form::new(&file)?;
        let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={BOUNDARY}"))
            .expect("the boundary is made of letters and digits");
        let form = Form {
            pieces: Some(file.pieces),
            ..form
        };
        let request = self
            .request(Method::POST, &[file.phone_number_id, "media"], &[], token)?
            .header(CONTENT_TYPE, content_type)
            .timeout(PATIENCE)
            .body(reqwest::Body::wrap(form));
        let answer: Answer = self.answer_to(request).await?;
        Ok(answer.id)
    }

    /// Fetches a file that a person sent to this number, by Meta's id of it. Meta checks that it belongs to the number.
    pub async fn download_media(
        &self,
        media_id: &str,
        phone_number_id: &str,
        token: &SecretString,
    ) -> Result<Download, Error> {
        #[derive(Deserialize)]
        struct Answer {
            url: String,
            #[serde(default, deserialize_with = "lenient::optional_text")]
            mime_type: Option<String>,
            #[serde(default, deserialize_with = "lenient::optional_text")]
            file_size: Option<String>,
        }

        let query = [("phone_number_id", phone_number_id)];
        let found: Answer = self.get(&[media_id], &query, token).await?;
        // The token goes along, so the address must be at least as safe as Meta's own.
        let url = Url::parse(&found.url)
            .ok()
            .filter(|url| url.scheme() == "https" || self.is_plain());
        let url = url.ok_or(Error::Unreadable { http_status: 200 })?;
        let answer = self.fetch(url, token, PATIENCE).await?;
        let http_status = answer.status().as_u16();
        if !answer.status().is_success() {
            return Err(Error::Unreadable { http_status });
        }
        Ok(Download {
            mime: found.mime_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
            size: found
                .file_size
                .and_then(|size| size.parse().ok())
                .or_else(|| answer.content_length()),
            answer,
        })
    }

    /// Deletes an uploaded file.
    pub async fn delete_media(&self, media_id: &str, phone_number_id: &str, token: &SecretString) -> Result<(), Error> {
        self.change(
            Method::DELETE,
            &[media_id],
            &[("phone_number_id", phone_number_id)],
            None,
            token,
        )
        .await
    }
}

/// The form that Meta takes a file in, of a length that is known before its pieces are.
struct Form {
    head: Option<Bytes>,
    pieces: Option<mpsc::Receiver<io::Result<Bytes>>>,
    tail: Option<Bytes>,
    length: u64,
}

impl Form {
    fn new(file: &NewFile<'_>) -> Result<Self, Error> {
        let safe = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        if !safe(file.mime) || !safe(file.extension) {
            return Err(Error::Unreadable { http_status: 0 });
        }
        let (mime, extension) = (file.mime, file.extension);
        let field = |name: &str, value: &str| {
            format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let head = [
            field("messaging_product", "whatsapp"),
            field("type", mime),
            format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"file.{extension}\"\r\ncontent-type: {mime}\r\n\r\n"
            ),
        ]
        .concat();
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        Ok(Self {
            length: head.len() as u64 + file.size + tail.len() as u64,
            head: Some(head.into()),
            pieces: None,
            tail: Some(tail.into()),
        })
    }
}

impl Body for Form {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        if let Some(pieces) = &mut self.pieces {
            match pieces.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(piece)) => return Poll::Ready(Some(piece.map(Frame::data))),
                Poll::Ready(None) => self.pieces = None,
            }
        }
        Poll::Ready(self.tail.take().map(|tail| Ok(Frame::data(tail))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
