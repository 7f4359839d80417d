//! Template parameters as options: `--param Ana --param A-17` for `{{1}}` and `{{2}}`, `--named first_name=Ana` for `{{first_name}}`.

use std::str::FromStr;

use clap::Args;
use serde_json::{Map, Value, json};

/// Values for a template's placeholders.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Parameters {
    /// Value of the next positional placeholder of the body, `{{1}}` first; repeat it
    #[arg(
        long = "param",
        value_name = "VALUE",
        conflicts_with = "named",
        allow_hyphen_values = true
    )]
    positional: Vec<String>,
    /// Value of a named placeholder of the body; repeat it
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    named: Vec<Named>,
}

/// `first_name=Ana`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    name: String,
    value: String,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let split = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = split.ok_or_else(|| "expected a name, = and a value, as in first_name=Ana".to_owned())?;
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl Parameters {
    /// The short form of the broadcast API: a list, or an object of names; nothing when there are none.
    pub(crate) fn short(&self) -> Option<Value> {
        if !self.named.is_empty() {
            let fields = self.named.iter().map(|named| (named.name.clone(), json!(named.value)));
            return Some(Value::Object(fields.collect::<Map<_, _>>()));
        }
        (!self.positional.is_empty()).then(|| json!(self.positional))
    }

    /// Meta's component list, which the API for a single message takes; empty when there are none.
    pub(crate) fn components(&self) -> Vec<Value> {
        let positional = self.positional.iter().map(|text| json!({"type": "text", "text": text}));
        let named = self
            .named
            .iter()
            .map(|named| json!({"type": "text", "parameter_name": named.name, "text": named.value}));
        let parameters: Vec<Value> = positional.chain(named).collect();
        if parameters.is_empty() {
            return Vec::new();
        }
        vec![json!({"type": "body", "parameters": parameters})]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Parameters {
        Parameters {
            named: vec![text.parse().unwrap()],
            ..Parameters::default()
        }
    }

    #[test]
    fn positional_values_keep_their_order() {
        let parameters = Parameters {
            positional: vec!["Ana".into(), "A-17".into()],
            named: Vec::new(),
        };

        assert_eq!(parameters.short(), Some(json!(["Ana", "A-17"])));
        let expected = json!([{"type": "body", "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "A-17"}]}]);
        assert_eq!(json!(parameters.components()), expected);
    }

    #[test]
    fn a_named_value_may_hold_an_equals_sign() {
        let parameters = named("link=a=b");

        assert_eq!(parameters.short(), Some(json!({"link": "a=b"})));
        let expected =
            json!([{"type": "body", "parameters": [{"type": "text", "parameter_name": "link", "text": "a=b"}]}]);
        assert_eq!(json!(parameters.components()), expected);
    }

    #[test]
    fn nothing_given_is_nothing_sent() {
        assert_eq!(Parameters::default().short(), None);
        assert_eq!(Parameters::default().components(), Vec::<Value>::new());
        assert!("=Ana".parse::<Named>().is_err() && "Ana".parse::<Named>().is_err());
    }
}
