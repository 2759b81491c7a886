//! The operations of the service's API model (2016-11-23), all of them.

use fleetstep_identity::Need;

macro_rules! operations {
    ($($name:ident $need:ident;)*) => {
        /// An operation of Step Functions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operation { $($name,)* }

        impl Operation {
            /// Every operation, by name.
            pub(crate) const ALL: &[(&str, Self)] = &[$((stringify!($name), Self::$name),)*];

            /// What it needs of its caller.
            pub(crate) fn need(self) -> Need {
                match self { $(Self::$name => Need::$need,)* }
            }
        }
    };
}

// Each with what it needs of its caller. The two that are called all the time come first; the others in the order of
// the model.
operations! {
    StartSyncExecution START;
    StartExecution START;
    CreateActivity DEPLOY;
    CreateStateMachine DEPLOY;
    CreateStateMachineAlias DEPLOY;
    DeleteActivity DEPLOY;
    DeleteStateMachine DEPLOY;
    DeleteStateMachineAlias DEPLOY;
    DeleteStateMachineVersion DEPLOY;
    DescribeActivity READ;
    DescribeExecution READ;
    DescribeMapRun READ;
    DescribeStateMachine READ;
    DescribeStateMachineAlias READ;
    DescribeStateMachineForExecution READ;
    GetActivityTask START;
    GetExecutionHistory READ;
    ListActivities READ;
    ListExecutions READ;
    ListMapRuns READ;
    ListStateMachineAliases READ;
    ListStateMachineVersions READ;
    ListStateMachines READ;
    ListTagsForResource READ;
    PublishStateMachineVersion DEPLOY;
    RedriveExecution START;
    SendTaskFailure START;
    SendTaskHeartbeat START;
    SendTaskSuccess START;
    StopExecution STOP;
    TagResource DEPLOY;
    TestState START;
    UntagResource DEPLOY;
    UpdateMapRun DEPLOY;
    UpdateStateMachine DEPLOY;
    UpdateStateMachineAlias DEPLOY;
    ValidateStateMachineDefinition READ;
}

impl Operation {
    /// The operation of that name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, operation)| *operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_has_37_operations() {
        assert_eq!(Operation::ALL.len(), 37);
        for (name, operation) in Operation::ALL {
            assert_eq!(Operation::named(name.as_bytes()), Some(*operation));
            assert_eq!(format!("{operation:?}"), *name);
        }
        assert_eq!(Operation::named(b"startExecution"), None);
    }
}
