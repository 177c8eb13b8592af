"""A page for each problem's ``type``: what it means, and what to do next."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from foundation.exceptions import all_refusals
from foundation.http.problem_texts import FRAMEWORK_TEXTS


def problem_texts() -> dict[str, tuple[str, str]]:
    """Return the explanation and the advice of each problem by its code, sorted by code."""
    texts = {refusal.code: (refusal.explanation, refusal.advice) for refusal in all_refusals() if refusal.explanation}
    return dict(sorted({**texts, **FRAMEWORK_TEXTS}.items()))


@csrf_exempt
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List every problem."""
    return _render(request, "Problems", problem_texts())


@csrf_exempt
@require_safe
def problem(request: HttpRequest, name: str) -> HttpResponse:
    """Explain one problem. ``name`` is its code with hyphens, as in the problem's ``type``."""
    code = name.replace("-", "_")
    texts = problem_texts()
    if code not in texts:
        raise Http404
    return _render(request, code, {code: texts[code]})


def _render(request: HttpRequest, title: str, problems: dict[str, tuple[str, str]]) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "problems": problems}
    return render(request, "daybook/problems.html", context)
