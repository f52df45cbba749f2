"""What people may set of something that goes out and looks: the fields of one kind of check, of queue, of breaker.

Everything that a page says about a kind stands on its ``Config``:

- ``presentation`` says what the kind is called, what it does, how it is drawn and what a new one of it starts with;
- of each field ``title`` is the label, ``description`` the help below it, the first of ``examples`` the placeholder;
- ``json_schema_extra={"advanced": True}`` folds a field away, ``{"multiline": True}`` gives a text several lines.

The control follows from the type: ``Duration``, ``bool``, ``Literal``, whole numbers, lists, mappings, ``Secret``,
anything else as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from core.redaction import redact
from core.secrets import MASK, mask_sealed


@dataclass(frozen=True, slots=True)
class Presentation:
    """``glyph`` is the path of a 16 by 16 drawing in lines; ``summary`` one sentence.

    ``suggested`` are values of common fields that a new check starts with in the form, ``conditions`` examples of them.
    A kind that ``waits`` never goes out: it has no rhythm of its own and cannot be tried. One that does not ``dial``
    judges what the platform knows. One that is not ``offered`` is for who writes the catalogue file.
    """

    title: str = ""
    summary: str = ""
    glyph: str = "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Zm-2 5.6 1.4 1.4 2.7-3"
    suggested: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    waits: bool = False
    dials: bool = True
    offered: bool = True


class KindConfig(BaseModel):
    """The fields of one kind, as the catalogue file and the API spell them. Unknown fields are refused.

    ``meaningless`` are the common fields that say nothing of this kind: no form shows them, and they keep
    their default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    presentation: ClassVar[Presentation] = Presentation()
    meaningless: ClassVar[frozenset[str]] = frozenset()

    @property
    def protection(self) -> int:
        """How well its secrets are protected on their way, compared within the kind: more is better.

        A kind that sends secrets and can encrypt, or prove who answers, says so.
        """
        return 0

    @classmethod
    def masked(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of this kind, any of them, as those may read them who may not edit: without secrets.

        A kind whose fields can hold secrets under a plain name hides these too. Values may be of any shape.
        """
        shown = mask_sealed(dict(fields))
        return {name: MASK if value == MASK else redact(value, name) for name, value in shown.items()}
