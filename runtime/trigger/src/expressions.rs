//! Values in which `{% … %}` is JSONata: compiled once, over variables that this room names.

use crate::Problem;
use fleetstep_document::{Document, Text};
use fleetstep_expr::{Chance, EvalError, Expr, Referent, Scope, VariableNames};
use serde_json::Value;

/// When and with which chance something is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// Microseconds since 1970.
    pub(crate) now_us: i64,
    pub(crate) seed: u64,
}

/// A value with expressions in it.
#[derive(Clone, Debug)]
pub(crate) struct Template(Expr);

impl Template {
    /// Compiles what stands in the member `field`. It may read `variables`, which are given by their place in this list
    /// when it is evaluated.
    pub(crate) fn compile(value: &Value, field: &str, variables: &[&str]) -> Result<Self, Problem> {
        let document = document(value).map_err(|message| Problem::at(format!("/{field}"), message))?;
        let mut names = VariableNames::default();
        for variable in variables {
            names.slot(variable);
        }
        let expr = Expr::jsonata(&document, field, &mut names).map_err(|error| {
            let message = format!("{} ({})", error.error.message, error.error.reason);
            Problem::within(format!("/{field}{}", error.pointer), error.error.offset, message)
        })?;
        for reference in expr.references() {
            let unknown = match &reference.referent {
                Referent::Variable(slot) if (*slot as usize) < variables.len() => None,
                Referent::Variable(slot) => names.names().get(*slot as usize).map(Text::as_str),
                // What the states of a workflow have, and what starts one has not.
                Referent::States(_) => Some("states"),
            };
            if let Some(name) = unknown {
                let known: Vec<String> = variables.iter().map(|name| format!("${name}")).collect();
                let message = format!("there is no ${name} here; there is {}", known.join(", "));
                return Err(Problem::at(format!("/{field}{}", reference.pointer), message));
            }
        }
        Ok(Self(expr))
    }

    /// The value, with these variables.
    pub(crate) fn evaluate(&self, variables: &[Option<Document>], world: World) -> Result<Document, EvalError> {
        let nothing = Document::NULL;
        self.0.evaluate(&Scope {
            root: &nothing,
            input: &nothing,
            result: None,
            error_output: None,
            context: &nothing,
            variables,
            chance: &Chance::new(world.seed),
            now_us: world.now_us,
        })
    }
}

/// JSON as this house has it.
fn document(value: &Value) -> Result<Document, String> {
    Document::parse(value.to_string().as_bytes()).map_err(|error| error.to_string())
}
