"""boto3 and the AWS CLI, unchanged but for the endpoint: create, start both ways, read the result.

Usage: clients.py ENDPOINT AWS_COMMAND. Needs a function `conf-echo` on the server, which returns its payload.
"""
import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import boto3
from botocore.exceptions import ClientError

ENDPOINT, AWS = sys.argv[1], sys.argv[2]
ROLE = "arn:aws:iam::000000000000:role/workflow"
DEFINITION = {
    "StartAt": "Greet",
    "States": {
        "Greet": {"Type": "Pass", "Parameters": {"greeting.$": "States.Format('Hello, {}!', $.name)"}, "Next": "Echo"},
        "Echo": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "conf-echo", "Payload.$": "$"},
            "OutputPath": "$.Payload",
            "Next": "Check",
        },
        "Check": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.greeting", "StringMatches": "Hello, *!", "Next": "Done"}],
            "Default": "Rude",
        },
        "Done": {"Type": "Succeed"},
        "Rude": {"Type": "Fail", "Error": "Rude", "Cause": "no greeting"},
    },
}

# What a user sets in the shell. StartSyncExecution's host prefix `sync-` has no name to resolve on loopback.
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ENDPOINT_URL_SFN=ENDPOINT,
    AWS_DISABLE_HOST_PREFIX_INJECTION="true",
)


def refused(code, call):
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"expected {code}")


def execution(arn):
    """An express execution as /v1/executions shows it, once it has ended."""
    url = f"{ENDPOINT}/v1/executions/{urllib.parse.quote(arn, safe='')}"
    for _ in range(200):
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)
        if found["status"] != "RUNNING":
            return found
        time.sleep(0.05)
    raise AssertionError(f"{arn} did not end")


def with_boto3():
    sfn = boto3.client("stepfunctions")
    made = sfn.create_state_machine(name="by-boto3", definition=json.dumps(DEFINITION), roleArn=ROLE, type="EXPRESS")
    arn = made["stateMachineArn"]
    described = sfn.describe_state_machine(stateMachineArn=arn)
    assert (described["type"], described["status"]) == ("EXPRESS", "ACTIVE"), described
    assert json.loads(described["definition"]) == DEFINITION
    assert arn in [machine["stateMachineArn"] for machine in sfn.list_state_machines()["stateMachines"]]

    answer = sfn.start_sync_execution(stateMachineArn=arn, input=json.dumps({"name": "Ada"}))
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"greeting": "Hello, Ada!"}), answer
    failed = sfn.start_sync_execution(stateMachineArn=arn, input="{}")
    assert failed["status"] == "FAILED" and failed["error"] == "States.Runtime", failed

    started = sfn.start_execution(stateMachineArn=arn, name="one", input=json.dumps({"name": "Bob"}))
    ended = execution(started["executionArn"])
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", {"greeting": "Hello, Bob!"}), ended

    changed = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "Result": 42, "End": True}}}
    sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(changed))
    assert sfn.start_sync_execution(stateMachineArn=arn)["output"] == "42"
    broken = {"StartAt": "Nowhere", "States": changed["States"]}
    refused("InvalidDefinition", lambda: sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(broken)))
    standard = {"name": "standard", "definition": json.dumps(changed), "roleArn": ROLE, "type": "STANDARD"}
    assert "EXPRESS" in str(refused("StateMachineTypeNotSupported", lambda: sfn.create_state_machine(**standard)))
    sfn.delete_state_machine(stateMachineArn=arn)
    refused("StateMachineDoesNotExist", lambda: sfn.start_execution(stateMachineArn=arn))


def aws(*arguments):
    done = subprocess.run([AWS, "stepfunctions", *arguments, "--output", "json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"aws {arguments}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def with_aws_cli():
    arn = aws("create-state-machine", "--name", "by-cli", "--definition", json.dumps(DEFINITION),
              "--role-arn", ROLE, "--type", "EXPRESS")["stateMachineArn"]
    answer = aws("start-sync-execution", "--state-machine-arn", arn, "--input", '{"name":"Eve"}')
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"greeting": "Hello, Eve!"}), answer
    started = aws("start-execution", "--state-machine-arn", arn, "--input", '{"name":"Tom"}')
    assert execution(started["executionArn"])["output"] == {"greeting": "Hello, Tom!"}
    assert aws("describe-state-machine", "--state-machine-arn", arn)["name"] == "by-cli"
    aws("delete-state-machine", "--state-machine-arn", arn)


with_boto3()
print("boto3: ok")
with_aws_cli()
print("aws cli: ok")
