"""The least that runs a handler under the Lambda Runtime API: Lambda's own
runtime for Python does the same and more."""

import http.client
import json
import os

import index

API = "/2018-06-01/runtime/invocation/"


def main():
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        runtime.request("GET", API + "next")
        answer = runtime.getresponse()
        event = json.loads(answer.read())
        invocation = API + answer.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            index.handler(event, None)
            outcome, body = "/response", "null"
        except Exception as problem:
            outcome = "/error"
            body = json.dumps({"errorMessage": str(problem), "errorType": type(problem).__name__})
        runtime.request("POST", invocation + outcome, body=body)
        runtime.getresponse().read()


main()
