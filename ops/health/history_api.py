"""The history of checks over REST."""

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router

from core.api_auth import permitted
from core.api_input import refuse_unknown_query
from core.authentication import request_principal
from core.clock import database_now_ms, from_ms
from core.latency import percentiles_us
from core.permissions import Permission
from ops.health.csv_export import render_csv
from ops.health.history_schemas import (
    DayUptimeOut,
    FleetUptimeOut,
    IntervalsOut,
    PercentilesOut,
    PeriodQuery,
    SeriesOut,
    SeriesQuery,
    UptimeOut,
    UptimeQuery,
)
from ops.health.horizons import DAY_MS, current_horizons
from ops.health.periods import parse_period
from ops.health.schemas import ResultPage, ResultQuery
from ops.health.selectors import history, results_page
from ops.health.selectors.results import find_check_id, stream_results

router = Router(tags=["history"])

_VIEW = permitted(Permission.CATALOG_VIEW)


@router.get(
    "/checks/{uid}/results",
    auth=_VIEW,
    response=ResultPage,
    operation_id="listResults",
    summary="List the results of a check",
)
def list_results(request: HttpRequest, uid: str, query: Query[ResultQuery]) -> ResultPage:
    """Newest first; the whole of what is kept unless a range is given."""
    refuse_unknown_query(request, ResultQuery)
    now, kept_ms = database_now_ms(), current_horizons().raw_ms
    period = parse_period(query.since, query.until, now_ms=now, default_ms=kept_ms, kept_ms=kept_ms, whole=False)
    page = results_page(
        principal=request_principal(request),
        check_uid=uid,
        limit=query.limit,
        cursor=query.cursor,
        since_ms=None if query.since is None else period.since_ms,
        until_ms=None if query.until is None else period.until_ms,
    )
    return ResultPage.of(page, kept_since=from_ms(now - kept_ms))


@router.get(
    "/checks/{uid}/results.csv", auth=_VIEW, operation_id="exportResults", summary="Export the results of a check",
    openapi_extra={"responses": {200: {"description": "OK", "content": {"text/csv": {"schema": {"type": "string"}}}}}},
)  # fmt: skip
def export_results(request: HttpRequest, uid: str, query: Query[PeriodQuery]) -> StreamingHttpResponse:
    """All results of the range as CSV, newest first, sent as they are read."""
    refuse_unknown_query(request, PeriodQuery)
    check_id = find_check_id(principal=request_principal(request), uid=uid)
    kept_ms = current_horizons().raw_ms
    period = parse_period(
        query.since, query.until, now_ms=database_now_ms(), default_ms=kept_ms, kept_ms=kept_ms, whole=False
    )
    rows = stream_results(check_id, since_ms=period.since_ms, until_ms=period.until_ms)
    response = StreamingHttpResponse(render_csv(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{uid}-results.csv"'
    return response


@router.get(
    "/checks/{uid}/uptime", auth=_VIEW, response=UptimeOut, operation_id="getUptime", summary="The uptime of a check"
)
def get_uptime(request: HttpRequest, uid: str, query: Query[UptimeQuery]) -> UptimeOut:
    """Of the last 1h, 24h, 7d, 30d and 90d, and day by day."""
    refuse_unknown_query(request, UptimeQuery)
    check_id = find_check_id(principal=request_principal(request), uid=uid)
    days = history.uptime_days([check_id], days=query.days)[check_id]
    windows = {name: window.ratio for name, window in history.uptime_windows(check_id).items()}
    return UptimeOut.model_validate({"windows": windows, "days": [DayUptimeOut.of(day) for day in days]})


@router.get(
    "/uptime", auth=_VIEW, response=FleetUptimeOut, operation_id="getFleetUptime", summary="The uptime of every check"
)
def get_fleet_uptime(request: HttpRequest, query: Query[UptimeQuery]) -> FleetUptimeOut:
    """Over the last days of UTC, up to the last full hour."""
    refuse_unknown_query(request, UptimeQuery)
    ratios = history.fleet_uptime(principal=request_principal(request), days=query.days)
    return FleetUptimeOut(days=query.days, uptime=ratios)


@router.get(
    "/checks/{uid}/percentiles",
    auth=_VIEW,
    response=PercentilesOut,
    operation_id="getPercentiles",
    summary="Percentiles of the duration of a check",
)
def get_percentiles(request: HttpRequest, uid: str, query: Query[PeriodQuery]) -> PercentilesOut:
    """Of the last 24 hours unless a range is given.

    Where single results are gone, the range begins with the roll-up around ``since``; the answer says from when it is.
    """
    refuse_unknown_query(request, PeriodQuery)
    check_id = find_check_id(principal=request_principal(request), uid=uid)
    period = parse_period(
        query.since, query.until, now_ms=database_now_ms(), default_ms=DAY_MS, kept_ms=current_horizons().hourly_ms
    )
    totals, since_ms, until_ms = history.window_totals(check_id, since_ms=period.since_ms, until_ms=period.until_ms)
    percentiles = percentiles_us(totals.latency, 0.5, 0.9, 0.95, 0.99)
    return PercentilesOut.of(totals, percentiles, since_ms=since_ms, until_ms=until_ms)


@router.get(
    "/checks/{uid}/intervals",
    auth=_VIEW,
    response=IntervalsOut,
    operation_id="listIntervals",
    summary="The statuses of a check over time",
)
def list_intervals(request: HttpRequest, uid: str, query: Query[PeriodQuery]) -> IntervalsOut:
    """Of the last 24 hours unless a range is given; changes of status are kept for good."""
    refuse_unknown_query(request, PeriodQuery)
    check_id = find_check_id(principal=request_principal(request), uid=uid)
    period = parse_period(query.since, query.until, now_ms=database_now_ms(), default_ms=DAY_MS, kept_ms=None)
    history.refuse_too_many_changes(check_id, since_ms=period.since_ms, until_ms=period.until_ms)
    return IntervalsOut.of(history.state_intervals(check_id, since_ms=period.since_ms, until_ms=period.until_ms))


@router.get(
    "/checks/{uid}/series", auth=_VIEW, response=SeriesOut, operation_id="getSeries", summary="A chart of a check"
)
def get_series(request: HttpRequest, uid: str, query: Query[SeriesQuery]) -> SeriesOut:
    """Latency and failures of the last 24 hours unless a range is given, as finely as the points allow."""
    refuse_unknown_query(request, SeriesQuery)
    check_id = find_check_id(principal=request_principal(request), uid=uid)
    period = parse_period(
        query.since, query.until, now_ms=database_now_ms(), default_ms=DAY_MS, kept_ms=current_horizons().hourly_ms
    )
    series = history.latency_series([check_id], since_ms=period.since_ms, until_ms=period.until_ms, points=query.points)
    return SeriesOut.of(series[check_id])
