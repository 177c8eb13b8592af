"""The takings of a day, as a page and as CSV."""

from __future__ import annotations

import csv
from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from foundation.clock import database_now
from foundation.http.problem_texts import Problem
from foundation.http.problems import problem_response
from foundation.http.staff_pages import render_staff_page, staff_page
from foundation.money import format_money, to_major
from reports.takings import movements, takings

INVALID_DATE = "This is not a valid date. Enter it like this: 2026-11-30."


@staff_page("payments.view_payment")
@require_safe
def day(request: HttpRequest) -> HttpResponse:
    """Show the takings of a day by method."""
    report_date = _read_report_date(request)
    if report_date is None:
        return render_staff_page(request, "reports/takings.html", "Takings", error=INVALID_DATE)
    rows = [
        (row, *(format_money(amount, row.currency) for amount in (row.taken_minor, row.returned_minor, row.net_minor)))
        for row in takings(report_date)
    ]
    return render_staff_page(
        request,
        "reports/takings.html",
        "Takings",
        day=report_date,
        rows=rows,
        previous_day=report_date - timedelta(days=1),
        next_day=report_date + timedelta(days=1),
        has_next_day=report_date < timezone.localdate(database_now()),
    )


@staff_page("payments.view_payment")
@require_safe
def day_csv(request: HttpRequest) -> HttpResponse:
    """Return the movements of a day as CSV, with amounts in major units."""
    report_date = _read_report_date(request)
    if report_date is None:
        return problem_response(request, Problem(400, "invalid_input", INVALID_DATE))
    headers = {"Content-Disposition": f'attachment; filename="takings-{report_date}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    sheet = csv.writer(response)
    sheet.writerow(["at", "method", "booking", "taken", "returned", "currency", "receipt"])
    for row in movements(report_date):
        at = timezone.localtime(row.at, timezone.get_default_timezone()).isoformat(timespec="seconds")
        amounts = (f"{to_major(minor, row.currency):f}" for minor in (row.taken_minor, row.returned_minor))
        cells = (at, row.method, row.reference, *amounts, row.currency, row.receipt)
        sheet.writerow([_escape_formula(cell) for cell in cells])
    return response


def _escape_formula(text: str) -> str:
    # A spreadsheet would evaluate such a cell as a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _read_report_date(request: HttpRequest) -> date | None:
    text = request.GET.get("on", "")
    try:
        report_date = parse_date(text) if text else timezone.localdate(database_now())
    except ValueError:
        return None
    return report_date if report_date and 2000 <= report_date.year <= 2200 else None
