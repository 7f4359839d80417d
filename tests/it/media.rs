//! Files: uploaded once, however many messages name them; again when Meta has forgotten them; in little memory, however large.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::Inbound;
use testkit::seed::{Choice, recipient};
use testkit::stack::{Plan, Stack};

const PATIENCE: Duration = Duration::from_secs(90);
const MB: usize = 1024 * 1024;

async fn start(senders: usize) -> Stack {
    let plan = Plan {
        tenant: Choice::default(),
        // An id that Meta never gave, or gave to another number, is refused.
        simulator: Some(json!({"media": {"strict_ids": true}})),
        ..Plan::default()
    };
    Stack::start(plan, senders).await.unwrap()
}

fn png() -> Vec<u8> {
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        [0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0].as_slice(),
        &[7; 40_000],
    ]
    .concat()
}

/// Takes a file in; its id.
async fn upload(stack: &Stack, name: &str, mime: &str, file: Vec<u8>) -> String {
    let (status, answer) = stack
        .upload(&format!("/api/v1/media?filename={name}"), mime, file)
        .await
        .unwrap();
    assert_eq!(status, 201, "{answer}");
    answer["data"]["media_id"].as_str().unwrap().to_owned()
}

/// A template with a picture above its text.
async fn template_with_picture(stack: &Stack) {
    let components = json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Look at this."}]);
    let sql = format!(
        "INSERT INTO template (waba_id, name, language, category, status, parameter_format, components) \
         SELECT id, 'picture', 'en_US', 1, 'APPROVED', 'POSITIONAL', '{components}'::jsonb FROM waba"
    );
    stack.database.store.raw(&sql).await.unwrap();
}

async fn send(stack: &Stack, to: usize, kind: &str, object: Value) {
    let body = json!({"to": recipient(to), "type": kind, kind: object});
    let (status, answer) = stack.post("/api/v1/messages/whatsapp", &body).await.unwrap();
    assert_eq!(status, 202, "{answer}");
}

async fn open_window(stack: &Stack, with: usize) {
    stack
        .meta
        .inbound(&Inbound::text(&stack.tenant.phone_number_id, recipient(with), "hello"))
        .unwrap();
    testkit::until(PATIENCE, "the window to open", async || {
        let path = format!(
            "/api/v1/messages/whatsapp/window-status?to={}",
            recipient(with).replace('+', "%2B")
        );
        let (_, answer) = stack.get(&path).await.ok()?;
        answer["data"]["within_window"].as_bool()?.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_uploaded_once_for_a_broadcast_and_again_when_meta_has_forgotten_it() {
    let _turn = testkit::shared();
    let stack = start(2).await;
    template_with_picture(&stack).await;
    let file = upload(&stack, "photo.jpg", "image/jpeg", png()).await;
    let recipients: Vec<Value> = (0..256).map(|n| json!({"to": recipient(n)})).collect();
    let body = json!({"recipients": recipients, "template_name": "picture", "template_language": "en_US",
        "template_params": {"header": {"id": file}}});

    let (status, answer) = stack.post("/api/v1/messages/whatsapp/broadcast", &body).await.unwrap();

    assert_eq!(status, 200, "{answer}");
    stack.until_accepted(256, PATIENCE).await;
    let report = stack.meta.report();
    assert_eq!(
        (report.media.uploaded, report.media.refused),
        (1, 0),
        "{}",
        stack.logs()
    );
    assert_eq!(report.accepted, 256);
    assert!(report.duplicates == Default::default(), "{:?}", report.duplicates);

    // Thirty days later.
    stack.meta.expire_media();
    let body = json!({"recipients": [{"to": recipient(300)}], "template_name": "picture", "template_language": "en_US",
        "template_params": {"header": {"id": file}}});
    let (status, answer) = stack.post("/api/v1/messages/whatsapp/broadcast", &body).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    stack.until_accepted(257, PATIENCE).await;
    let report = stack.meta.report();
    assert_eq!(
        report.refused.get(&131_053),
        Some(&1),
        "it was tried under the old id, and refused"
    );
    assert_eq!(report.media.uploaded, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_pass_through_in_little_memory() {
    let _turn = testkit::shared();
    let stack = start(1).await;
    open_window(&stack, 1).await;
    // What a first file costs once: connections, buffers, code.
    let small = upload(
        &stack,
        "a.pdf",
        "application/pdf",
        [b"%PDF-1.7\n".as_slice(), &[1; 2 * MB]].concat(),
    )
    .await;
    send(&stack, 1, "document", json!({"id": small, "filename": "a.pdf"})).await;
    stack.until_accepted(1, PATIENCE).await;
    let before = peaks(&stack);

    let mut file = vec![2; 100 * MB];
    file[..9].copy_from_slice(b"%PDF-1.7\n");
    let large = upload(&stack, "b.pdf", "application/pdf", file.clone()).await;
    send(&stack, 1, "document", json!({"id": large, "filename": "b.pdf"})).await;
    stack.until_accepted(2, PATIENCE).await;

    let report = stack.meta.report();
    assert_eq!(report.media.bytes as usize, 102 * MB + 9);
    for ((role, before), (_, after)) in before.iter().zip(peaks(&stack)) {
        let grown = (after - before) / 1024;
        println!(
            "{role}: {} MB before, {} MB at most, grown by {grown} MB",
            before / 1024,
            after / 1024
        );
        assert!(grown < 16, "{role} grew by {grown} MB");
    }
    file.push(3);
    let (status, answer) = stack
        .upload("/api/v1/media?filename=c.pdf", "application/pdf", file)
        .await
        .unwrap();
    assert_eq!(
        (status, answer["error"]["code"].as_str()),
        (413, Some("PAYLOAD_TOO_LARGE")),
        "{answer}"
    );
    assert_eq!(answer["error"]["details"]["limit_bytes"], 100 * MB);
}

/// The most memory that each role ever had, in kilobytes.
fn peaks(stack: &Stack) -> Vec<(&'static str, u64)> {
    let roles = ["ingest", "scheduler", "receipts", "sender"];
    let peak = |id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    let programs = roles.into_iter().zip(&stack.programs);
    programs.map(|(role, program)| (role, peak(program.id()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_as_they_went_in_ones_own_and_those_that_people_sent() {
    let _turn = testkit::shared();
    let stack = start(1).await;
    let file = upload(&stack, "photo.png", "image/png", png()).await;

    let (mime, bytes) = stack.download(&format!("/api/v1/media/{file}")).await.unwrap();
    assert_eq!((mime.as_str(), bytes), ("image/png", png()));
    let (_, details) = stack.get(&format!("/api/v1/media/{file}/details")).await.unwrap();
    assert_eq!(details["data"]["filename"], "photo.png", "{details}");

    let theirs = stack
        .meta
        .inbound_media(&stack.tenant.phone_number_id, "image/jpeg", b"from a person".to_vec());
    let (mime, bytes) = stack.download(&format!("/api/v1/media/{theirs}")).await.unwrap();
    assert_eq!(
        (mime.as_str(), bytes.as_slice()),
        ("image/jpeg", b"from a person".as_slice())
    );
    let foreign = stack.meta.inbound_media("2999999", "image/jpeg", b"not ours".to_vec());
    let (status, answer) = stack.get(&format!("/api/v1/media/{foreign}")).await.unwrap();
    assert_eq!(status, 404, "{answer}");
}
