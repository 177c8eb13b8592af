"""The takings of a day, as a page and as CSV."""

from __future__ import annotations

import csv
from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from foundation.http.staff_pages import render_staff_page, staff_page
from foundation.money import format_money
from reports.takings import movements, takings

INVALID_DATE = "This is not a valid date. Write it like 2026-11-30."


@staff_page("payments.view_payment")
@require_safe
def day(request: HttpRequest) -> HttpResponse:
    """Show the takings of a day by method."""
    chosen = _requested_day(request)
    if chosen is None:
        return render_staff_page(request, "reports/takings.html", "Takings", error=INVALID_DATE)
    rows = [
        (row, *(format_money(amount, row.currency) for amount in (row.taken_minor, row.refunded_minor, row.net_minor)))
        for row in takings(chosen)
    ]
    return render_staff_page(
        request,
        "reports/takings.html",
        "Takings",
        day=chosen,
        rows=rows,
        before=chosen - timedelta(days=1),
        after=chosen + timedelta(days=1),
        has_after=chosen < timezone.localdate(),
    )


@staff_page("payments.view_payment")
@require_safe
def day_csv(request: HttpRequest) -> HttpResponse:
    """Return the movements of a day as CSV, with amounts in major units."""
    chosen = _requested_day(request)
    if chosen is None:
        return HttpResponse(INVALID_DATE, status=400, content_type="text/plain")
    headers = {"Content-Disposition": f'attachment; filename="takings-{chosen}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    sheet = csv.writer(response)
    sheet.writerow(["at", "method", "booking", "taken", "paid_back", "currency", "receipt"])
    for row in movements(chosen):
        at = timezone.localtime(row.at, timezone.get_default_timezone()).isoformat(timespec="seconds")
        amounts = (f"{minor // 100}.{minor % 100:02}" for minor in (row.taken_minor, row.refunded_minor))
        cells = (at, row.method, row.reference, *amounts, row.currency, row.receipt)
        sheet.writerow([_escape_formula(cell) for cell in cells])
    return response


def _escape_formula(text: str) -> str:
    # A spreadsheet would execute it.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _requested_day(request: HttpRequest) -> date | None:
    text = request.GET.get("on", "")
    try:
        chosen = parse_date(text) if text else timezone.localdate()
    except ValueError:
        return None
    return chosen if chosen and 2000 <= chosen.year <= 2200 else None
