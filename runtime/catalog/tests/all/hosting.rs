//! What a machine's tasks answer.

use super::support::{
    LAMBDA_INVOKE, begin, call, calling, create, echoes, empty, end, function_arn, json, says, says_after,
    says_letters, task,
};
use fleetstep_catalog::FunctionSettings;
use std::time::Duration;

#[tokio::test]
async fn a_function_gets_the_input_and_answers() {
    let catalog = empty().await;
    catalog.put_function("echo", echoes(), None).await.unwrap();
    for resource in [function_arn("echo"), format!("{}:$LATEST", function_arn("echo"))] {
        let machine = create(&catalog, "m", &task(&resource)).await.unwrap().machine;
        for input in ["0.0", "[]", r#"{"a":[1,"b"]}"#, r#""text""#, "null"] {
            assert_eq!(call(&machine, input).await.unwrap(), input);
        }
        catalog.delete_state_machine(&machine.arn).await.unwrap();
    }
}

#[tokio::test]
async fn the_arn_of_another_account_means_the_function_of_that_name() {
    let catalog = empty().await;
    catalog.put_function("f", says("1"), None).await.unwrap();
    let machine = calling(&catalog, "m", "arn:aws:lambda:eu-west-1:123456789012:function:f").await;
    assert_eq!(call(&machine, "{}").await.unwrap(), "1");
}

#[tokio::test]
async fn lambda_invoke_wraps_the_answer() {
    let catalog = empty().await;
    catalog.put_function("echo", echoes(), None).await.unwrap();
    let machine = calling(&catalog, "m", LAMBDA_INVOKE).await;
    for (input, payload) in [
        (r#"{"FunctionName":"echo"}"#, "{}"),
        (r#"{"FunctionName":"echo","Payload":null}"#, "{}"),
        (r#"{"FunctionName":"echo:$LATEST","Payload":{"a":1}}"#, r#"{"a":1}"#),
        (r#"{"FunctionName":"echo","Payload":"{\"a\":0.0}"}"#, r#"{"a":0.0}"#),
        (r#"{"FunctionName":"arn:aws:lambda:us-east-1:000000000000:function:echo","Payload":[2]}"#, "[2]"),
    ] {
        let answer = json(&call(&machine, input).await.unwrap());
        assert_eq!(answer.get("Payload").unwrap().to_json(), payload, "{input}");
        let keys: Vec<_> = answer.as_object().unwrap().iter().map(|(key, _)| key.to_string()).collect();
        assert_eq!(keys, ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]);
    }
}

#[tokio::test]
async fn an_unknown_function_is_named() {
    let catalog = empty().await;
    catalog.put_function("f", says("1"), None).await.unwrap();
    let direct = calling(&catalog, "direct", &function_arn("g")).await;
    let invoke = calling(&catalog, "invoke", LAMBDA_INVOKE).await;
    for (machine, input, qualified) in [
        (&direct, "{}", "g:$LATEST"),
        (&invoke, r#"{"FunctionName":"g"}"#, "g:$LATEST"),
        (&invoke, r#"{"FunctionName":"f:7"}"#, "f:7"),
        (&invoke, r#"{"FunctionName":"f","Qualifier":"live"}"#, "f:live"),
    ] {
        let failure = call(machine, input).await.unwrap_err();
        assert_eq!(failure.error.as_deref(), Some("Lambda.ResourceNotFoundException"));
        let cause = failure.cause.unwrap();
        let (head, tail) = cause.split_once("Request ID: ").unwrap();
        assert_eq!(
            head,
            format!(
                "Function not found: {} (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; ",
                function_arn(qualified)
            )
        );
        assert_eq!(&tail[36..], "; Proxy: null)");
    }
}

#[tokio::test]
async fn a_machine_finds_functions_that_come_later_and_loses_those_that_go() {
    let catalog = empty().await;
    let machine = calling(&catalog, "m", &function_arn("f")).await;
    assert!(call(&machine, "{}").await.is_err());
    catalog.put_function("f", says("1"), None).await.unwrap();
    assert_eq!(call(&machine, "{}").await.unwrap(), "1");
    catalog.delete_function("f").await.unwrap();
    assert!(call(&machine, "{}").await.is_err());
    // Another machine that goes takes nothing of this one's along.
    let other = calling(&catalog, "other", &function_arn("f")).await;
    catalog.delete_state_machine(&other.arn).await.unwrap();
    catalog.put_function("f", says("2"), None).await.unwrap();
    assert_eq!(call(&machine, "{}").await.unwrap(), "2");
}

#[tokio::test]
async fn a_call_in_flight_ends_with_the_module_that_it_began_with() {
    let catalog = empty().await;
    catalog.put_function("f", says_after(Duration::from_millis(500), "\"old\""), None).await.unwrap();
    let machine = calling(&catalog, "m", &function_arn("f")).await;
    let in_flight = begin(&machine, "{}");
    let deleted = begin(&machine, "{}");
    catalog.put_function("f", says("\"new\""), None).await.unwrap();
    assert_eq!(call(&machine, "{}").await.unwrap(), "\"new\"", "the next call uses the new module");
    assert_eq!(end(in_flight).await.unwrap(), "\"old\"");
    catalog.delete_function("f").await.unwrap();
    assert_eq!(end(deleted).await.unwrap(), "\"old\"");
}

#[tokio::test]
async fn more_calls_than_a_function_may_have_are_throttled() {
    let catalog = empty().await;
    let settings = FunctionSettings { concurrency_max: 1, ..FunctionSettings { memory_mib: 8, ..Default::default() } };
    let wait = says_after(Duration::from_millis(300), "1");
    catalog.put_function("f", wait, Some(settings)).await.unwrap();
    let invoke = calling(&catalog, "m", LAMBDA_INVOKE).await;
    let first = begin(&invoke, r#"{"FunctionName":"f"}"#);
    let failure = call(&invoke, r#"{"FunctionName":"f"}"#).await.unwrap_err();
    assert_eq!(failure.error.as_deref(), Some("Lambda.TooManyRequestsException"));
    end(first).await.unwrap();
    assert!(call(&invoke, r#"{"FunctionName":"f"}"#).await.is_ok());
}

#[tokio::test]
async fn an_answer_over_the_limit_names_the_resource() {
    let catalog = empty().await;
    catalog.put_function("f", says_letters(262_145), None).await.unwrap();
    let direct = calling(&catalog, "direct", &function_arn("f")).await;
    let invoke = calling(&catalog, "invoke", LAMBDA_INVOKE).await;
    for (machine, input, label) in
        [(&direct, "{}", function_arn("f")), (&invoke, r#"{"FunctionName":"f"}"#, "lambda".to_owned())]
    {
        let failure = call(machine, input).await.unwrap_err();
        assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"));
        assert_eq!(
            failure.cause.unwrap(),
            format!(
                "The state/task '{label}' returned a result with a size exceeding the maximum number of bytes service limit."
            )
        );
    }
}
