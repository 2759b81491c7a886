//! All routes of an account, as one table that is asked for a request.

use crate::Route;
use fleetstep_document::Text;
use http::Method;
use std::sync::Arc;

/// A table that is replaced as a whole.
#[derive(Debug, Default)]
pub struct Routes {
    /// In the order of their names.
    all: Vec<Arc<Route>>,
    /// For each method that there is, the paths.
    routers: Vec<(Method, matchit::Router<usize>)>,
}

/// Two routes for one request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("route '{name}' would answer what route '{other}' answers: {method} {path}")]
pub struct Conflict {
    /// Of the one that cannot be.
    pub name: String,
    /// Of the one that is there.
    pub other: String,
    /// Of both.
    pub method: Method,
    /// Of the one that is there.
    pub path: String,
}

/// What there is for a request.
#[derive(Clone, Debug)]
pub enum Found {
    /// A route, and the parameters of the path as they were sent.
    Route(Arc<Route>, Vec<(Text, String)>),
    /// The path has routes with other methods, by their methods.
    OtherMethods(Vec<Arc<Route>>),
    /// Nothing.
    Nothing,
}

impl Routes {
    /// A table of these, each with a name of its own.
    ///
    /// # Errors
    /// Two of them would answer the same request: the later of the two cannot be.
    pub fn new(routes: impl IntoIterator<Item = Arc<Route>>) -> Result<Self, Conflict> {
        let given: Vec<Arc<Route>> = routes.into_iter().collect();
        let mut all = given.clone();
        all.sort_by(|a, b| a.spec().name.cmp(&b.spec().name));
        let mut routers: Vec<(Method, matchit::Router<usize>)> = Vec::new();
        for (at, route) in given.iter().enumerate() {
            let method = route.method();
            let place = all.partition_point(|other| other.spec().name < route.spec().name);
            if !routers.iter().any(|(known, _)| known == method) {
                routers.push((method.clone(), matchit::Router::new()));
            }
            let (_, router) = routers.iter_mut().find(|(known, _)| known == method).expect("it was just put there");
            if router.insert(route.spec().path.as_str(), place).is_err() {
                return Err(conflict(&given[..at], route));
            }
        }
        Ok(Self { all, routers })
    }

    /// Every route, in the order of the names.
    #[must_use]
    pub fn all(&self) -> &[Arc<Route>] {
        &self.all
    }

    /// The route of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Route>> {
        let at = self.all.binary_search_by(|route| route.spec().name.as_str().cmp(name)).ok()?;
        Some(&self.all[at])
    }

    /// What there is for a request.
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Found {
        let mut others = Vec::new();
        for (known, router) in &self.routers {
            let Ok(found) = router.at(path) else { continue };
            let route = Arc::clone(&self.all[*found.value]);
            if known == method {
                let parameters = found.params.iter().map(|(name, value)| (Text::from(name), value.to_owned()));
                return Found::Route(route, parameters.collect());
            }
            others.push(route);
        }
        if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
    }
}

/// Which route stands in the way: the first with which this one alone cannot be.
fn conflict(there: &[Arc<Route>], route: &Route) -> Conflict {
    let is_in_the_way = |other: &&Arc<Route>| {
        let mut both = matchit::Router::new();
        other.method() == route.method()
            && (both.insert(other.spec().path.as_str(), ()).is_err() || both.insert(&route.spec().path, ()).is_err())
    };
    let other = there.iter().find(is_in_the_way).map_or_else(|| route.spec(), |other| other.spec());
    Conflict {
        name: route.spec().name.clone(),
        other: other.name.clone(),
        method: route.method().clone(),
        path: other.path.clone(),
    }
}
