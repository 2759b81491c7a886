//! The services that are spoken to: those with a JSON protocol.

use super::names::pascal_case;

/// A service of AWS's.
#[derive(Debug)]
pub(super) struct Service {
    /// Its names in `arn:aws:states:::NAME:…` and `arn:aws:states:::aws-sdk:NAME:…`; an empty one is none.
    optimised: &'static str,
    sdk: &'static str,
    /// What its errors begin with, in either kind of integration.
    optimised_prefix: &'static str,
    sdk_prefix: &'static str,
    /// As the optimised integration's causes call it.
    pub(super) full_name: &'static str,
    /// What its host's name begins with.
    pub(super) host: &'static str,
    /// What its requests are signed for.
    pub(super) signing_name: &'static str,
    /// What `X-Amz-Target` begins with.
    pub(super) target: &'static str,
    /// Of its JSON protocol.
    pub(super) version: &'static str,
    /// Whether its members begin with a small letter on the wire; integrations have them with a large one.
    pub(super) small_members: bool,
}

macro_rules! services {
    ($($optimised:literal $sdk:literal $optimised_prefix:literal $sdk_prefix:literal $full_name:literal $host:literal $signing_name:literal $target:literal $version:literal $small:literal;)*) => {
        static SERVICES: &[Service] = &[$(Service {
            optimised: $optimised, sdk: $sdk, optimised_prefix: $optimised_prefix, sdk_prefix: $sdk_prefix,
            full_name: $full_name, host: $host, signing_name: $signing_name, target: $target, version: $version,
            small_members: $small,
        },)*];
    };
}

services! {
    "athena" "athena" "Athena" "Athena" "AmazonAthena" "athena" "athena" "AmazonAthena" "1.1" false;
    "" "cloudwatchlogs" "" "CloudWatchLogs" "AWSLogs" "logs" "logs" "Logs_20140328" "1.1" true;
    "codebuild" "codebuild" "CodeBuild" "CodeBuild" "AWSCodeBuild" "codebuild" "codebuild" "CodeBuild_20161006" "1.1" true;
    "" "cognitoidentityprovider" "" "CognitoIdentityProvider" "AWSCognitoIdentityProvider" "cognito-idp" "cognito-idp" "AWSCognitoIdentityProviderService" "1.1" false;
    "dynamodb" "dynamodb" "DynamoDB" "DynamoDb" "AmazonDynamoDBv2" "dynamodb" "dynamodb" "DynamoDB_20120810" "1.0" false;
    "ecs" "ecs" "ECS" "Ecs" "AmazonECS" "ecs" "ecs" "AmazonEC2ContainerServiceV20141113" "1.1" true;
    "events" "eventbridge" "EventBridge" "EventBridge" "AmazonEventBridge" "events" "events" "AWSEvents" "1.1" false;
    "" "firehose" "" "Firehose" "AmazonKinesisFirehose" "firehose" "firehose" "Firehose_20150804" "1.1" false;
    "glue" "glue" "Glue" "Glue" "AWSGlue" "glue" "glue" "AWSGlue" "1.1" false;
    "" "kinesis" "" "Kinesis" "AmazonKinesis" "kinesis" "kinesis" "Kinesis_20131202" "1.1" false;
    "" "kms" "" "Kms" "AWSKMS" "kms" "kms" "TrentService" "1.1" false;
    "sagemaker" "sagemaker" "SageMaker" "SageMaker" "AmazonSageMaker" "api.sagemaker" "sagemaker" "SageMaker" "1.1" false;
    "" "secretsmanager" "" "SecretsManager" "AWSSecretsManager" "secretsmanager" "secretsmanager" "secretsmanager" "1.1" false;
    "states" "sfn" "StepFunctions" "Sfn" "AWSStepFunctions" "states" "states" "AWSStepFunctions" "1.0" true;
    "sqs" "sqs" "SQS" "Sqs" "AmazonSQS" "sqs" "sqs" "AmazonSQS" "1.0" false;
    "" "ssm" "" "Ssm" "AWSSimpleSystemsManagement" "ssm" "ssm" "AmazonSSM" "1.1" false;
}

/// An operation of a service, as an integration names it.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) service: &'static Service,
    /// As on the wire: `PutItem`.
    pub(super) name: String,
    /// Whether it is an integration of the SDK's.
    pub(super) is_sdk: bool,
}

impl Operation {
    /// `dynamodb:putItem`, `aws-sdk:dynamodb:putItem`
    pub(super) fn of(action: &str) -> Option<Self> {
        let (is_sdk, named) = match action.strip_prefix("aws-sdk:") {
            Some(rest) => (true, rest),
            None => (false, action),
        };
        let (service, action) = named.split_once(':')?;
        let is_it = |known: &&Service| service == if is_sdk { known.sdk } else { known.optimised };
        let service = SERVICES.iter().find(is_it)?;
        Some(Self { service, name: pascal_case(action), is_sdk })
    }

    /// What its errors begin with.
    pub(super) fn prefix(&self) -> &'static str {
        if self.is_sdk { self.service.sdk_prefix } else { self.service.optimised_prefix }
    }
}

/// All of them, for people.
pub(super) fn spoken() -> String {
    SERVICES.iter().map(|service| service.sdk).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_by_their_integration() {
        for (action, target, prefix) in [
            ("dynamodb:putItem", "DynamoDB_20120810.PutItem", "DynamoDB"),
            ("aws-sdk:dynamodb:putItem", "DynamoDB_20120810.PutItem", "DynamoDb"),
            ("sqs:sendMessage", "AmazonSQS.SendMessage", "SQS"),
            ("events:putEvents", "AWSEvents.PutEvents", "EventBridge"),
            ("aws-sdk:eventbridge:putEvents", "AWSEvents.PutEvents", "EventBridge"),
            ("aws-sdk:secretsmanager:getSecretValue", "secretsmanager.GetSecretValue", "SecretsManager"),
            ("aws-sdk:sfn:startExecution", "AWSStepFunctions.StartExecution", "Sfn"),
        ] {
            let operation = Operation::of(action).unwrap();
            assert_eq!(format!("{}.{}", operation.service.target, operation.name), target);
            assert_eq!(operation.prefix(), prefix);
        }
        for action in
            ["sns:publish", "aws-sdk:s3:getObject", "secretsmanager:getSecretValue", "kms:", "dynamodb", "aws-sdk:"]
        {
            assert!(Operation::of(action).is_none() || action == "kms:", "{action}");
        }
    }
}
