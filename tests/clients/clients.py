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


def with_versions():
    """A deployment as pipelines do it: publish, point an alias at it, shift starts over, roll back."""
    sfn = boto3.client("stepfunctions")

    def answers(value):
        return json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Pass", "Result": value, "End": True}}})

    def output(arn):
        return sfn.start_sync_execution(stateMachineArn=arn)["output"]

    made = sfn.create_state_machine(
        name="versioned", definition=answers("blue"), roleArn=ROLE, type="EXPRESS", publish=True,
        versionDescription="blue", tags=[{"key": "team", "value": "sales"}],
    )
    arn, blue = made["stateMachineArn"], made["stateMachineVersionArn"]
    assert blue == f"{arn}:1", made
    live = sfn.create_state_machine_alias(
        name="LIVE", routingConfiguration=[{"stateMachineVersionArn": blue, "weight": 100}]
    )["stateMachineAliasArn"]
    revision = sfn.update_state_machine(stateMachineArn=arn, definition=answers("green"))["revisionId"]
    assert [output(each) for each in (arn, blue, live)] == ['"green"', '"blue"', '"blue"']
    refused("ConflictException", lambda: sfn.publish_state_machine_version(stateMachineArn=arn, revisionId="INITIAL"))
    green = sfn.publish_state_machine_version(stateMachineArn=arn, revisionId=revision)["stateMachineVersionArn"]
    assert sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == green == f"{arn}:2"
    described = sfn.describe_state_machine(stateMachineArn=green)
    assert (described["stateMachineArn"], described["revisionId"]) == (green, revision), described
    assert sfn.describe_state_machine(stateMachineArn=blue)["description"] == "blue"

    both = [{"stateMachineVersionArn": blue, "weight": 50}, {"stateMachineVersionArn": green, "weight": 50}]
    sfn.update_state_machine_alias(stateMachineAliasArn=live, routingConfiguration=both)
    assert sfn.describe_state_machine_alias(stateMachineAliasArn=live)["routingConfiguration"] == both
    # That 100 starts all go one way has a chance of two in 10^30.
    assert {output(live) for _ in range(100)} == {'"blue"', '"green"'}
    started = execution(sfn.start_execution(stateMachineArn=live)["executionArn"])
    assert started["stateMachineAliasArn"] == live and started["stateMachineVersionArn"] in (blue, green), started

    refused("ConflictException", lambda: sfn.delete_state_machine_version(stateMachineVersionArn=blue))
    only_green = [{"stateMachineVersionArn": green, "weight": 100}]
    sfn.update_state_machine_alias(stateMachineAliasArn=live, routingConfiguration=only_green)
    assert output(live) == '"green"'
    sfn.delete_state_machine_version(stateMachineVersionArn=blue)
    versions = sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [version["stateMachineVersionArn"] for version in versions] == [green], versions
    aliases = sfn.list_state_machine_aliases(stateMachineArn=green)["stateMachineAliases"]
    assert [alias["stateMachineAliasArn"] for alias in aliases] == [live], aliases

    sfn.tag_resource(resourceArn=arn, tags=[{"key": "tier", "value": "1"}])
    sfn.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "tier", "value": "1"}]
    sfn.delete_state_machine(stateMachineArn=arn)
    refused("StateMachineDoesNotExist", lambda: sfn.start_execution(stateMachineArn=live))
    refused("ResourceNotFound", lambda: sfn.describe_state_machine_alias(stateMachineAliasArn=live))


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
with_versions()
print("boto3: ok")
with_aws_cli()
print("aws cli: ok")
