//! Which fields there are: one table, from which unknown, missing and malformed fields are found.
//!
//! After the Amazon States Language specification and what the service was seen to accept; see also
//! <https://states-language.net/spec.html#table-of-state-types-and-fields>.

use crate::source::Node;
use Field as F;
use Kind::{
    Any, Array, Assign, Boolean, Condition, Credentials, ErrorNames, Integer, List, NullablePath, Number, Object, Path,
    PathOrIntrinsic, ReferencePath, Resource, ResultPath, States, Template, Text, Timestamp, Value, Word,
};
use std::fmt;

/// How a definition queries JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryLanguage {
    JsonPath,
    Jsonata,
}

/// What stands in a field.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Any JSON value, taken as it stands.
    Any,
    Text,
    Boolean,
    /// A whole number from … to ….
    Integer(i64, i64),
    /// A number from … to ….
    Number(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A JSONPath.
    Path,
    /// A JSONPath, or `null`.
    NullablePath,
    /// A JSONPath to one value.
    ReferencePath,
    /// A place for a result, or `null`.
    ResultPath,
    /// A JSONPath or an intrinsic function.
    PathOrIntrinsic,
    /// An RFC 3339 timestamp.
    Timestamp,
    /// A payload template; in JSONata, any value in which expressions may stand.
    Template,
    /// Any value in which JSONata may stand.
    Value,
    /// An array, or JSONata.
    Array,
    /// A boolean, or JSONata.
    Condition,
    /// Workflow variables with their values.
    Assign,
    /// The ARN of what a Task calls.
    Resource,
    /// `Credentials`: a payload template with a `RoleArn`.
    Credentials,
    /// `ErrorEquals`
    ErrorNames,
    /// `States`
    States,
    /// An object of that shape.
    Object(&'static Shape),
    /// A list, not empty, of objects of that shape.
    List(&'static Shape),
}

/// What a feature is to this runtime.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    Built,
    /// Only a distributed Map has it, and only STANDARD has those.
    Distributed,
    /// An inline Map may have it, but only a distributed one heeds it.
    InertInline,
    /// The service has it, this runtime not yet; the text names it.
    NotBuilt(&'static str),
}

/// A field that an object may have.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The one query language that has it.
    pub(crate) language: Option<QueryLanguage>,
    pub(crate) required: bool,
    /// Whether a JSONata expression may stand there instead.
    pub(crate) computed: bool,
    /// What of `$states` an expression there sees, beside what every expression does.
    pub(crate) sees: Option<&'static str>,
    pub(crate) feature: Feature,
}

/// Fields of which an object has one at most.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub(crate) fields: &'static [&'static str],
    /// Whether it must have one.
    pub(crate) required: bool,
}

/// What an object may look like.
pub(crate) struct Shape {
    pub(crate) parts: &'static [&'static [Field]],
    pub(crate) groups: &'static [Group],
    /// Whether it is a list of states with a start.
    pub(crate) is_container: bool,
    /// A rule that the table cannot say.
    pub(crate) rule: Rule,
}

/// The rules that the table cannot say; the checker has a function for each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    None,
    /// `States.ALL` stands alone and last; delays fit each other.
    Retrier,
    Catcher,
    /// A condition of a Choice.
    Choice,
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, language: None, required: false, computed: false, sees: None, feature: Feature::Built }
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Only JSONPath has it.
    const fn jsonpath(mut self) -> Self {
        self.language = Some(QueryLanguage::JsonPath);
        self
    }

    /// Only JSONata has it.
    const fn jsonata(mut self) -> Self {
        self.language = Some(QueryLanguage::Jsonata);
        self
    }

    const fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// An expression there sees this member of `$states`.
    const fn sees(mut self, member: &'static str) -> Self {
        self.sees = Some(member);
        self
    }

    const fn distributed(mut self) -> Self {
        self.feature = Feature::Distributed;
        self
    }

    const fn inert_inline(mut self) -> Self {
        self.feature = Feature::InertInline;
        self
    }

    const fn not_built(mut self, name: &'static str) -> Self {
        self.feature = Feature::NotBuilt(name);
        self
    }
}

impl Group {
    const fn one_of(fields: &'static [&'static str]) -> Self {
        Self { fields, required: true }
    }

    const fn at_most_one_of(fields: &'static [&'static str]) -> Self {
        Self { fields, required: false }
    }
}

impl Shape {
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }
}

impl QueryLanguage {
    /// The `QueryLanguage` of a machine or a state, if it says one.
    pub(crate) fn of(node: &Node) -> Option<Self> {
        match node.text_of("QueryLanguage") {
            Some("JSONata") => Some(Self::Jsonata),
            Some("JSONPath") => Some(Self::JsonPath),
            _ => None,
        }
    }
}

impl fmt::Display for QueryLanguage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::JsonPath => "JSONPath",
            Self::Jsonata => "JSONata",
        })
    }
}

/// A shape without groups and rules of its own.
const PLAIN: Shape = Shape { parts: &[], groups: &[], is_container: false, rule: Rule::None };

/// The longest of all times in a definition, in seconds: three years and two months.
const SECONDS_MAX: i64 = 99_999_999;
/// `MaxDelaySeconds` must stay below 366 days.
const MAX_DELAY_SECONDS_MAX: i64 = 31_622_399;
const COUNT_MAX: i64 = i64::MAX;
const SECONDS: Kind = Integer(1, SECONDS_MAX);

pub(crate) static MACHINE: Shape = Shape {
    parts: &[
        CONTAINER,
        &[
            F::new("Version", Word(&["1.0"])),
            F::new("TimeoutSeconds", SECONDS),
            F::new("QueryLanguage", Word(&["JSONPath", "JSONata"])),
        ],
    ],
    is_container: true,
    ..PLAIN
};

/// The order of the names is that in which the service names missing ones.
const CONTAINER: &[Field] =
    &[F::new("States", States).required(), F::new("StartAt", Text).required(), F::new("Comment", Text)];

static BRANCH: Shape = Shape { parts: &[CONTAINER], is_container: true, ..PLAIN };

static ITEM_PROCESSOR: Shape =
    Shape { parts: &[CONTAINER, &[F::new("ProcessorConfig", Object(&PROCESSOR_CONFIG))]], is_container: true, ..PLAIN };

static PROCESSOR_CONFIG: Shape = Shape {
    parts: &[&[
        F::new("Mode", Word(&["INLINE", "DISTRIBUTED"])),
        F::new("ExecutionType", Word(&["STANDARD", "EXPRESS"])),
    ]],
    ..PLAIN
};

/// The kinds of state, as `Type` names them.
pub(crate) static STATES: &[(&str, Shape)] = &[
    ("Task", TASK),
    ("Pass", PASS),
    ("Wait", WAIT),
    ("Choice", CHOICE),
    ("Succeed", SUCCEED),
    ("Fail", FAIL),
    ("Parallel", PARALLEL),
    ("Map", MAP),
];

const COMMON: &[Field] = &[
    F::new("Type", Text).required(),
    F::new("Comment", Text),
    F::new("QueryLanguage", Word(&["JSONPath", "JSONata"])),
];

const IN_AND_OUT: &[Field] =
    &[F::new("InputPath", NullablePath).jsonpath(), F::new("OutputPath", NullablePath).jsonpath()];

const OUTPUT: &[Field] = &[F::new("Output", Value).jsonata()];
const ASSIGN: &[Field] = &[F::new("Assign", Assign)];
const FLOW: &[Field] = &[F::new("Next", Text), F::new("End", Boolean)];
const ARGUMENTS: &[Field] = &[F::new("Parameters", Template).jsonpath(), F::new("Arguments", Value).jsonata()];

/// Of a state whose act gives a result.
const RESULT: &[Field] = &[
    F::new("ResultSelector", Template).jsonpath(),
    F::new("ResultPath", ResultPath).jsonpath(),
    F::new("Output", Value).jsonata().sees("result"),
    F::new("Assign", Assign).sees("result"),
];

const ON_ERROR: &[Field] = &[F::new("Retry", List(&RETRIER)), F::new("Catch", List(&CATCHER))];

const PASS: Shape = Shape {
    parts: &[
        COMMON,
        IN_AND_OUT,
        OUTPUT,
        ASSIGN,
        FLOW,
        &[
            F::new("Result", Any).jsonpath(),
            F::new("Parameters", Template).jsonpath(),
            F::new("ResultPath", ResultPath).jsonpath(),
        ],
    ],
    ..PLAIN
};

const TASK: Shape = Shape {
    parts: &[
        COMMON,
        IN_AND_OUT,
        FLOW,
        ARGUMENTS,
        RESULT,
        ON_ERROR,
        &[
            F::new("Resource", Resource).required(),
            F::new("TimeoutSeconds", SECONDS).computed(),
            F::new("TimeoutSecondsPath", ReferencePath).jsonpath(),
            F::new("HeartbeatSeconds", SECONDS).computed(),
            F::new("HeartbeatSecondsPath", ReferencePath).jsonpath(),
            F::new("Credentials", Credentials).not_built("Credentials"),
        ],
    ],
    groups: &[
        Group::at_most_one_of(&["TimeoutSeconds", "TimeoutSecondsPath"]),
        Group::at_most_one_of(&["HeartbeatSeconds", "HeartbeatSecondsPath"]),
    ],
    ..PLAIN
};

const WAIT: Shape = Shape {
    parts: &[
        COMMON,
        IN_AND_OUT,
        OUTPUT,
        ASSIGN,
        FLOW,
        &[
            F::new("Seconds", Integer(0, SECONDS_MAX)).computed(),
            F::new("Timestamp", Timestamp).computed(),
            F::new("SecondsPath", ReferencePath).jsonpath(),
            F::new("TimestampPath", ReferencePath).jsonpath(),
        ],
    ],
    groups: &[Group::one_of(&["Seconds", "Timestamp", "SecondsPath", "TimestampPath"])],
    ..PLAIN
};

const CHOICE: Shape = Shape {
    parts: &[
        COMMON,
        IN_AND_OUT,
        OUTPUT,
        ASSIGN,
        &[F::new("Choices", List(&CHOICE_RULE)).required(), F::new("Default", Text)],
    ],
    ..PLAIN
};

const SUCCEED: Shape = Shape { parts: &[COMMON, IN_AND_OUT, OUTPUT], ..PLAIN };

const FAIL: Shape = Shape {
    parts: &[
        COMMON,
        &[
            F::new("Error", Text).computed(),
            F::new("Cause", Text).computed(),
            F::new("ErrorPath", PathOrIntrinsic).jsonpath(),
            F::new("CausePath", PathOrIntrinsic).jsonpath(),
        ],
    ],
    groups: &[Group::at_most_one_of(&["Error", "ErrorPath"]), Group::at_most_one_of(&["Cause", "CausePath"])],
    ..PLAIN
};

const PARALLEL: Shape = Shape {
    parts: &[COMMON, IN_AND_OUT, FLOW, ARGUMENTS, RESULT, ON_ERROR, &[F::new("Branches", List(&BRANCH)).required()]],
    ..PLAIN
};

const MAP: Shape = Shape {
    parts: &[
        COMMON,
        IN_AND_OUT,
        FLOW,
        RESULT,
        ON_ERROR,
        &[
            F::new("ItemProcessor", Object(&ITEM_PROCESSOR)),
            F::new("Iterator", Object(&ITEM_PROCESSOR)),
            F::new("Items", Array).jsonata(),
            F::new("ItemsPath", Path).jsonpath(),
            F::new("ItemSelector", Template),
            F::new("Parameters", Template).jsonpath(),
            F::new("MaxConcurrency", Integer(0, COUNT_MAX)).computed(),
            F::new("MaxConcurrencyPath", ReferencePath).jsonpath(),
            F::new("ToleratedFailureCount", Integer(0, COUNT_MAX)).computed().inert_inline(),
            F::new("ToleratedFailureCountPath", ReferencePath).jsonpath().inert_inline(),
            F::new("ToleratedFailurePercentage", Number(0.0, 100.0)).computed().inert_inline(),
            F::new("ToleratedFailurePercentagePath", ReferencePath).jsonpath().inert_inline(),
            F::new("Label", Text).distributed(),
            F::new("ItemReader", Object(&ITEM_READER)).distributed(),
            F::new("ItemBatcher", Object(&ITEM_BATCHER)).distributed(),
            F::new("ResultWriter", Object(&RESULT_WRITER)).distributed(),
        ],
    ],
    groups: &[
        Group::one_of(&["ItemProcessor", "Iterator"]),
        Group::at_most_one_of(&["ItemSelector", "Parameters"]),
        Group::at_most_one_of(&["MaxConcurrency", "MaxConcurrencyPath"]),
        Group::at_most_one_of(&["ToleratedFailureCount", "ToleratedFailureCountPath"]),
        Group::at_most_one_of(&["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"]),
    ],
    ..PLAIN
};

static ITEM_READER: Shape = Shape {
    parts: &[
        ARGUMENTS,
        &[F::new("Resource", Text).required(), F::new("ReaderConfig", Object(&READER_CONFIG)), F::new("Comment", Text)],
    ],
    ..PLAIN
};

static READER_CONFIG: Shape = Shape {
    parts: &[&[
        F::new("InputType", Word(&["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"])),
        F::new("ManifestType", Word(&["ATHENA_DATA", "S3_INVENTORY"])),
        F::new("Transformation", Word(&["NONE", "LOAD_AND_FLATTEN"])),
        F::new("CSVDelimiter", Word(&["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"])),
        F::new("CSVHeaderLocation", Word(&["FIRST_ROW", "GIVEN"])),
        F::new("CSVHeaders", Any),
        F::new("ItemsPointer", Text),
        F::new("MaxItems", Integer(0, 100_000_000)).computed(),
        F::new("MaxItemsPath", ReferencePath).jsonpath(),
    ]],
    groups: &[Group::at_most_one_of(&["MaxItems", "MaxItemsPath"])],
    ..PLAIN
};

static ITEM_BATCHER: Shape = Shape {
    parts: &[&[
        F::new("BatchInput", Template),
        F::new("MaxItemsPerBatch", Integer(0, COUNT_MAX)).computed(),
        F::new("MaxItemsPerBatchPath", ReferencePath).jsonpath(),
        F::new("MaxInputBytesPerBatch", Integer(0, 262_144)).computed(),
        F::new("MaxInputBytesPerBatchPath", ReferencePath).jsonpath(),
    ]],
    groups: &[
        Group::at_most_one_of(&["MaxItemsPerBatch", "MaxItemsPerBatchPath"]),
        Group::at_most_one_of(&["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"]),
    ],
    ..PLAIN
};

static RESULT_WRITER: Shape = Shape {
    parts: &[
        ARGUMENTS,
        &[F::new("Resource", Text), F::new("WriterConfig", Object(&WRITER_CONFIG)), F::new("Comment", Text)],
    ],
    ..PLAIN
};

static WRITER_CONFIG: Shape = Shape {
    parts: &[&[
        F::new("Transformation", Word(&["NONE", "COMPACT", "FLATTEN"])),
        F::new("OutputType", Word(&["JSON", "JSONL"])),
    ]],
    ..PLAIN
};

static RETRIER: Shape = Shape {
    parts: &[&[
        F::new("ErrorEquals", ErrorNames).required(),
        F::new("IntervalSeconds", SECONDS),
        F::new("MaxAttempts", Integer(0, SECONDS_MAX)),
        F::new("BackoffRate", Number(1.0, f64::MAX)),
        F::new("MaxDelaySeconds", Integer(1, MAX_DELAY_SECONDS_MAX)),
        F::new("JitterStrategy", Word(&["FULL", "NONE"])),
        F::new("Comment", Text),
    ]],
    rule: Rule::Retrier,
    ..PLAIN
};

static CATCHER: Shape = Shape {
    parts: &[&[
        F::new("ErrorEquals", ErrorNames).required(),
        F::new("Next", Text).required(),
        F::new("ResultPath", ResultPath).jsonpath(),
        F::new("Output", Value).jsonata().sees("errorOutput"),
        F::new("Assign", Assign).sees("errorOutput"),
        F::new("Comment", Text),
    ]],
    rule: Rule::Catcher,
    ..PLAIN
};

/// A rule of a Choice, without the comparison operators: those are a table of their own
/// ([`fleetstep_expr::OPERATORS`]), as is how they nest.
static CHOICE_RULE: Shape = Shape {
    parts: &[ASSIGN, OUTPUT, CONDITION, &[F::new("Next", Text).required(), F::new("Condition", Condition).jsonata()]],
    rule: Rule::Choice,
    ..PLAIN
};

/// A condition within `And`, `Or` or `Not`.
pub(crate) static NESTED_CONDITION: Shape = Shape { parts: &[CONDITION], rule: Rule::Choice, ..PLAIN };

const CONDITION: &[Field] = &[
    F::new("Variable", Text).jsonpath(),
    F::new("And", Any).jsonpath(),
    F::new("Or", Any).jsonpath(),
    F::new("Not", Any).jsonpath(),
    F::new("Comment", Text),
];
