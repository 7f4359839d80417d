//! Whom an organization does not write to: its own word and the person's word are two things.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::rig::{MESSAGES, Rig, hello, person};

fn path(n: usize) -> String {
    format!("/api/v1/suppressions/{}", person(n).replace('+', "%2B"))
}

async fn call(rig: &Rig, method: &str, path: &str) -> Answer {
    rig.request(method, path).send().await
}

async fn import(rig: &Rig, query: &str, list: &str) -> Answer {
    rig.request("POST", &format!("/api/v1/suppressions/import{query}"))
        .header("content-type", "text/csv")
        .body(list)
        .send()
        .await
}

#[tokio::test]
async fn a_suppressed_person_is_not_written_to_until_that_is_taken_back() {
    let rig = Rig::start().await;
    let put = call(&rig, "PUT", &path(1)).await.data(200);
    assert_eq!((&put["suppressed"], &put["source"]), (&json!(true), &json!("api")));

    let refused = rig.post(MESSAGES, &hello(&person(1))).await.error(422, "GATE_REFUSED");
    assert_eq!(refused["details"]["reason"], "opted_out");
    assert_eq!(rig.get(&path(1)).await.data(200)["source"], "api");

    let deleted = call(&rig, "DELETE", &path(1)).await.data(200);
    assert_eq!(deleted, json!({"phone": person(1), "suppressed": false}));
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    assert_eq!(call(&rig, "DELETE", &path(1)).await.data(200)["suppressed"], false);
    rig.finish().await;
}

#[tokio::test]
async fn only_the_person_takes_their_own_word_back_unless_an_operator_overrides_it() {
    let rig = Rig::start().await;
    let organization = rig.tenant.organization;
    rig.sql(&format!(
        "INSERT INTO opt_choice VALUES ({organization}, '{0}', true, now());
         INSERT INTO suppression VALUES ({organization}, '{0}', 'stop_word', now())",
        person(1)
    ))
    .await;

    let refused = call(&rig, "DELETE", &path(1)).await.error(409, "OPTED_OUT");
    assert_eq!(refused["details"]["source"], "stop_word");

    // The organization's own word lies over the person's, and gives way to it again.
    assert_eq!(call(&rig, "PUT", &path(1)).await.data(200)["source"], "api");
    call(&rig, "DELETE", &path(1)).await.error(409, "OPTED_OUT");
    assert_eq!(rig.get(&path(1)).await.data(200)["source"], "stop_word");

    call(&rig, "DELETE", &format!("{}?override=perhaps", path(1)))
        .await
        .error(422, "VALIDATION_ERROR");
    let lifted = call(&rig, "DELETE", &format!("{}?override=true", path(1)))
        .await
        .data(200);
    assert_eq!(lifted["suppressed"], false);
    call(&rig, "PUT", &path(1)).await.data(200);
    assert_eq!(call(&rig, "DELETE", &path(1)).await.data(200)["suppressed"], false);
    rig.finish().await;
}

#[tokio::test]
async fn a_list_is_taken_in_whole_or_not_at_all() {
    let rig = Rig::start().await;
    call(&rig, "PUT", &path(1)).await.data(200);
    let good = format!("phone\n{}\n{}\n{}\n{}\n", person(1), person(2), person(3), person(3));

    let tried = import(&rig, "?dry_run=true", &good).await.data(200);
    let counts = json!({"dry_run": true, "numbers": 4, "repeated": 1, "known": 1, "new": 2});
    assert_eq!(tried, counts);
    assert_eq!(rig.count("suppression").await, 1);

    let bad = import(&rig, "", &format!("{}\n555\n{}\n+0\n", person(5), person(6)))
        .await
        .error(422, "INVALID_PHONE_NUMBER");
    let lines: Vec<&Value> = bad["details"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wrong| &wrong["line"])
        .collect();
    assert_eq!(lines, [&json!(2), &json!(4)]);
    assert_eq!(
        rig.count("suppression").await,
        1,
        "nothing of a list with mistakes is kept"
    );

    let done = import(&rig, "", &good).await.data(200);
    assert_eq!(done["new"], 2);
    assert_eq!(rig.get(&path(2)).await.data(200)["source"], "import");
    assert_eq!(rig.get(&path(1)).await.data(200)["source"], "api");
    rig.finish().await;
}

#[tokio::test]
async fn a_hundred_thousand_lines_are_one_list() {
    let rig = Rig::start().await;
    let list: String = (0..100_000).map(|n| format!("{}\n", person(n))).collect();

    assert_eq!(import(&rig, "", &list).await.data(200)["new"], 100_000);

    let longer = format!("{list}{}\n", person(100_000));
    import(&rig, "", &longer).await.error(413, "PAYLOAD_TOO_LARGE");
    import(&rig, "", &"x".repeat(7 * 1024 * 1024))
        .await
        .error(413, "PAYLOAD_TOO_LARGE");
    let json = rig
        .request("POST", "/api/v1/suppressions/import")
        .json(&json!([]))
        .send()
        .await;
    json.error(415, "UNSUPPORTED_MEDIA_TYPE");
    rig.finish().await;
}

#[tokio::test]
async fn suppressions_are_listed_page_by_page_and_only_ones_own() {
    let rig = Rig::start().await;
    let neighbour = rig.neighbour().await;
    for n in 0..5 {
        call(&rig, "PUT", &path(n)).await.data(200);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rig.get(&format!("/api/v1/suppressions?limit=2&cursor={cursor}")).await;
        let pagination = page.body["meta"]["pagination"].clone();
        let rows = page.data(200);
        seen.extend(
            rows.as_array()
                .unwrap()
                .iter()
                .map(|row| row["phone"].as_str().unwrap().to_owned()),
        );
        match pagination["cursor"].as_str() {
            Some(next) => cursor = next.replace('+', "%2B"),
            None => break,
        }
    }
    assert_eq!(seen, (0..5).map(person).collect::<Vec<_>>());

    let theirs = Request::new(rig.addr, "GET", "/api/v1/suppressions")
        .header("x-api-key", &neighbour.api_key)
        .send()
        .await;
    assert_eq!(theirs.data(200), json!([]));
    rig.get("/api/v1/suppressions/555")
        .await
        .error(422, "INVALID_PHONE_NUMBER");
    rig.finish().await;
}

#[tokio::test]
async fn no_marketing_leaves_order_updates_and_means_less_than_everything() {
    let rig = Rig::start().await;
    let sale = |n: usize| {
        let parameters = json!([{"type": "body", "parameters": [{"type": "text", "text": "5 %"}]}]);
        json!({"to": person(n), "template": {"name": "sale", "language": {"code": "en_US"}, "components": parameters}})
    };
    let put = call(&rig, "PUT", &format!("{}?scope=marketing", path(1)))
        .await
        .data(200);
    assert_eq!((&put["suppressed"], &put["scope"]), (&json!(true), &json!("marketing")));

    let refused = rig.post(MESSAGES, &sale(1)).await.error(422, "GATE_REFUSED");
    assert_eq!(refused["details"]["reason"], "opted_out");
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);

    // A list that means everything widens it; one that means marketing does not narrow it again.
    assert_eq!(import(&rig, "", &person(1)).await.data(200)["known"], 1);
    assert_eq!(rig.get(&path(1)).await.data(200)["scope"], "all");
    import(&rig, "?scope=marketing", &person(1)).await.data(200);
    assert_eq!(rig.get(&path(1)).await.data(200)["scope"], "all");
    rig.post(MESSAGES, &hello(&person(1))).await.error(422, "GATE_REFUSED");
    let wrong = import(&rig, "?scope=some", &person(1))
        .await
        .error(422, "VALIDATION_ERROR");
    assert_eq!(wrong["details"]["field"], "scope");
    rig.finish().await;
}
