//! Ready-made tenants for tests.

use domain::declaration::Declaration;
use domain::{NumberId, OrganizationId, ScopeId};
use serde_json::{Value, json};
use store::Store;

/// A tenant with one account, one number and a few templates.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The whole API key, with every scope.
    pub api_key: String,
    /// Its row.
    pub organization: OrganizationId,
    /// Its first number's row.
    pub number: NumberId,
    /// Its first number's messaging-limit scope.
    pub scope: ScopeId,
    /// Its slug; also its broker user.
    pub slug: String,
    /// Meta's id of the first number.
    pub phone_number_id: String,
    /// The first number, E.164.
    pub phone: String,
}

/// What differs from the standard tenant.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Also makes Meta's ids and phone numbers differ, so that tenants can live side by side: 0 to 9.
    pub place: u8,
    /// Meta's word for the messaging limit.
    pub tier: &'static str,
    /// Messages per second.
    pub throughput: u32,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            place: 0,
            tier: "TIER_UNLIMITED",
            throughput: 1000,
        }
    }
}

/// The declaration of a tenant. Templates: `order_update` (two placeholders, utility), `hello` (none, utility), `sale` (one,
/// marketing), `in_review` (pending), `resting` (paused), `named` (placeholder `first_name`).
pub fn declaration(choice: &Choice) -> Value {
    let place = choice.place;
    let template = |name: &str, category: &str, status: &str, body: &str| json!({"name": name, "language": "en_US", "category": category, "status": status, "body": body});
    let mut named = template("named", "UTILITY", "APPROVED", "Hi {{first_name}}");
    named["parameter_format"] = json!("NAMED");
    json!({"organization": [{
        "slug": slug(place), "name": format!("Tenant {place}"), "amqp_user": slug(place),
        "api_key": [{"name": "default"}],
        "waba": [{
            "id": format!("100000{place}"), "access_token": "test-token", "messaging_limit_tier": choice.tier,
            "number": [{"phone_number_id": phone_number_id(place), "phone": phone(place), "throughput": choice.throughput}],
            "template": [
                template("order_update", "UTILITY", "APPROVED", "Hi {{1}}, order {{2}} is on its way."),
                template("hello", "UTILITY", "APPROVED", "Hello there."),
                template("sale", "MARKETING", "APPROVED", "Sale: {{1}} off."),
                template("in_review", "UTILITY", "PENDING", "Soon."),
                template("resting", "MARKETING", "PAUSED", "Later."),
                named
            ]
        }]
    }]})
}

/// The same with `numbers` sender numbers on its account, for loads that one number is not meant to carry; and their phones.
pub fn declaration_with_numbers(choice: &Choice, numbers: u16) -> (Value, Vec<String>) {
    let mut declared = declaration(choice);
    let mut phones = vec![phone(choice.place)];
    let list = &mut declared["organization"][0]["waba"][0]["number"];
    let list = list.as_array_mut().expect("the declaration above has numbers");
    for n in 1..numbers {
        let phone = format!("+1555{n:03}111{}", choice.place);
        let id = format!("2{n:05}{}", choice.place);
        list.push(json!({"phone_number_id": id, "phone": phone, "throughput": choice.throughput}));
        phones.push(phone);
    }
    (declared, phones)
}

/// Applies a tenant to a fresh database.
///
/// # Panics
/// When the database refuses, or the tenant is there already.
pub async fn tenant(store: &Store, choice: &Choice) -> Tenant {
    declared_tenant(store, choice, declaration(choice)).await
}

/// Applies a declaration that was made from `choice`'s.
///
/// # Panics
/// When the database refuses, or the tenant is there already.
pub async fn declared_tenant(store: &Store, choice: &Choice, declared: Value) -> Tenant {
    let declared: Declaration = serde_json::from_value(declared).expect("a declaration made from the one above");
    let applied = store
        .apply(&declared, &|_| None)
        .await
        .expect("applying the declaration");
    let api_key = applied
        .items
        .iter()
        .find_map(|item| item.new_key.as_ref())
        .expect("a new key for a new tenant")
        .to_text();
    let phone_number_id = phone_number_id(choice.place);
    let rows = store
        .raw(&format!(
            "SELECT id, organization_id, scope_id FROM sender_number WHERE phone_number_id = '{phone_number_id}'"
        ))
        .await
        .expect("reading the number back");
    let id = |column: &str| rows[0][column].as_i64().expect("an integer column");
    Tenant {
        api_key,
        organization: OrganizationId(id("organization_id")),
        number: NumberId(id("id")),
        scope: ScopeId(id("scope_id")),
        slug: slug(choice.place),
        phone: phone(choice.place),
        phone_number_id,
    }
}

/// A recipient that is nobody else's in a test: `+1666` and the number.
pub fn recipient(n: usize) -> String {
    format!("+1666{n:07}")
}

fn slug(place: u8) -> String {
    format!("acme{place}")
}

fn phone_number_id(place: u8) -> String {
    format!("200000{place}")
}

fn phone(place: u8) -> String {
    format!("+1555000111{place}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database;

    #[tokio::test]
    async fn a_tenant_is_applied_once_and_then_unchanged() {
        let database = database::fresh().await;
        let choice = Choice::default();
        let declared: Declaration = serde_json::from_value(declaration(&choice)).unwrap();

        tenant(&database.store, &choice).await;
        let again = database.store.apply(&declared, &|_| None).await.unwrap();

        assert!(!again.changed(), "{again:?}");
        assert!(again.items.iter().all(|item| item.new_key.is_none()));
    }
}
