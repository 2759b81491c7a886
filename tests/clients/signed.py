"""boto3 and the AWS CLI against a server with keys: what each key may, and what a wrong one is told.

Usage: signed.py ENDPOINT AWS_COMMAND ID SECRET READER_ID READER_SECRET. The first key may deploy, start and read, the
second may read.
"""
import json
import os
import subprocess
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, AWS, ID, SECRET, READER_ID, READER_SECRET = sys.argv[1:]
ROLE = "arn:aws:iam::000000000000:role/workflow"
DEFINITION = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})

# StartSyncExecution's host prefix `sync-` has no name to resolve on loopback.
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL_SFN=ENDPOINT, AWS_ENDPOINT_URL_LAMBDA=ENDPOINT,
                  AWS_DISABLE_HOST_PREFIX_INJECTION="true")


def client(key, secret, service="stepfunctions"):
    config = Config(inject_host_prefix=False, retries={"max_attempts": 0})
    return boto3.client(service, aws_access_key_id=key, aws_secret_access_key=secret, config=config)


def refused(code, call):
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise AssertionError(f"expected {code}")


def with_boto3():
    full, reader = client(ID, SECRET), client(READER_ID, READER_SECRET)
    arn = full.create_state_machine(name="signed", definition=DEFINITION, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    # Equal requests of one second have one signature, and all are served.
    for _ in range(5):
        result = full.start_sync_execution(stateMachineArn=arn, input='{"ä": 1}')
        assert (result["status"], json.loads(result["output"])) == ("SUCCEEDED", {"ä": 1}), result
    full.start_execution(stateMachineArn=arn)
    assert reader.describe_state_machine(stateMachineArn=arn)["name"] == "signed"
    refused("AccessDeniedException", lambda: reader.start_execution(stateMachineArn=arn))
    refused("AccessDeniedException", lambda: reader.delete_state_machine(stateMachineArn=arn))
    refused("InvalidSignatureException", lambda: client(ID, READER_SECRET).list_state_machines())
    refused("UnrecognizedClientException", lambda: client("AKIDUNKNOWN", SECRET).list_state_machines())
    print("boto3: ok")


def with_lambda():
    """Signed for another service, with ARNs in paths and parameters behind them."""
    full, reader = client(ID, SECRET, "lambda"), client(READER_ID, READER_SECRET, "lambda")
    new = {"FunctionName": "signed", "Runtime": "provided.al2023", "Handler": "x", "Role": ROLE, "Code": {"ZipFile": b"no zip"}}
    refused("InvalidParameterValueException", lambda: full.create_function(**new))
    refused("AccessDeniedException", lambda: reader.create_function(**new))
    assert full.list_functions(MaxItems=5)["Functions"] == reader.list_functions()["Functions"] == []
    arn = "arn:aws:lambda:us-east-1:000000000000:function:signed"
    refused("ResourceNotFoundException", lambda: reader.list_tags(Resource=arn))
    refused("ResourceNotFoundException", lambda: full.untag_resource(Resource=arn, TagKeys=["a b", "c/d"]))
    refused("ResourceNotFoundException", lambda: full.invoke(FunctionName=arn, Qualifier="$LATEST", Payload=b"{}"))
    refused("AccessDeniedException", lambda: reader.invoke(FunctionName="signed", Payload=b"{}"))
    refused("InvalidSignatureException", lambda: client(ID, READER_SECRET, "lambda").list_functions())
    refused("UnrecognizedClientException", lambda: client("AKIDUNKNOWN", SECRET, "lambda").list_functions())
    print("lambda: ok")


def with_the_cli():
    def run(key, secret, *arguments):
        environment = os.environ | {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        return subprocess.run([AWS, "stepfunctions", *arguments], env=environment, capture_output=True, text=True)

    listed = run(READER_ID, READER_SECRET, "list-state-machines")
    assert listed.returncode == 0, listed.stderr
    assert [machine["name"] for machine in json.loads(listed.stdout)["stateMachines"]] == ["signed"], listed.stdout
    wrong = run(READER_ID, SECRET, "list-state-machines")
    assert wrong.returncode != 0 and "InvalidSignatureException" in wrong.stderr, wrong.stderr
    print("aws cli: ok")


with_boto3()
with_lambda()
with_the_cli()
