//! The Standard Webhooks project's own library accepts what we sign, where it is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::slice;

use domain::webhook::{ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER, signature_header};
use runtime::Clock;
use serde_json::json;

/// The verdict of the library on webhooks; `None` where it, or Python, is not installed.
fn verdicts(cases: &[serde_json::Value]) -> Option<Vec<String>> {
    let python = std::env::var("TURNPIKE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/verify.py");
    let started = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = started.ok()?;
    let mut input = child.stdin.take().unwrap();
    for case in cases {
        // It may have ended already, for want of the library.
        let _ = writeln!(input, "{case}");
    }
    drop(input);
    let ended = child.wait_with_output().unwrap();
    if ended.status.code() == Some(3) {
        return None;
    }
    assert!(ended.status.success(), "{ended:?}");
    Some(
        String::from_utf8(ended.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect(),
    )
}

#[test]
fn the_specifications_own_library_accepts_our_signatures_during_a_rotation_too() {
    let (old, new, other) = (Secret::new(&[1; 32]), Secret::new(&[2; 32]), Secret::new(&[3; 32]));
    let (id, now, body) = (
        "acme-7",
        Clock::system().now().timestamp(),
        r#"{"id":"acme-7","type":"message.read"}"#,
    );
    let case = |signed_with: &[Secret], verified_with: &Secret, timestamp: i64, body_seen: &str| {
        let headers = json!({ID_HEADER: id, TIMESTAMP_HEADER: timestamp.to_string(),
            SIGNATURE_HEADER: signature_header(signed_with, id, timestamp, body.as_bytes())});
        json!({"secret": verified_with.reveal(), "headers": headers, "body": body_seen})
    };
    let both = [new.clone(), old.clone()];
    let cases = [
        case(slice::from_ref(&old), &old, now, body),
        case(&both, &old, now, body),
        case(&both, &new, now, body),
        case(&both, &other, now, body),
        case(slice::from_ref(&new), &old, now, body),
        case(&both, &new, now, &body.replace("read", "sent")),
        case(&both, &new, now - 600, body),
    ];

    let Some(verdicts) = verdicts(&cases) else {
        println!(
            "standardwebhooks is not installed for Python, so only the fixed vectors of domain::webhook were checked"
        );
        return;
    };

    let accepted: Vec<bool> = verdicts.iter().map(|verdict| verdict == "accepted").collect();
    assert_eq!(accepted, [true, true, true, false, false, false, false], "{verdicts:?}");
    println!(
        "the library of the specification gave the right verdict on {} webhooks",
        verdicts.len()
    );
}
