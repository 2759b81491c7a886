//! Which function a request is about, and which of its versions.

use super::Call;
use crate::fault::{Fault, Kind};
use fleetstep_catalog::{FUNCTION_NAME_PATTERN, FunctionArn, FunctionError, PageRequest};
use fleetstep_document::Text;

/// What an unqualified call is for.
const LATEST: &str = "$LATEST";
/// Items of a page, asked for or not: Lambda's bound.
const PAGE_ITEMS_MAX: usize = 50;
/// What Lambda lets `MaxItems` be.
const MAX_ITEMS: std::ops::RangeInclusive<usize> = 1..=10_000;

/// A function as a request names it.
pub(super) struct Named {
    pub(super) name: Text,
    /// A version or an alias.
    pub(super) qualifier: Option<Text>,
}

impl Named {
    /// The qualifier that stands for no other.
    pub(super) fn qualifier_or_latest(&self) -> &str {
        self.qualifier.as_deref().unwrap_or(LATEST)
    }

    /// Refuses a qualifier: the operation is for the function as it was put last.
    pub(super) fn unqualified(self) -> Result<Self, Fault> {
        match self.qualifier.as_deref() {
            None | Some(LATEST) => Ok(self),
            Some(_) => {
                Err(invalid("This operation is not permitted on a version or an alias: name the function alone"))
            }
        }
    }
}

impl Call<'_> {
    /// The function in the path, with the qualifier that it has there or that the query says.
    pub(super) fn function(&self) -> Result<Named, Fault> {
        let named = self.named(self.routed.label())?;
        match (&named.qualifier, self.parameter("Qualifier")) {
            (Some(derived), Some(given)) if *derived != given => {
                Err(invalid("The derived qualifier from the function name does not match the specified qualifier."))
            }
            (None, Some(given)) => Ok(Named { qualifier: Some(Text::from(given)), ..named }),
            _ => Ok(named),
        }
    }

    /// A function by a name or an ARN. What is another account's or another region's is not here.
    pub(super) fn named(&self, text: &str) -> Result<Named, Fault> {
        let place = self.service.catalog().place();
        let arn = FunctionArn::parse(place, text).map_err(|_| invalid_name(text))?;
        let here = FunctionArn::new(place, arn.name()).map_err(|_| invalid_name(text))?;
        if arn.unqualified() != here {
            let arn = arn.as_text().to_string();
            return Err(fault(FunctionError::NotFound { arn }));
        }
        Ok(Named { name: arn.name().clone(), qualifier: arn.qualifier().cloned() })
    }

    /// `Marker` and `MaxItems`.
    pub(super) fn page(&self) -> Result<PageRequest, Fault> {
        let items_max = match self.parameter("MaxItems") {
            None => PAGE_ITEMS_MAX,
            Some(text) => text.parse().ok().filter(|number| MAX_ITEMS.contains(number)).ok_or_else(|| {
                let message = format!(
                    "1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy constraint: Member \
                     must have value between 1 and 10000"
                );
                Fault::new(Kind::ValidationException, message)
            })?,
        };
        Ok(PageRequest { items_max: items_max.min(PAGE_ITEMS_MAX), token: self.parameter("Marker") })
    }
}

fn invalid_name(text: &str) -> Fault {
    let message = format!(
        "1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: {FUNCTION_NAME_PATTERN}"
    );
    Fault::new(Kind::ValidationException, message)
}

/// A parameter that is not what it should be.
pub(super) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Kind::InvalidParameterValueException, message)
}

/// What the catalog says, as Lambda says it.
pub(super) fn fault(error: FunctionError) -> Fault {
    Fault::of_function(error)
}
