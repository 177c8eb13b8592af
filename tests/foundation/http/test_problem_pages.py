import pytest
import rest_framework.exceptions
from rest_framework.exceptions import APIException

from accounts.tokens import SignInFailed
from foundation.exceptions import all_refusals
from foundation.http.problem_pages import problem_texts
from foundation.http.problem_texts import CODE_FROM_STATUS, problem_body
from foundation.http.problems import DATABASE_UNAVAILABLE, FRAMEWORK_PROBLEMS
from foundation.http.transport import HTTPS_REQUIRED

pytestmark = pytest.mark.django_db


def framework_codes():
    """Return the codes of DRF's own exceptions. Those of a ValidationError become invalid_input."""
    classes = [value for value in vars(rest_framework.exceptions).values() if isinstance(value, type)]
    exceptions = [each for each in classes if issubclass(each, APIException)]
    return {exception.default_code for exception in exceptions} - {"invalid"} | {"invalid_input"}


def test_problem_pages_match_the_codes(client):
    own_codes = (
        {problem.code for problem in (DATABASE_UNAVAILABLE, *FRAMEWORK_PROBLEMS.values())}
        | {refusal.code for refusal in all_refusals()}
        | {
            SignInFailed.default_code,
            "csrf_failed",
            "callback_not_signed",
            HTTPS_REQUIRED.code,
            *CODE_FROM_STATUS.values(),
        }
    )

    assert set(problem_texts()) == own_codes | framework_codes()


@pytest.mark.parametrize("code", problem_texts())
@pytest.mark.django_db
def test_problem_type_is_the_url_of_its_page(client, code):
    url = problem_body(status=400, code=code, detail="", instance="")["type"]

    page = client.get(url)

    assert page.status_code == 200
    assert f"<h2><code>{code}</code></h2>" in page.content.decode()


@pytest.mark.django_db
def test_problem_index_lists_every_code_and_unknown_code_is_not_found(client):
    page = client.get("/problems/").content.decode()

    assert page.count("<h2><code>") == len(problem_texts())
    assert client.get("/problems/nothing").status_code == 404
