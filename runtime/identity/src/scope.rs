//! What a key may do.

use std::fmt;
use std::str::FromStr;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident $text:literal $bit:literal;)*) => {
        /// A part of what there is to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Scope { $($(#[$doc])* $name = $bit,)* }

        impl Scope {
            /// Every scope.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name, as the keys' file and the command line have it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

scopes! {
    /// To create, change and delete state machines, versions, aliases, tags and functions.
    Deploy "deploy" 1;
    /// To start and stop executions, to call functions, to test states.
    Start "start" 2;
    /// To see what is deployed and what has run.
    Read "read" 4;
    /// All of these, and, for the account of the server itself, to see what concerns the whole process.
    Admin "admin" 8;
}

/// A text that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is no scope: there are deploy, start, read and admin")]
pub struct UnknownScope {
    /// As it came.
    pub name: String,
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.iter().find(|scope| scope.as_str() == name);
        found.copied().ok_or_else(|| UnknownScope { name: name.to_owned() })
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Whether `scope` is among them; `admin` holds all.
    #[must_use]
    pub fn hold(self, scope: Scope) -> bool {
        self.0 & (scope as u8 | Scope::Admin as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that were named.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.0 & *scope as u8 != 0)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope as u8))
    }
}

/// The names with commas between them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.iter().enumerate() {
            f.write_str(if at > 0 { "," } else { "" })?;
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

/// What an operation needs of its caller, and whether it is a change, which is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The scope.
    pub scope: Scope,
    /// Whether it changes what is deployed, or what runs otherwise than by starting.
    pub is_change: bool,
}

impl Need {
    /// To look.
    pub const READ: Self = Self { scope: Scope::Read, is_change: false };
    /// To start.
    pub const START: Self = Self { scope: Scope::Start, is_change: false };
    /// To end what was started.
    pub const STOP: Self = Self { scope: Scope::Start, is_change: true };
    /// To change what is deployed.
    pub const DEPLOY: Self = Self { scope: Scope::Deploy, is_change: true };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_named_and_admin_holds_all() {
        let all = |scopes: Scopes| Scope::ALL.iter().map(move |scope| scopes.hold(*scope)).collect::<Vec<_>>();
        assert_eq!(all([Scope::Start, Scope::Read].into_iter().collect()), [false, true, true, false]);
        assert_eq!(all([Scope::Admin].into_iter().collect()), [true; 4]);
        assert_eq!(all(Scopes::default()), [false; 4]);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(*scope));
        }
        assert!("Deploy".parse::<Scope>().is_err());
        assert_eq!([Scope::Read, Scope::Deploy].into_iter().collect::<Scopes>().to_string(), "deploy,read");
    }
}
