//! One file for each subcommand.

pub(crate) mod bench;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod executions;
pub(crate) mod graph;
pub(crate) mod journal;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod new;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod start;
pub(crate) mod test;
pub(crate) mod validate;
