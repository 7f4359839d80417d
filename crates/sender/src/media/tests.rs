use domain::attempt::GraphError;
use serde_json::json;
use uuid::Uuid;

use super::*;

const FILE: MediaId = MediaId(Uuid::from_u128(7));
const OTHER: MediaId = MediaId(Uuid::from_u128(8));

fn message(content: &Value) -> Message {
    let mut row = crate::message::tests::candidate();
    row.content = Some(content.to_string());
    crate::message::message(row, Arc::new(SecretString::from("token"))).unwrap()
}

fn image(file: MediaId) -> Value {
    json!({"type": "image", "image": {"id": file.to_string()}})
}

fn standing(standing: Standing) -> HashMap<Pair, Standing> {
    HashMap::from([((FILE, NumberId(1)), standing)])
}

#[test]
fn a_message_goes_with_metas_id_of_its_number() {
    let message = message(&image(FILE));

    let (content, attached) = ready(&message, &[FILE], &standing(Standing::There("4711".into()))).unwrap();

    assert_eq!(content, json!({"type": "image", "image": {"id": "4711"}}).to_string());
    assert_eq!(attached, [(FILE, "4711".to_owned())]);
}

#[test]
fn what_is_missing_is_waited_for_and_what_is_refused_is_not() {
    let message = message(&image(FILE));
    let not = |state| ready(&message, &[FILE], &standing(state)).unwrap_err();

    assert_eq!(not(Standing::Missing(None)), NotReady::Missing(vec![FILE]));
    assert_eq!(not(Standing::Gone), NotReady::Never(Reason::MediaNotFound));
    assert_eq!(not(Standing::Refused(131_053)), NotReady::Never(Reason::Meta(131_053)));
    let both = ready(&message, &[FILE, OTHER], &standing(Standing::There("1".into())));
    assert_eq!(both, Err(NotReady::Missing(vec![OTHER])));
}

#[test]
fn files_are_named_once_and_only_where_meta_takes_them() {
    let ids = [FILE, OTHER, FILE].map(|file| json!({"parameters": [{"image": {"id": file.to_string()}}]}));

    assert_eq!(
        files(&json!({"template": {"components": ids}}).to_string()),
        [FILE, OTHER]
    );
    assert_eq!(files(&json!({"text": {"body": FILE.to_string()}}).to_string()), []);
    assert_eq!(files("no JSON med_"), []);
}

#[test]
fn an_upload_is_tried_again_unless_meta_will_never_take_the_file() {
    let graph = |code| {
        meta::Error::Graph(GraphError {
            code,
            subcode: None,
            http_status: 400,
            title: String::new(),
            details: None,
            fbtrace_id: None,
            transient: false,
        })
    };
    let no_answer = || meta::Error::NoAnswer { cause: "reset".into() };

    assert_eq!(after(&graph(131_053), 0).1, Some(131_053));
    assert_eq!(after(&graph(100), 0).1, Some(100));
    assert_eq!(after(&graph(80_007), 0).1, None);
    assert_eq!(after(&no_answer(), 0), (FIRST_RETRY, None));
    assert_eq!(after(&no_answer(), 3), (FIRST_RETRY * 8, None));
    assert_eq!(after(&no_answer(), 60).0, LONGEST_RETRY);
}
