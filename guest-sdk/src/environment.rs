//! The variables that a function's configuration grants it.

/// The value of a variable of the function's configuration, or `None` when it grants no such variable.
///
/// In a native build this is the process's environment.
pub fn env(name: &str) -> Option<String> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::fleetstep::task::environment::get(name);
    #[cfg(not(target_arch = "wasm32"))]
    return std::env::var(name).ok();
}
