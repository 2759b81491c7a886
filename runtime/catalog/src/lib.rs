//! What is deployed: state machines, their versions and aliases, and functions. It survives a restart.
//!
//! A [`Catalog`] answers from memory and writes through to a [`Store`]: records in an embedded database,
//! modules as files named by their content. A start looks its [`StateMachine`] up and gets everything that
//! an execution needs, compiled: the program, and the [`TaskHost`](fleetstep_engine::TaskHost) that knows
//! which function each task means. What runs, and for how long, is the engine's; how a request looks on the
//! wire is the API's.
#![forbid(unsafe_code)]

pub mod arn;
mod catalog;
mod error;
mod failure;
mod function;
mod host;
mod integration;
mod invoke;
mod page;
mod pin;
mod published;
mod record;
mod release;
mod state_machine;
mod store;
mod token;
mod uuid;

pub use arn::{ActivityArn, ArnError, ExecutionArn, FunctionArn, NameError, Place, PlaceError, StateMachineArn};
pub use catalog::{
    ACTIVITIES_MAX, Activity, AliasRequest, Catalog, CatalogConfig, ChangeOf, FUNCTIONS_MAX, FunctionAliasChange,
    FunctionChange, FunctionChanged, FunctionExpected, FunctionFound, Pin, PinError, PublishFunction,
    ROUTES_OF_ACCOUNT_MAX, Restored, RouteRequest, SCHEDULES_MAX, STATE_MACHINES_MAX, Scheduled, Settled,
};
pub use error::{ActivityError, FunctionError, OpenError, PublishError, StateMachineError, TriggerError};
pub use failure::FUNCTION_NAME_PATTERN;
pub use fleetstep_asl::{Diagnostic, Resource};
pub use fleetstep_wasm::{BucketGrant, CallBounds, Credentials, Grants, MASKED, RuleSpec, SECRET_BYTES_MIN, Secrets};
pub use function::{
    CONCURRENCY, DESCRIPTION_CHARS_MAX, ENVIRONMENT_BYTES_MAX, FunctionDescription, FunctionPut, FunctionSettings,
    MEMORY_MIB, REUSE, TIMEOUT_SECONDS,
};
pub use integration::{Bound, Executions, Nested, Nesting, Outside};
pub use invoke::sdk_metadata;
pub use page::{InvalidToken, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Page, PageRequest, decode_token, encode_token, page};
pub use published::{
    ALIASES_MAX, Alias, INITIAL_REVISION, ROUTES_MAX, Route, TAGS_MAX, Target, VERSIONS_MAX, Version, WEIGHTS_SUM,
};
pub use release::{
    FUNCTION_ALIASES_MAX, FUNCTION_TAGS_MAX, FUNCTION_VERSIONS_MAX, FUNCTION_WEIGHTS_SUM, FunctionAlias,
    FunctionPackage, FunctionProfile, FunctionRoute, FunctionVersion,
};
pub use state_machine::{
    CreateStateMachine, Created, DefinitionFormat, Publication, Runnable, StateMachine, StateMachineStatus,
    UpdateStateMachine, WorkflowType,
};
pub use store::{Change, MemoryStore, RecordKind, RedbStore, Store, StoreError, StoreFuture, Stored};
pub use token::is_task_token;
