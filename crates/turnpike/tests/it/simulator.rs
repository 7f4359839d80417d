//! `turnpike simulator` as a process: it says where it listens, believes its options and stops when asked to.

use testkit::program::{Program, Settings};

#[tokio::test(flavor = "multi_thread")]
async fn it_says_where_it_listens_and_stops_in_order() {
    let arguments = ["simulator", "--listen", "127.0.0.1:0"];
    let settings = Settings::default().with("TURNPIKE_LOG_FORMAT", "text");
    let running = tokio::task::spawn_blocking(move || Program::start(&arguments, &settings, true))
        .await
        .unwrap()
        .unwrap();

    let health = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let answer = health.get(format!("{}/_sim/health", running.url)).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"ok":true}"#);
    let status = tokio::task::spawn_blocking(move || running.stop())
        .await
        .unwrap()
        .unwrap();

    assert!(status.success(), "{status}");
}
