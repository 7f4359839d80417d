//! What makes a delivery unusable besides its body.

use serde_json::json;

use crate::problem::{Code, Problem};

/// Nobody can say whose message it is.
pub(super) fn no_organization() -> Problem {
    Problem::new(
        Code::Unauthorized,
        "Nobody can say whose message this is: set the user_id property to a broker user that an organization declares as amqp_user, or the header x-api-key.",
    )
    .details(json!({"field": "user_id", "expected": "the amqp_user of an organization, or a header x-api-key"}))
}
