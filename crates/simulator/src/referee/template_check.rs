//! Whether a template may be sent as it is used: 132001, 132015, 132016, 132000, 132012.

use super::component_check;
use crate::config::{Parameters, Template};
use crate::graph_error::GraphError;
use crate::request::TemplateUse;

/// Checks the use of a template against the registry; with an empty registry everything goes.
pub(crate) fn check(used: &TemplateUse, waba_id: &str, templates: &[Template]) -> Result<(), GraphError> {
    if templates.is_empty() {
        return Ok(());
    }
    let Some(template) = find(used, waba_id, templates) else {
        let details = format!("template name ({}) does not exist in {}", used.name, used.language);
        return Err(GraphError::of(132_001).with_details(details));
    };
    match template.status.as_str() {
        "APPROVED" => {
            check_parameters(used, &template.parameters())?;
            match &template.components {
                Some(stored) => component_check::check(&used.components, stored),
                None => Ok(()),
            }
        }
        "PAUSED" => Err(GraphError::of(132_015)),
        "DISABLED" => Err(GraphError::of(132_016)),
        status => {
            let details = format!("template name ({}) in {} is {status}", used.name, used.language);
            Err(GraphError::of(132_001).with_details(details))
        }
    }
}

/// Pricing category of the template, in lower case.
pub(crate) fn category(used: &TemplateUse, waba_id: &str, templates: &[Template]) -> String {
    find(used, waba_id, templates).map_or_else(
        || "utility".to_owned(),
        |template| template.category.to_ascii_lowercase(),
    )
}

fn find<'a>(used: &TemplateUse, waba_id: &str, templates: &'a [Template]) -> Option<&'a Template> {
    templates.iter().find(|template| {
        template.name == used.name && template.language == used.language && template.belongs_to(waba_id)
    })
}

fn check_parameters(used: &TemplateUse, expected: &Parameters) -> Result<(), GraphError> {
    let given = &used.body_parameters;
    match expected {
        Parameters::Any => Ok(()),
        Parameters::Positional(count) if given.len() != *count => Err(count_mismatch(given.len(), *count)),
        Parameters::Positional(_) if given.iter().any(Option::is_some) => {
            Err(GraphError::of(132_012).with_details("body: parameter_name given, but the template is positional"))
        }
        Parameters::Positional(_) => Ok(()),
        Parameters::Named(names) if given.len() != names.len() => Err(count_mismatch(given.len(), names.len())),
        Parameters::Named(names) => match names
            .iter()
            .find(|name| !given.iter().flatten().any(|got| got == *name))
        {
            None => Ok(()),
            Some(name) => Err(GraphError::of(132_012).with_details(format!("body: parameter_name {name} is missing"))),
        },
    }
}

fn count_mismatch(given: usize, expected: usize) -> GraphError {
    GraphError::of(132_000).with_details(format!(
        "body: number of localizable_params ({given}) does not match the expected number of params ({expected})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Vec<Template> {
        let with_status = |name: &str, status: &str| Template {
            status: status.into(),
            ..Template::new(name, "en_US", "Hello.")
        };
        vec![
            Template::new("order_update", "en_US", "Hi {{1}}, order {{2}} is on its way."),
            Template::new("named", "en_US", "Hi {{first_name}}!"),
            Template {
                waba_id: Some("other".into()),
                ..Template::new("foreign", "en_US", "Hello.")
            },
            with_status("paused", "PAUSED"),
            with_status("disabled", "DISABLED"),
            with_status("pending", "PENDING"),
        ]
    }

    #[track_caller]
    fn check_use(name: &str, parameters: &[Option<&str>], expect: Result<(), i64>) {
        let used = TemplateUse {
            name: name.into(),
            language: "en_US".into(),
            body_parameters: parameters.iter().map(|name| name.map(str::to_owned)).collect(),
            components: Vec::new(),
        };
        assert_eq!(
            check(&used, "10", &registry()).map_err(|error| error.code),
            expect,
            "{name}"
        );
    }

    #[test]
    fn the_registry_decides_what_may_be_sent() {
        check_use("order_update", &[None, None], Ok(()));
        check_use("order_update", &[None], Err(132_000));
        check_use("order_update", &[None, Some("two")], Err(132_012));
        check_use("named", &[Some("first_name")], Ok(()));
        check_use("named", &[], Err(132_000));
        check_use("named", &[None], Err(132_012));
        check_use("foreign", &[], Err(132_001));
        check_use("nowhere", &[], Err(132_001));
        check_use("paused", &[], Err(132_015));
        check_use("disabled", &[], Err(132_016));
        check_use("pending", &[], Err(132_001));
    }

    #[test]
    fn without_a_registry_any_template_goes() {
        let used = TemplateUse {
            name: "any".into(),
            language: "xx".into(),
            body_parameters: vec![None; 9],
            components: Vec::new(),
        };

        assert!(check(&used, "10", &[]).is_ok());
        assert_eq!(category(&used, "10", &[]), "utility");
    }
}
