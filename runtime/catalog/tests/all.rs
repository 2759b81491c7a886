//! The catalog with a real sandbox: modules are small WASI commands, written as text.

mod all {
    mod function_versions;
    mod functions;
    mod hosting;
    mod pins;
    mod restart;
    mod state_machines;
    mod stores;
    mod support;
    mod versions;
}
