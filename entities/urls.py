from django.urls import path

from entities import views

urlpatterns = [
    path("new/entity", views.entity_create, name="entity-create"),
    path("entities/<str:name>/edit", views.entity_edit, name="entity-edit"),
    path("entities/<str:name>/delete", views.entity_delete, name="entity-delete"),
]
