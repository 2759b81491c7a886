//! The operations of the service's API model (2016-11-23), all of them.

macro_rules! operations {
    ($($name:ident)*) => {
        /// An operation of Step Functions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Operation { $($name,)* }

        impl Operation {
            /// Every operation, by name.
            const ALL: &[(&str, Self)] = &[$((stringify!($name), Self::$name),)*];
        }
    };
}

// The two that are called all the time come first; the others in the order of the model.
operations! {
    StartSyncExecution
    StartExecution
    CreateActivity
    CreateStateMachine
    CreateStateMachineAlias
    DeleteActivity
    DeleteStateMachine
    DeleteStateMachineAlias
    DeleteStateMachineVersion
    DescribeActivity
    DescribeExecution
    DescribeMapRun
    DescribeStateMachine
    DescribeStateMachineAlias
    DescribeStateMachineForExecution
    GetActivityTask
    GetExecutionHistory
    ListActivities
    ListExecutions
    ListMapRuns
    ListStateMachineAliases
    ListStateMachineVersions
    ListStateMachines
    ListTagsForResource
    PublishStateMachineVersion
    RedriveExecution
    SendTaskFailure
    SendTaskHeartbeat
    SendTaskSuccess
    StopExecution
    TagResource
    TestState
    UntagResource
    UpdateMapRun
    UpdateStateMachine
    UpdateStateMachineAlias
    ValidateStateMachineDefinition
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
