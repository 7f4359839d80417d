//! Files at the door: every row of the table of types and sizes at its limit and one byte over, by content and not by name.

use domain::media::Format;
use serde_json::{Value, json};
use testkit::seed::{self, Choice};

use crate::client::Answer;
use crate::rig::{MESSAGES, Rig};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0";

async fn upload(rig: &Rig, name: &str, mime: &str, file: &[u8]) -> Answer {
    let path = format!("/api/v1/media?filename={name}");
    rig.request("POST", &path)
        .header("content-type", mime)
        .body(file)
        .send()
        .await
}

/// The beginning of a file, made longer.
fn of_size(beginning: &[u8], size: usize) -> Vec<u8> {
    let mut file = beginning.to_vec();
    file.resize(size, b'x');
    file
}

#[tokio::test]
async fn each_kind_is_taken_at_its_limit_and_refused_one_byte_over() {
    let rig = Rig::start().await;
    // 100 MB documents go through whole programs, in tests/it; each single format is told apart in domain.
    for (name, mime, beginning, kind) in [
        ("a.jpg", "image/jpeg", &b"\xff\xd8\xff\xe0\0\x10JFIF"[..], "image"),
        ("a.png", "image/png", PNG, "image"),
        ("a.mp4", "video/mp4", b"\0\0\0\x18ftypisom\0\0\x02\0", "video"),
        ("a.mp3", "audio/mpeg", b"ID3\x04\0", "audio"),
        ("a.webp", "image/webp", b"RIFF\0\0\0\0WEBPVP8 ", "sticker"),
    ] {
        let limit = usize::try_from(Format::of_name(name).unwrap().limit()).unwrap();

        let taken = upload(&rig, name, mime, &of_size(beginning, limit)).await.data(201);
        let over = upload(&rig, name, mime, &of_size(beginning, limit + 1)).await;

        assert_eq!(
            (&taken["type"], &taken["mime_type"]),
            (&json!(kind), &json!(mime)),
            "{taken}"
        );
        assert_eq!(taken["size"], limit);
        let error = over.error(413, "PAYLOAD_TOO_LARGE");
        assert_eq!(error["details"]["limit_bytes"], limit, "{error}");
    }
    let left = rig
        .database
        .store
        .raw("SELECT count(*) AS n FROM media WHERE sha256 IS NULL")
        .await
        .unwrap();
    assert_eq!(left[0]["n"], 0, "nothing is left of what was refused");
    rig.finish().await;
}

#[tokio::test]
async fn the_content_counts_and_not_the_name() {
    let rig = Rig::start().await;

    let picture = upload(&rig, "photo.jpg", "image/jpeg", PNG).await.data(201);
    assert_eq!(
        picture["mime_type"], "image/png",
        "it is what it is, and goes out under its right type"
    );
    let document = upload(&rig, "invoice.pdf", "application/pdf", b"Dear Ana,")
        .await
        .error(422, "VALIDATION_ERROR");
    assert_eq!(document["details"]["expected"], "text/plain", "{document}");
    let text = upload(&rig, "note.txt", "text/plain", b"Dear Ana,").await.data(201);
    assert_eq!(text["type"], "document");
    let program = upload(&rig, "a.exe", "application/octet-stream", b"MZ\x90\0")
        .await
        .error(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(program["details"]["found"], "a program");
    upload(&rig, "a.txt", "text/plain", b"")
        .await
        .error(422, "VALIDATION_ERROR");
    upload(&rig, "..%2Fa.txt", "text/plain", b"a")
        .await
        .error(422, "VALIDATION_ERROR");
    rig.finish().await;
}

#[tokio::test]
async fn a_form_and_plain_bytes_are_the_same_file_and_the_same_file_is_kept_once() {
    let rig = Rig::start().await;
    let plain = upload(&rig, "photo.png", "image/png", PNG).await.data(201);
    let part = b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"other.png\"\r\ncontent-type: image/png\r\n\r\n";
    let form = [part.as_slice(), PNG, b"\r\n--x--\r\n"].concat();

    let again = rig
        .request("POST", "/api/v1/media")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(form)
        .send()
        .await
        .data(200);

    assert_eq!(again["media_id"], plain["media_id"]);
    let without = rig
        .request("POST", "/api/v1/media")
        .header("content-type", "multipart/form-data; boundary=x")
        .body("--x--\r\n");
    without.send().await.error(422, "VALIDATION_ERROR");
    let broken = rig
        .request("POST", "/api/v1/media")
        .header("content-type", "multipart/form-data; boundary=x")
        .body("no form");
    broken.send().await.error(400, "INVALID_BODY");
    rig.finish().await;
}

#[tokio::test]
async fn messages_name_files_that_are_there_and_of_the_right_kind_and_links_that_are_public() {
    let rig = Rig::with_policy(Choice::default(), "").await;
    let file = upload(&rig, "photo.png", "image/png", PNG).await.data(201)["media_id"].clone();
    let neighbour = rig.neighbour().await;
    let message = |kind: &str, object: Value| json!({"to": seed::recipient(1), "type": kind, kind: object});
    let refused = async |body: &Value, field: &str| {
        let error = rig.post(MESSAGES, body).await.error(422, "VALIDATION_ERROR");
        assert_eq!(error["details"]["field"], field, "{error}");
    };

    // The window is closed, which is another no, and comes after.
    rig.post(MESSAGES, &message("image", json!({"id": file})))
        .await
        .error(422, "GATE_REFUSED");
    refused(&message("document", json!({"id": file})), "document.id").await;
    refused(
        &message("image", json!({"id": "med_00000000000000000000000000000000"})),
        "image.id",
    )
    .await;
    refused(
        &message("image", json!({"link": "http://169.254.169.254/latest/meta-data"})),
        "image.link",
    )
    .await;
    refused(
        &message("image", json!({"link": "https://localhost/a.png"})),
        "image.link",
    )
    .await;
    let details = crate::client::Request::new(
        rig.addr,
        "GET",
        &format!("/api/v1/media/{}/details", file.as_str().unwrap()),
    )
    .header("x-api-key", &neighbour.api_key)
    .send()
    .await;
    details.error(404, "NOT_FOUND");
    let path = format!("/api/v1/media/{}", file.as_str().unwrap());
    rig.request("DELETE", &path).send().await.data(200);
    refused(&message("image", json!({"id": file})), "image.id").await;
    rig.finish().await;
}
