"""Prints the log events of one execution: read_log.py FILE EXECUTION_ARN

The server writes a little after it has answered, so this waits until the file stands still and the end has come."""
import json
import os
import sys
import time

ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}
file, arn = sys.argv[1:]


def events():
    if not os.path.exists(file):
        return []
    with open(file, encoding="utf-8") as lines:
        read = (json.loads(line) for line in lines if arn in line and line.endswith("\n"))
        return [event for event in read if event["execution_arn"] == arn]


found = events()
patience = time.monotonic() + 2
while time.monotonic() < patience and not any(event["type"] in ENDS for event in found):
    time.sleep(0.1)
    found = events()
for event in found:
    print(json.dumps(event))
