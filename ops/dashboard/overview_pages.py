"""The overview, of the whole fleet or narrowed to a team, an environment or a label."""

from collections import Counter
from typing import Any

from django.http import QueryDict

from core.permissions import Principal
from ops.dashboard.blindness import Blindness
from ops.dashboard.changes import list_changes
from ops.dashboard.entity_listing import list_entities
from ops.dashboard.kept_filters import KEPT_FILTERS, kept_scope, read_kept
from ops.dashboard.lists import address
from ops.dashboard.problems import list_problems
from ops.dashboard.standing import read_fleet
from ops.dashboard.tally import Tally
from ops.dashboard.tiles import read_tiles

OPEN_PROBLEMS = 10
"""The others are folded, so that the rest of the page stays in reach."""


def read_overview(query: QueryDict, *, path: str, principal: Principal, blind: Blindness | None) -> dict[str, Any]:
    """The context of the page but for its frame, which is always of the whole fleet.

    Everything in it follows what the address narrows the page to; ``scope`` says to what, and is empty for the whole.
    """
    fleet, owner, scope = read_fleet(), read_kept(query), kept_scope(query)
    own = fleet.passing(owner)
    counts = fleet.counts if own is None else Counter(fleet.statuses[pk].status for pk in own)
    problems, total = list_problems(fleet.statuses, principal=principal, blind=blind is not None, only=own)
    filters, listing = list_entities(query, path=path, fleet=fleet)
    return {
        "tally": Tally(counts),
        "scope": scope,
        "fleet_url": address(query, path, page=None, **dict.fromkeys(KEPT_FILTERS)),
        "problems": problems[:OPEN_PROBLEMS],
        "folded_problems": problems[OPEN_PROBLEMS:],
        "more_problems": total - OPEN_PROBLEMS,
        "unlisted_problems": total - len(problems),
        "lead": problems[0] if problems else None,
        "tiles": read_tiles(principal=principal, stamp=fleet.stamp, query=query),
        "filters": filters,
        "listing": listing,
        "changes": list_changes(owner=owner),
    }
