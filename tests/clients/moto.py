"""What the test of forwarded integrations needs of moto, and what it finds there.

Usage: moto.py ENDPOINT prepare|check
"""
import sys

import boto3

ENDPOINT, WHAT = sys.argv[1:3]


def client(service):
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing-secret"}
    return boto3.client(service, endpoint_url=ENDPOINT, region_name="us-east-1", **keys)


if WHAT == "prepare":
    client("dynamodb").create_table(
        TableName="seats",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "seat", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "seat", "KeyType": "HASH"}],
    )
    client("secretsmanager").create_secret(Name="opening", SecretString="sesame")
    print("queue", client("sqs").create_queue(QueueName="hello")["QueueUrl"])
else:
    queue = client("sqs").get_queue_url(QueueName="hello")["QueueUrl"]
    for message in client("sqs").receive_message(QueueUrl=queue)["Messages"]:
        print("message", message["Body"])
