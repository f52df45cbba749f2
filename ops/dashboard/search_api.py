"""The search over REST."""

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from core.api_auth import permitted
from core.api_input import refuse_unknown_query
from core.authentication import request_principal
from core.permissions import Permission
from core.search import TEXT_MAX, Hit
from core.text import Line
from ops.dashboard.search import Found, search

LIMIT_MAX = 50

router = Router(tags=["search"])


class SearchQuery(BaseModel):
    q: Annotated[Line, Field(min_length=1, max_length=TEXT_MAX, description="Words; each must be found.")]
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX, description="How many of each kind.")] = 10


class HitOut(BaseModel):
    kind: Literal["entity", "check", "queue", "breaker", "own_breaker", "error"]
    id: str = Field(description="Of an own breaker its name.")
    name: str = Field(description="Of an error group its title.")
    entity: str = Field(description="The name of the entity that it belongs to, or is; empty for an own breaker.")
    status: str = Field(description="Of a breaker or an error group its state.")
    page: str = Field(description="The path of its page.")

    @classmethod
    def of(cls, found: Found, hit: Hit) -> "HitOut":
        return cls.model_validate(
            {
                "kind": found.kind,
                "id": hit.uid,
                "name": hit.name,
                "entity": hit.entity_name,
                "status": hit.status,
                "page": found.page_url(hit),
            }
        )


class SearchOut(BaseModel):
    items: list[HitOut] = Field(description="By kind, the nearest first.")
    totals: dict[str, int] = Field(description="How many there are of each kind, those not listed included.")


@router.get(
    "/search",
    auth=permitted(Permission.CATALOG_VIEW),
    response=SearchOut,
    operation_id="search",
    summary="Find by name",
)
def find(request: HttpRequest, query: Query[SearchQuery]) -> SearchOut:
    """Entities, checks, queues, breakers of the fleet, own breakers and error groups of which each word is in the name,
    in the name of the entity, in an entity's title or description, or in the place of an error."""
    refuse_unknown_query(request, SearchQuery)
    found = search(principal=request_principal(request), text=query.q, limit=query.limit)
    return SearchOut(
        items=[HitOut.of(kind, hit) for kind in found for hit in kind.hits],
        totals={kind.kind: kind.total for kind in found},
    )
