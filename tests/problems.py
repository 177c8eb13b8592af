"""Check problem responses (RFC 9457)."""

import json


def assert_problem(response, status, code, fields=None):
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    problem = json.loads(response.content)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    if fields is not None:
        assert sorted(error["field"] for error in problem["errors"]) == fields
    return problem
