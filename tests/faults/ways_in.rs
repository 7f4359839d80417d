//! The links into the pipeline: between a customer and the API, and between Meta and the webhook endpoint.

use serde_json::json;
use testkit::history::Expectations;
use testkit::proxy::{Ending, Ends, Faults, Proxy, Way};
use testkit::seed;

use super::{Run, pace};

fn reset_after(after: u64) -> Way {
    let how = Ending::Reset;
    Way {
        ends: Some(Ends { after, how }),
        ..Way::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_repeated_under_its_key_is_one_message_wherever_its_connection_broke() {
    let _turn = testkit::shared();
    let mut run = Run::start(pace(500), 1).await.unwrap();
    let (proxy, api) = Proxy::before(&run.stack.api).await.unwrap();

    let (mut unanswered, mut first_tries) = (0, 0);
    for n in 0..200_usize {
        let body = json!({"to": seed::recipient(n), "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}});
        let key = format!("order-{n}");
        // Somewhere in the request, then somewhere in the answer; some of these places lie behind its end.
        let after = (n as u64 * 7) % 600;
        proxy
            .set(match n % 2 {
                0 => Faults {
                    to_upstream: reset_after(after),
                    ..Faults::default()
                },
                _ => Faults {
                    to_client: reset_after(after),
                    ..Faults::default()
                },
            })
            .await;
        let mut told = run.client.try_send(&run.stack, &api, &key, &body).await.unwrap();
        if told.is_some() {
            first_tries += 1;
        } else {
            unanswered += 1;
            proxy.heal().await;
        }
        while told.is_none() {
            told = run.client.try_send(&run.stack, &api, &key, &body).await.unwrap();
        }
    }

    assert!(
        unanswered > 20 && first_tries > 20,
        "{unanswered} requests broke, {first_tries} did not"
    );
    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_over_a_link_that_breaks_again_and_again_are_all_applied() {
    let _turn = testkit::exclusive();
    let mut run = Run::start(pace(300), 1).await.unwrap();
    let (proxy, api) = Proxy::before(&run.stack.api).await.unwrap();
    let through =
        json!({"webhook_url": format!("{api}/webhooks/meta"), "webhooks": {"retry_first_ms": 20, "timeout_ms": 1000}});
    run.stack.meta.patch_config(&through).unwrap();

    run.load(1000).await.unwrap();
    for round in 0..8 {
        run.until_posted(100 * (round + 1)).await.unwrap();
        proxy
            .set(match round % 3 {
                0 => Faults {
                    to_upstream: reset_after(500 + 1000 * round),
                    ..Faults::default()
                },
                // The webhook is kept, and Meta does not hear of it: it comes again.
                1 => Faults {
                    to_client: reset_after(10),
                    ..Faults::default()
                },
                _ => Faults {
                    to_upstream: Way {
                        stalled: true,
                        ..Way::default()
                    },
                    ..Faults::default()
                },
            })
            .await;
        let before = run.stack.meta.report().webhooks.posts_failed;
        let failed = run
            .stack
            .meta
            .wait_for(super::PATIENCE, |report| report.webhooks.posts_failed > before)
            .await;
        assert!(
            failed.is_ok(),
            "no webhook failed in round {round}: {:?}",
            proxy.tally()
        );
        proxy.heal().await;
    }

    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
}
