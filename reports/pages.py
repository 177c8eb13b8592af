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


@staff_page("payments.view_payment")
@require_safe
def day(request: HttpRequest) -> HttpResponse:
    """Show the day's takings by method."""
    chosen = _day(request)
    if chosen is None:
        return render_staff_page(
            request, "reports/takings.html", "Takings", fault="That is no date. Write it like 2026-11-30."
        )
    rows = [
        (each, *(format_money(v, each.currency) for v in (each.taken_minor, each.back_minor, each.net_minor)))
        for each in takings(chosen)
    ]
    step = timedelta(days=1)
    return render_staff_page(
        request,
        "reports/takings.html",
        "Takings",
        day=chosen,
        rows=rows,
        before=chosen - step,
        after=chosen + step,
        has_after=chosen < timezone.localdate(),
    )


@staff_page("payments.view_payment")
@require_safe
def day_csv(request: HttpRequest) -> HttpResponse:
    """Hand out the day's single movements as CSV, amounts in major units."""
    chosen = _day(request)
    if chosen is None:
        return HttpResponse("That is no date. Write it like 2026-11-30.", status=400, content_type="text/plain")
    headers = {"Content-Disposition": f'attachment; filename="takings-{chosen}.csv"'}
    answer = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    sheet = csv.writer(answer)
    sheet.writerow(["at", "method", "booking", "taken", "paid_back", "currency", "receipt"])
    for each in movements(chosen):
        at = timezone.localtime(each.at, timezone.get_default_timezone()).isoformat(timespec="seconds")
        amounts = (f"{minor // 100}.{minor % 100:02}" for minor in (each.taken_minor, each.back_minor))
        sheet.writerow(
            [_cell(text) for text in (at, each.method, each.reference, *amounts, each.currency, each.receipt)]
        )
    return answer


def _cell(text: str) -> str:
    # A spreadsheet would take it for a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _day(request: HttpRequest) -> date | None:
    text = request.GET.get("on", "")
    try:
        chosen = parse_date(text) if text else timezone.localdate()
    except ValueError:
        return None
    return chosen if chosen and 2000 <= chosen.year <= 2200 else None
