//! `turnpike simulator` as a process: it says where it listens, and stops when asked to.

use crate::invocation::http;
use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn it_says_where_it_listens_and_stops_in_order() {
    let mut simulator = Running::start(&["simulator", "--listen", "127.0.0.1:0"], &[]);
    let url = simulator.word_after("listening on ");

    let health = http().get(format!("{url}/_sim/health")).send().await.unwrap();
    assert_eq!(health.text().await.unwrap(), r#"{"ok":true}"#);
    let (status, said) = simulator.stop();

    assert!(status.success(), "{status}:\n{said}");
}
