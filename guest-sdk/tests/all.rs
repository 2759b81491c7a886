//! The SDK's tests that need more than the SDK: the bindings against the contract, and a module as a user builds it.

mod bindings;
mod module;
