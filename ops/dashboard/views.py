from django.http import HttpRequest, HttpResponse

from core.permissions import Permission, requires


@requires(Permission.CATALOG_VIEW)
def overview(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("overview")
