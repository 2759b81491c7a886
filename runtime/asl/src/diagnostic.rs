//! What is wrong with a definition, and where.

/// Whether a definition can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// The definition is accepted; something about it deserves a look.
    Warning,
}

impl Severity {
    /// The word that `ValidateStateMachineDefinition` answers with.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The kind of a problem, by the names of the API reference (`ValidateStateMachineDefinitionDiagnostic`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it stands in an answer.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes!(
    /// The text is no JSON (or no YAML).
    InvalidJsonDescription = "INVALID_JSON_DESCRIPTION",
    /// A field is unknown, missing, or has a value it must not have.
    SchemaValidationFailed = "SCHEMA_VALIDATION_FAILED",
    /// A transition leads nowhere, or a state cannot be reached.
    MissingTransitionTarget = "MISSING_TRANSITION_TARGET",
    /// A list of states never ends.
    MissingEndState = "MISSING_END_STATE",
    /// Two states have one name.
    DuplicateStateName = "DUPLICATE_STATE_NAME",
    /// A state's name is too long or holds characters that it must not.
    InvalidStateName = "INVALID_STATE_NAME",
    /// Two distributed Maps have one label.
    DuplicateLabelName = "DUPLICATE_LABEL_NAME",
    /// The label of a distributed Map is too long or holds characters that it must not.
    InvalidLabelName = "INVALID_LABEL_NAME",
    /// States within states within states.
    TooDeeplyNested = "TOO_DEEPLY_NESTED",
    /// A JSONata expression that does not parse.
    InvalidJsonataExpression = "INVALID_JSONATA_EXPRESSION",
    /// A JSONata expression that reads what is not there for it.
    UnsupportedJsonataExpression = "UNSUPPORTED_JSONATA_EXPRESSION",
    /// A branch assigns a variable that a state around it assigns.
    DuplicateVariableName = "DUPLICATE_VARIABLE_NAME",
    /// An expression reads a variable that no state assigns.
    PossiblyUndefinedVariable = "POSSIBLY_UNDEFINED_VARIABLE",
    /// Right as ASL, but not what this runtime runs (not a code of AWS's).
    NotSupported = "NOT_SUPPORTED",
    /// A service integration that needs the operator to bind something to it.
    NotBound = "RESOURCE_NOT_BOUND",
    /// A value looks like a path, but its field does not end in `.$`.
    NoDollar = "NO_DOLLAR",
    /// The `Result` of a Pass looks like a path, but is taken as it stands.
    PassResultIsStatic = "PASS_RESULT_IS_STATIC",
);

/// A part of the source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Where it starts, in bytes.
    pub offset: usize,
    /// How many bytes it covers.
    pub length: usize,
    /// Line of its start, from 1.
    pub line: usize,
    /// Column of its start in characters, from 1.
    pub column: usize,
}

/// One problem of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the definition is refused for it.
    pub severity: Severity,
    /// What kind of problem.
    pub code: Code,
    /// What is wrong, in the service's words where they are known.
    pub message: String,
    /// Where, as the service names places: `/States/X/Resource`. Empty where there is none.
    pub location: String,
    /// Where in the text.
    pub span: Option<Span>,
    /// What may have been meant.
    pub hint: Option<String>,
}

/// The message of the service's `InvalidDefinition` exception: every error in one line,
/// `Invalid State Machine Definition: 'CODE: message at location, CODE: message at location'`.
#[must_use]
pub fn definition_error_message(diagnostics: &[Diagnostic]) -> String {
    let errors: Vec<String> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| {
            // The service prints the missing place of a problem that has none.
            let location = if diagnostic.location.is_empty() { "null" } else { &diagnostic.location };
            format!("{}: {} at {location}", diagnostic.code.as_str(), diagnostic.message)
        })
        .collect();
    format!("Invalid State Machine Definition: '{}'", errors.join(", "))
}
