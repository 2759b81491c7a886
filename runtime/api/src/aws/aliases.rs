//! Aliases: create, update, describe, list, delete.

use super::configuration::DESCRIPTION;
use super::machines::{NAME, STATE_MACHINE_ARN, page_request, push_token};
use super::members::{Checker, Members};
use crate::Service;
use crate::fault::Fault;
use crate::reply::epoch_seconds;
use fleetstep_catalog::{Alias, AliasRequest, ROUTES_MAX, Route, RouteRequest, StateMachineArn, WEIGHTS_SUM};
use fleetstep_document::{Document, ObjectBuilder};

/// The API model's pattern of a name: letters, digits and three signs, and not digits alone, as a version is named.
const NAME_PATTERN: &str = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$";

fn fits_name_pattern(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    name.bytes().all(allowed) && !name.bytes().all(|byte| byte.is_ascii_digit())
}

/// `CreateStateMachineAlias`
pub(super) async fn create(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let name = members.matching(&mut checker, "name", NAME.required(), NAME_PATTERN, fits_name_pattern);
    let description = members.text(&mut checker, "description", DESCRIPTION);
    let routes = members.required_structures(&mut checker, "routingConfiguration");
    let routes = routes.map(|routes| routing(&mut checker, &routes));
    checker.finish()?;
    let request = AliasRequest {
        name: name.expect("it is required").to_string(),
        description: description.map(ToString::to_string),
        routes: routes.expect("it is required"),
    };
    let alias = service.catalog().create_alias(request).await?;
    Ok(list_item(&alias))
}

/// `routingConfiguration`: up to two versions, each with its weight.
fn routing(checker: &mut Checker, items: &[Members<'_>]) -> Vec<RouteRequest> {
    let mut routes = Vec::with_capacity(items.len().min(ROUTES_MAX));
    for item in items {
        let arn = item.text(checker, "stateMachineVersionArn", STATE_MACHINE_ARN);
        let weight = item.required_integer(checker, "weight", 0, i64::from(WEIGHTS_SUM));
        if let (Some(arn), Some(weight)) = (arn, weight) {
            // A weight out of bounds is refused with all else that is.
            routes.push(RouteRequest { version_arn: arn.to_string(), weight: u32::try_from(weight).unwrap_or(0) });
        }
    }
    let too_many = items.len() > ROUTES_MAX;
    if too_many || items.is_empty() {
        // The service shows the list as its own program prints it.
        let shown = routes.iter().map(|RouteRequest { version_arn, weight }| {
            format!("RoutingConfigurationListItem(stateMachineVersionArn={version_arn}, weight={weight})")
        });
        let shown = format!("'[{}]'", shown.collect::<Vec<_>>().join(", "));
        let (relation, bound) = if too_many { ("less", ROUTES_MAX) } else { ("greater", 1) };
        let constraint = format!("Member must have length {relation} than or equal to {bound}");
        checker.violation(Some(&shown), "routingConfiguration", constraint);
    }
    routes
}

/// `UpdateStateMachineAlias`
pub(super) async fn update(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineAliasArn", STATE_MACHINE_ARN);
    let description = members.text(&mut checker, "description", DESCRIPTION);
    let routes = members.structures(&mut checker, "routingConfiguration");
    let routes = routes.map(|routes| routing(&mut checker, &routes));
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    let alias = service.catalog().update_alias(&arn, description.map(ToString::to_string), routes).await?;
    Ok(ObjectBuilder::with_capacity(1).with("updateDate", epoch_seconds(alias.updated)).build())
}

/// `DescribeStateMachineAlias`
pub(super) fn describe(service: &Service, request: &Document) -> Result<Document, Fault> {
    let alias = service.catalog().alias(&alias_arn(request)?)?;
    let mut body = ObjectBuilder::with_capacity(6)
        .with("stateMachineAliasArn", alias.arn.as_text().clone())
        .with("name", alias.name.clone());
    if let Some(description) = &alias.description {
        body.push("description", description.clone());
    }
    body.push("routingConfiguration", alias.routes.iter().map(route).collect::<Vec<_>>());
    body.push("creationDate", epoch_seconds(alias.created));
    body.push("updateDate", epoch_seconds(alias.updated));
    Ok(body.build())
}

fn route(route: &Route) -> Document {
    ObjectBuilder::with_capacity(2)
        .with("stateMachineVersionArn", route.version.arn.as_text().clone())
        .with("weight", route.weight)
        .build()
}

/// `ListStateMachineAliases`
pub(super) fn list(service: &Service, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineArn", STATE_MACHINE_ARN);
    let page = page_request(&members, &mut checker);
    checker.finish()?;
    let arn = StateMachineArn::parse(arn.expect("it is required"))?;
    let page = service.catalog().list_aliases(&arn, &page)?;
    let aliases: Vec<Document> = page.items.iter().map(|alias| list_item(alias)).collect();
    let mut body = ObjectBuilder::with_capacity(2).with("stateMachineAliases", aliases);
    push_token(&mut body, page.next_token);
    Ok(body.build())
}

fn list_item(alias: &Alias) -> Document {
    ObjectBuilder::with_capacity(2)
        .with("creationDate", epoch_seconds(alias.created))
        .with("stateMachineAliasArn", alias.arn.as_text().clone())
        .build()
}

/// `DeleteStateMachineAlias`: one that is not there is deleted already.
pub(super) async fn delete(service: &Service, request: &Document) -> Result<Document, Fault> {
    service.catalog().delete_alias(&alias_arn(request)?).await?;
    Ok(Document::empty_object())
}

fn alias_arn(request: &Document) -> Result<StateMachineArn, Fault> {
    let members = Members::of(request)?;
    let mut checker = Checker::default();
    let arn = members.text(&mut checker, "stateMachineAliasArn", STATE_MACHINE_ARN);
    checker.finish()?;
    Ok(StateMachineArn::parse(arn.expect("it is required"))?)
}

#[cfg(test)]
mod tests {
    use super::fits_name_pattern;

    #[test]
    fn names_of_aliases() {
        for name in ["PROD", "a", "v1", "1.0", "-", "_", "a.b-c_d", "1a"] {
            assert!(fits_name_pattern(name), "{name}");
        }
        for name in ["123", "0", "a b", "!a", "a@", "\u{e9}", "a:b", "a/b"] {
            assert!(!fits_name_pattern(name), "{name}");
        }
    }
}
