"""boto3's `lambda` client and the AWS CLI, unchanged but for the endpoint: functions from a zip, their versions and
aliases, calls, limits; and a workflow that calls an alias.

Usage: functions.py ENDPOINT AWS_COMMAND TASK_WASM COMMAND_WASM before|after. What `before` leaves behind is what `after`
finds, in another life of the server. The modules are those of tests/guests/conf and tests/guests/command.
"""
import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, AWS, TASK, COMMAND, PHASE = sys.argv[1:]
ROLE = "arn:aws:iam::000000000000:role/lambda"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"

# What a user sets in the shell. StartSyncExecution's host prefix `sync-` has no name to resolve on loopback.
os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ENDPOINT_URL_LAMBDA=ENDPOINT,
    AWS_ENDPOINT_URL_SFN=ENDPOINT,
    AWS_DISABLE_HOST_PREFIX_INJECTION="true",
)
os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")

# An error is to be seen as it comes, not after retries.
functions = boto3.client("lambda", config=Config(retries={"max_attempts": 0}))
sfn = boto3.client("stepfunctions")


def zipped(*files):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for path, name in files:
            made.write(path, name)
    return archive.getvalue()


TASK_ZIP = zipped((TASK, "dist/task.wasm"), (__file__, "README.py"))
COMMAND_ZIP = zipped((COMMAND, "command.wasm"))


def create(name, archive=TASK_ZIP, behaviour="echo", **more):
    made = functions.create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=ROLE, Code={"ZipFile": archive},
        Environment={"Variables": {"BEHAVIOUR": behaviour}}, **more,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return made


def behave(name, behaviour):
    changed = functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"BEHAVIOUR": behaviour}}
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    return changed


def invoke(name, payload=None, **more):
    body = {} if payload is None else {"Payload": json.dumps(payload)}
    answer = functions.invoke(FunctionName=name, **body, **more)
    text = answer["Payload"].read()
    return answer, json.loads(text) if text else None


def refused(code, status, call, message=""):
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and message in found["Message"], error
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        return
    raise AssertionError(f"expected {code}")


def a_function_from_a_zip():
    made = create("by-boto3", Description="first", Timeout=30, MemorySize=256, Tags={"team": "sales"})
    digest = base64.b64encode(hashlib.sha256(TASK_ZIP).digest()).decode()
    assert (made["CodeSha256"], made["CodeSize"]) == (digest, len(TASK_ZIP)), made
    assert (made["FunctionArn"], made["Version"], made["State"]) == (ARN + "by-boto3", "$LATEST", "Active"), made
    assert (made["Timeout"], made["MemorySize"], made["Description"]) == (30, 256, "first"), made
    assert made["Environment"] == {"Variables": {"BEHAVIOUR": "echo"}}, made
    found = functions.get_function(FunctionName="by-boto3")
    assert found["Configuration"]["RevisionId"] == made["RevisionId"] and found["Tags"] == {"team": "sales"}, found
    answer, output = invoke("by-boto3", {"a": [1, 2.5, "\u00fc"]})
    assert (answer["StatusCode"], answer["ExecutedVersion"], output) == (200, "$LATEST", {"a": [1, 2.5, "\u00fc"]})
    assert "FunctionError" not in answer, answer
    assert invoke("by-boto3")[1] == {}, "no payload is an empty object"
    for name in (ARN + "by-boto3", "000000000000:function:by-boto3", "by-boto3:$LATEST"):
        assert invoke(name, 7)[1] == 7, name

    code = functions.update_function_code(FunctionName="by-boto3", ZipFile=COMMAND_ZIP, DryRun=True)
    assert code["CodeSha256"] != digest
    assert functions.get_function_configuration(FunctionName="by-boto3")["CodeSha256"] == digest, "a dry run changes nothing"
    code = functions.update_function_code(FunctionName="by-boto3", ZipFile=COMMAND_ZIP, RevisionId=made["RevisionId"])
    revision = code["RevisionId"]
    functions.get_waiter("function_updated").wait(FunctionName="by-boto3")
    assert invoke("by-boto3", {"b": 1})[1] == {"b": 1}
    stale = {"FunctionName": "by-boto3", "ZipFile": TASK_ZIP, "RevisionId": made["RevisionId"]}
    refused("PreconditionFailedException", 412, lambda: functions.update_function_code(**stale), "RevisionId provided")
    changed = functions.update_function_configuration(FunctionName="by-boto3", MemorySize=512, RevisionId=revision)
    assert (changed["MemorySize"], changed["Timeout"], changed["Description"]) == (512, 30, "first"), changed

    functions.tag_resource(Resource=ARN + "by-boto3", Tags={"tier": "1 of 2"})
    functions.untag_resource(Resource=ARN + "by-boto3", TagKeys=["team"])
    assert functions.list_tags(Resource=ARN + "by-boto3")["Tags"] == {"tier": "1 of 2"}
    assert functions.get_function_code_signing_config(FunctionName="by-boto3").get("CodeSigningConfigArn") is None
    functions.delete_function(FunctionName="by-boto3")
    refused("ResourceNotFoundException", 404, lambda: functions.get_function(FunctionName="by-boto3"),
            f"Function not found: {ARN}by-boto3")


def errors_and_logs():
    create("fails", behaviour="raise-exception")
    answer, output = invoke("fails", {})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled"), answer
    assert output == {"errorType": "Exception", "errorMessage": "Some exception was raised."}, output
    behave("fails", "large-output")
    assert invoke("fails", {})[1]["errorType"] == "Function.ResponseSizeTooLarge"
    create("logs", archive=COMMAND_ZIP, behaviour="exit-3")
    invoke("logs", {})
    answer, output = invoke("logs", {}, LogType="Tail")
    assert (answer["FunctionError"], output["errorType"]) == ("Unhandled", "Runtime.ExitError"), output
    log = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert log[0].startswith("START RequestId: ") and log[0].endswith("Version: $LATEST"), log
    assert log[1] == "the disk is full" and log[2].startswith("END RequestId: "), log
    assert len(log) == 4 and "Billed Duration: " in log[3], log
    assert "LogResult" not in invoke("logs", {})[0]


def ways_to_call():
    create("called")
    dry = functions.invoke(FunctionName="called", InvocationType="DryRun")
    assert dry["StatusCode"] == 204, dry
    event = functions.invoke(FunctionName="called", InvocationType="Event", Payload=json.dumps({"n": 1}))
    assert event["StatusCode"] == 202 and event["Payload"].read() == b"", event
    assert len(invoke("called", "x" * 200_000)[1]) == 200_000
    refused("RequestTooLargeException", 413,
            lambda: functions.invoke(FunctionName="called", InvocationType="Event", Payload=json.dumps("x" * 270_000)),
            "is too large for the Event invocation type (limit 262144 bytes)")
    refused("InvalidRequestContentException", 400, lambda: functions.invoke(FunctionName="called", Payload="not json"),
            "Could not parse request body into json")
    refused("ResourceNotFoundException", 404, lambda: functions.invoke(FunctionName="called", Qualifier="7"),
            f"Function not found: {ARN}called:7")
    refused("InvalidParameterValueException", 400, lambda: functions.invoke(FunctionName="called:1", Qualifier="2"),
            "derived qualifier")

    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName="called")
    functions.put_function_concurrency(FunctionName="called", ReservedConcurrentExecutions=0)
    assert functions.get_function(FunctionName="called")["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    refused("TooManyRequestsException", 429, lambda: invoke("called", {}), "Rate Exceeded.")
    functions.put_function_concurrency(FunctionName="called", ReservedConcurrentExecutions=5)
    assert functions.get_function_concurrency(FunctionName="called")["ReservedConcurrentExecutions"] == 5
    assert invoke("called", 1)[1] == 1
    functions.delete_function_concurrency(FunctionName="called")
    assert "Concurrency" not in functions.get_function(FunctionName="called")


def what_is_refused():
    more = dict(FunctionName="refused", Runtime="provided.al2023", Handler="bootstrap", Role=ROLE)
    code = {"ZipFile": TASK_ZIP}
    for changes, message in [
        ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, "S3Bucket is not supported"),
        ({"Code": {"ImageUri": "registry/image:tag"}, "PackageType": "Image"}, "PackageType must be Zip"),
        ({"Code": code, "Layers": [ARN.replace("function", "layer") + "l:1"]}, "Layers are not supported"),
        ({"Code": code, "VpcConfig": {"SubnetIds": ["subnet-1"]}}, "VpcConfig is not supported"),
        ({"Code": code, "Runtime": "python3.13"}, "at 'runtime' failed to satisfy constraint"),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file"),
        ({"Code": {"ZipFile": zipped((__file__, "task.py"))}}, "no file that ends in .wasm"),
        ({"Code": {"ZipFile": zipped((TASK, "a.wasm"), (TASK, "b.wasm"))}}, "2 files that end in .wasm"),
        ({"Code": {"ZipFile": zipped((__file__, "task.wasm"))}}, "expected a component"),
        ({"Code": code, "Environment": {"Variables": {"BIG": "x" * 5_000}}}, "4096 at most"),
    ]:
        refused("InvalidParameterValueException", 400, lambda: functions.create_function(**{**more, **changes}), message)
    refused("ValidationException", 400, lambda: functions.create_function(**more, Code=code, Timeout=900), "at 'timeout'")
    create("refused")
    refused("ResourceConflictException", 409, lambda: functions.create_function(**more, Code=code),
            "Function already exist: refused")
    permission = dict(FunctionName="refused", StatementId="s", Action="lambda:InvokeFunction", Principal="*")
    refused("InvalidParameterValueException", 400, lambda: functions.add_permission(**permission), "scopes")
    refused("ResourceNotFoundException", 404, lambda: functions.get_policy(FunctionName="refused"))
    other = ARN.replace("000000000000", "111111111111") + "refused"
    refused("ResourceNotFoundException", 404, lambda: functions.get_function(FunctionName=other), other)
    functions.delete_function(FunctionName="refused")


def output_of(arn):
    ended = sfn.start_sync_execution(stateMachineArn=arn)
    assert ended["status"] == "SUCCEEDED", ended
    return json.loads(ended["output"])


def versions_and_aliases():
    """A deployment as pipelines do it: publish, point an alias at it, shift calls over; a workflow calls the alias."""
    made = create("versioned", behaviour="const-hello", Publish=True)
    assert (made["Version"], made["FunctionArn"]) == ("1", ARN + "versioned"), made
    live = functions.create_alias(FunctionName="versioned", Name="live", FunctionVersion="1", Description="what is live")
    assert live["AliasArn"] == ARN + "versioned:live", live
    behave("versioned", "const-string")
    current = functions.get_function_configuration(FunctionName="versioned")
    second = functions.publish_version(FunctionName="versioned", CodeSha256=current["CodeSha256"], Description="second")
    functions.get_waiter("published_version_active").wait(FunctionName="versioned", Qualifier="2")
    assert (second["Version"], second["FunctionArn"], second["Description"]) == ("2", ARN + "versioned:2", "second"), second
    assert functions.publish_version(FunctionName="versioned")["Version"] == "2", "nothing has changed since"
    refused("InvalidParameterValueException", 400,
            lambda: functions.publish_version(FunctionName="versioned", CodeSha256="x"), "is different from current CodeSHA256")
    hello, string = {"Return": "HelloWorld"}, "HelloWorld!"
    answer, output = invoke("versioned", {}, Qualifier="live")
    assert (answer["ExecutedVersion"], output) == ("1", hello), output
    assert invoke("versioned:2", {})[1] == invoke("versioned", {})[1] == string
    found = functions.get_function(FunctionName="versioned", Qualifier="live")["Configuration"]
    assert (found["Version"], found["FunctionArn"]) == ("1", ARN + "versioned:live"), found

    def machine(name, state):
        definition = {"StartAt": "Call", "States": {"Call": {"Type": "Task", "End": True, **state}}}
        made = sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, type="EXPRESS")
        return made["stateMachineArn"]

    direct = machine("calls-alias", {"Resource": ARN + "versioned:live"})
    by_invoke = machine("invokes-alias", {
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": ARN + "versioned:live"},
        "ResultSelector": {"payload.$": "$.Payload", "version.$": "$.ExecutedVersion"},
    })
    assert output_of(direct) == hello and output_of(by_invoke) == {"payload": hello, "version": "1"}

    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    shifted = functions.update_alias(FunctionName="versioned", Name="live", RoutingConfig=weights, RevisionId=live["RevisionId"])
    assert shifted["RoutingConfig"] == weights and shifted["FunctionVersion"] == "1", shifted
    # That 100 calls all go one way has a chance of two in 10^30.
    assert {invoke("versioned", {}, Qualifier="live")[0]["ExecutedVersion"] for _ in range(100)} == {"1", "2"}
    assert {json.dumps(output_of(direct)) for _ in range(100)} == {json.dumps(hello), json.dumps(string)}
    refused("PreconditionFailedException", 412, lambda: functions.update_alias(
        FunctionName="versioned", Name="live", FunctionVersion="2", RevisionId=live["RevisionId"]))
    refused("ResourceConflictException", 409, lambda: functions.delete_function(FunctionName="versioned", Qualifier="1"), "live")
    functions.update_alias(FunctionName="versioned", Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}})
    assert output_of(direct) == string and output_of(by_invoke) == {"payload": string, "version": "2"}

    refused("ResourceConflictException", 409,
            lambda: functions.create_alias(FunctionName="versioned", Name="live", FunctionVersion="1"), "Alias already exists")
    refused("ResourceNotFoundException", 404,
            lambda: functions.create_alias(FunctionName="versioned", Name="next", FunctionVersion="7"), "versioned:7")
    refused("ValidationException", 400, lambda: functions.create_alias(FunctionName="versioned", Name="7", FunctionVersion="1"))
    refused("ResourceNotFoundException", 404, lambda: functions.get_alias(FunctionName="versioned", Name="next"),
            f"Cannot find alias arn: {ARN}versioned:next")
    functions.create_alias(FunctionName="versioned", Name="next", FunctionVersion="$LATEST")
    functions.create_alias(FunctionName="versioned", Name="canary", FunctionVersion="1",
                           RoutingConfig={"AdditionalVersionWeights": {"2": 0.125}})
    listed = functions.list_aliases(FunctionName="versioned", FunctionVersion="2")["Aliases"]
    assert [alias["Name"] for alias in listed] == ["canary", "live"], listed


def pages():
    for at in range(5):
        create(f"page-{at}")
    pages = list(functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert len(pages) > 2 and names == sorted(set(names)) and {f"page-{at}" for at in range(5)} <= set(names), names
    listed = list(functions.get_paginator("list_versions_by_function").paginate(
        FunctionName="versioned", PaginationConfig={"PageSize": 1}))
    assert [page["Versions"][0]["Version"] for page in listed] == ["$LATEST", "1", "2"], listed
    assert listed[1]["Versions"][0]["FunctionArn"] == ARN + "versioned:1", listed
    listed = list(functions.get_paginator("list_aliases").paginate(FunctionName="versioned", PaginationConfig={"PageSize": 2}))
    assert [[alias["Name"] for alias in page["Aliases"]] for page in listed] == [["canary", "live"], ["next"]], listed
    refused("InvalidParameterValueException", 400, lambda: functions.list_functions(Marker="made up"))
    for at in range(5):
        functions.delete_function(FunctionName=f"page-{at}")


def aws(*arguments):
    done = subprocess.run([AWS, "lambda", *arguments, "--output", "json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"aws {arguments}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def with_aws_cli():
    with tempfile.TemporaryDirectory() as folder:
        archive, out = f"{folder}/task.zip", f"{folder}/out.json"
        with open(archive, "wb") as file:
            file.write(TASK_ZIP)
        made = aws("create-function", "--function-name", "by-cli", "--runtime", "provided.al2023", "--handler", "bootstrap",
                   "--role", ROLE, "--zip-file", f"fileb://{archive}", "--environment", "Variables={BEHAVIOUR=echo}")
        assert made["FunctionArn"] == ARN + "by-cli", made
        aws("wait", "function-active-v2", "--function-name", "by-cli")
        called = aws("invoke", "--function-name", "by-cli", "--payload", '{"by": "cli"}', "--log-type", "Tail", out)
        assert (called["StatusCode"], called["ExecutedVersion"]) == (200, "$LATEST"), called
        with open(out) as file:
            assert json.load(file) == {"by": "cli"}
        aws("update-function-code", "--function-name", "by-cli", "--zip-file", f"fileb://{archive}", "--publish")
        aws("wait", "function-updated-v2", "--function-name", "by-cli")
        aws("create-alias", "--function-name", "by-cli", "--name", "live", "--function-version", "1")
        aws("put-function-concurrency", "--function-name", "by-cli", "--reserved-concurrent-executions", "3")
        assert aws("list-aliases", "--function-name", "by-cli")["Aliases"][0]["FunctionVersion"] == "1"
        aws("delete-function", "--function-name", "by-cli")
        gone = subprocess.run([AWS, "lambda", "get-function", "--function-name", "by-cli"], capture_output=True, text=True)
        assert gone.returncode != 0 and "ResourceNotFoundException" in gone.stderr, gone


def after_a_restart():
    """All of it is there again: versions, aliases with their weights, concurrency, tags, the workflows."""
    machine = "arn:aws:states:us-east-1:000000000000:stateMachine:"
    assert output_of(machine + "calls-alias") == "HelloWorld!"
    assert output_of(machine + "invokes-alias") == {"payload": "HelloWorld!", "version": "2"}
    assert invoke("versioned", {}, Qualifier="1")[1] == {"Return": "HelloWorld"}
    canary = functions.get_alias(FunctionName="versioned", Name="canary")
    assert (canary["FunctionVersion"], canary["RoutingConfig"]) == ("1", {"AdditionalVersionWeights": {"2": 0.125}}), canary
    versions = functions.list_versions_by_function(FunctionName="versioned")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"], versions
    kept = functions.get_function(FunctionName="kept")
    assert kept["Concurrency"] == {"ReservedConcurrentExecutions": 7} and kept["Tags"] == {"team": "ops"}, kept
    assert (kept["Configuration"]["State"], kept["Configuration"]["MemorySize"]) == ("Active", 1024), kept
    behave("versioned", "echo")
    assert functions.publish_version(FunctionName="versioned")["Version"] == "3", "the count goes on"
    functions.delete_alias(FunctionName="versioned", Name="canary")
    functions.delete_function(FunctionName="versioned", Qualifier="1")
    refused("ResourceNotFoundException", 404, lambda: invoke("versioned:1", {}))
    functions.delete_function(FunctionName="versioned")
    failed = sfn.start_sync_execution(stateMachineArn=machine + "calls-alias")
    assert (failed["status"], failed["error"]) == ("FAILED", "Lambda.ResourceNotFoundException"), failed


if PHASE == "before":
    a_function_from_a_zip()
    errors_and_logs()
    ways_to_call()
    what_is_refused()
    versions_and_aliases()
    pages()
    create("kept", MemorySize=1024, Tags={"team": "ops"})
    functions.put_function_concurrency(FunctionName="kept", ReservedConcurrentExecutions=7)
    print("boto3: ok")
    with_aws_cli()
    print("aws cli: ok")
else:
    after_a_restart()
    print("restart: ok")
