"""Names of the platform's own metrics, all in one place. Base units, ``_total`` for counters, bounded labels.

Processes of one role share a directory of the multiprocess mode of prometheus-client, named in
``PROMETHEUS_MULTIPROC_DIR`` before the first import.
"""

from prometheus_client import Counter, Histogram

HTTP_REQUEST_DURATION = Histogram(
    "quarterdeck_http_request_duration_seconds",
    "Time from the first byte of a request to its answer.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
CHECK_RESULTS = Counter("quarterdeck_check_results_total", "Results stored, by kind and outcome.", ["kind", "outcome"])
CHECK_LATENESS = Histogram(
    "quarterdeck_check_lateness_seconds",
    "From the scheduled time of a check to its start.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
CHECK_SLOTS_MISSED = Counter("quarterdeck_check_slots_missed_total", "Slots that passed without being run.")
CHECK_RESULTS_DISCARDED = Counter(
    "quarterdeck_check_results_discarded_total", "Results of a claim that another had taken over meanwhile."
)
ERROR_EVENTS = Counter(
    "quarterdeck_error_reports_total",
    "Events that programs sent, by what became of them: accepted, refused, stored, dropped.",
    ["fate"],
)
BREAKER_TRANSITIONS = Counter(
    "quarterdeck_breaker_transitions_total",
    "Transitions of our own circuit breakers, by the state that they led to.",
    ["family", "state"],
)
RETRIES = Counter(
    "quarterdeck_retries_total", "Calls made again after a failure, by the function that was called.", ["call"]
)
