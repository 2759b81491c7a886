//! Aliases: names for one version or two.

use super::{Catalog, Inner};
use crate::arn::StateMachineArn;
use crate::error::PublishError;
use crate::page::page;
use crate::published::{ALIASES_MAX, Published, ROUTES_MAX, WEIGHTS_SUM};
use crate::record::{self, AliasRecord};
use crate::{Alias, Page, PageRequest, Route, StateMachineError};
use fleetstep_document::Text;
use fleetstep_engine::clock;
use std::sync::Arc;

/// What `CreateStateMachineAlias` asks for. The name is checked by the caller, as the API model has a pattern for it.
#[derive(Clone, Debug)]
pub struct AliasRequest {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// One or two.
    pub routes: Vec<RouteRequest>,
}

/// Where an alias is to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRequest {
    /// ARN of a version.
    pub version_arn: String,
    /// How many of [`WEIGHTS_SUM`] starts.
    pub weight: u32,
}

impl Catalog {
    /// `CreateStateMachineAlias`. A second creation of the very same alias answers as the first did.
    pub async fn create_alias(&self, request: AliasRequest) -> Result<Arc<Alias>, StateMachineError> {
        let routing = Routing::parse(&request.routes)?;
        self.change(move |inner| async move { inner.create_alias(routing, request).await }).await
    }

    /// `UpdateStateMachineAlias`: the parts that are there.
    pub async fn update_alias(
        &self,
        arn: &StateMachineArn,
        description: Option<String>,
        routes: Option<Vec<RouteRequest>>,
    ) -> Result<Arc<Alias>, StateMachineError> {
        if description.is_none() && routes.is_none() {
            return Err(PublishError::NothingToUpdate.into());
        }
        let routing = routes.as_deref().map(Routing::parse).transpose()?;
        let arn = arn.clone();
        self.change(move |inner| async move { inner.update_alias(&arn, description, routing).await }).await
    }

    /// `DescribeStateMachineAlias`
    pub fn alias(&self, arn: &StateMachineArn) -> Result<Arc<Alias>, StateMachineError> {
        let published = self.inner.published(&arn.unqualified()).map_err(|_| PublishError::NotFound)?;
        let alias = arn.qualifier().and_then(|name| published.aliases.get(name));
        Ok(alias.cloned().ok_or(PublishError::NotFound)?)
    }

    /// `DeleteStateMachineAlias`: one that is not there is deleted already.
    pub async fn delete_alias(&self, arn: &StateMachineArn) -> Result<(), StateMachineError> {
        let arn = arn.clone();
        self.change(move |inner| async move { inner.delete_alias(&arn).await }).await
    }

    /// `ListStateMachineAliases`, by name: those of a machine, or those that lead to a version.
    pub fn list_aliases(
        &self,
        arn: &StateMachineArn,
        request: &PageRequest,
    ) -> Result<Page<Arc<Alias>>, StateMachineError> {
        let version = arn.qualifier().map(|_| self.version(arn)).transpose()?;
        let published = self.inner.published(&arn.unqualified())?;
        let wanted = |alias: &&Arc<Alias>| version.as_ref().is_none_or(|version| alias.routes_to(version.number));
        let all = published.aliases.values().filter(wanted).cloned().collect();
        Ok(page(all, |alias: &Arc<Alias>| alias.name.clone(), request)?)
    }
}

/// A routing configuration that can be, as far as that can be told without the versions.
struct Routing {
    machine: StateMachineArn,
    /// Numbers of versions with their weights.
    routes: Vec<(u32, u32)>,
}

impl Routing {
    fn parse(requests: &[RouteRequest]) -> Result<Self, StateMachineError> {
        let received = || {
            let arns: Vec<&str> = requests.iter().map(|request| request.version_arn.as_str()).collect();
            arns.join(", ")
        };
        let invalid = |what: &str| PublishError::InvalidRouting(format!("{what} Received: [{}]", received()));
        if requests.is_empty() || requests.len() > ROUTES_MAX {
            return Err(invalid("Routing configuration must contain one or two versions.").into());
        }
        let arns = requests.iter().map(|request| StateMachineArn::parse(&request.version_arn));
        let arns = arns.collect::<Result<Vec<_>, _>>()?;
        let Some(versions) = arns.iter().map(StateMachineArn::version).collect::<Option<Vec<u32>>>() else {
            return Err(invalid("Routing configuration must contain state machine version ARNs.").into());
        };
        let machine = arns[0].unqualified();
        if arns.iter().any(|arn| arn.unqualified() != machine) {
            return Err(invalid("Routing configuration must contain versions of one state machine.").into());
        }
        if versions.len() == ROUTES_MAX && versions[0] == versions[1] {
            return Err(invalid("Routing configuration must contain distinct state machine version ARNs.").into());
        }
        let weights: Vec<u32> = requests.iter().map(|request| request.weight).collect();
        if weights.iter().map(|weight| u64::from(*weight)).sum::<u64>() != u64::from(WEIGHTS_SUM) {
            let message =
                format!("Sum of routing configuration weights must equal {WEIGHTS_SUM}. Received: {weights:?}");
            return Err(PublishError::InvalidRouting(message).into());
        }
        Ok(Self { machine, routes: versions.into_iter().zip(weights).collect() })
    }

    fn resolve(&self, published: &Published) -> Result<Vec<Route>, PublishError> {
        let route = |&(number, weight): &(u32, u32)| {
            let version = published.versions.get(&number).cloned().ok_or(PublishError::NotFound)?;
            Ok(Route { version, weight })
        };
        self.routes.iter().map(route).collect()
    }
}

impl Inner {
    async fn create_alias(&self, routing: Routing, request: AliasRequest) -> Result<Arc<Alias>, StateMachineError> {
        let there = self.published(&routing.machine).map_err(|_| PublishError::NotFound)?;
        let published = Published::clone(&there);
        drop(there);
        let routes = routing.resolve(&published)?;
        if let Some(there) = published.aliases.get(request.name.as_str()) {
            let same = there.has_routes(&routes) && there.description.as_deref() == request.description.as_deref();
            return if same { Ok(Arc::clone(there)) } else { Err(PublishError::OtherAlias.into()) };
        }
        if published.aliases.len() >= ALIASES_MAX {
            return Err(PublishError::TooManyAliases { arn: routing.machine.as_text().to_string() }.into());
        }
        let now = clock::now();
        let alias = Alias {
            arn: published.machine.arn.qualified_by(&request.name),
            name: Text::from(request.name),
            description: request.description.map(Text::from),
            routes,
            created: now,
            updated: now,
        };
        self.keep_alias(published, alias).await
    }

    async fn update_alias(
        &self,
        arn: &StateMachineArn,
        description: Option<String>,
        routing: Option<Routing>,
    ) -> Result<Arc<Alias>, StateMachineError> {
        let there = self.published(&arn.unqualified()).map_err(|_| PublishError::NotFound)?;
        let published = Published::clone(&there);
        drop(there);
        let alias = arn.qualifier().and_then(|name| published.aliases.get(name)).ok_or(PublishError::NotFound)?;
        let mut alias = Alias::clone(alias);
        if let Some(routing) = routing {
            if routing.machine != arn.unqualified() {
                let message = "Routing configuration must contain versions of the alias's own state machine";
                return Err(PublishError::InvalidRouting(message.to_owned()).into());
            }
            alias.routes = routing.resolve(&published)?;
        }
        alias.description = description.map(Text::from).or(alias.description);
        alias.updated = clock::now();
        self.keep_alias(published, alias).await
    }

    async fn keep_alias(&self, mut published: Published, alias: Alias) -> Result<Arc<Alias>, StateMachineError> {
        let alias = Arc::new(alias);
        published.aliases.insert(alias.name.clone(), Arc::clone(&alias));
        self.keep(published, vec![AliasRecord::put(&alias)]).await?;
        Ok(alias)
    }

    async fn delete_alias(&self, arn: &StateMachineArn) -> Result<(), StateMachineError> {
        let Ok(there) = self.published(&arn.unqualified()) else { return Ok(()) };
        let mut published = Published::clone(&there);
        drop(there);
        let Some(alias) = arn.qualifier().and_then(|name| published.aliases.remove(name)) else { return Ok(()) };
        self.keep(published, vec![record::delete_alias(&alias)]).await?;
        Ok(())
    }
}
