"""A typed registry: plugins enter by one registration, and a bad one is refused at the door."""

from collections.abc import Callable, Iterator


class Registry[T]:
    """Names to implementations, in order of registration.

    ``validate`` raises ``ValueError`` for an implementation that cannot work. Registering a name twice is a
    ``ValueError`` as well: a plugin must not replace another in silence.
    """

    def __init__(self, what: str, *, validate: Callable[[T], None] | None = None) -> None:
        self._what = what
        self._validate = validate
        self._items: dict[str, T] = {}

    def register(self, name: str, item: T) -> T:
        if name in self._items:
            raise ValueError(f"{self._what} {name!r} is already registered")
        if self._validate is not None:
            self._validate(item)
        self._items[name] = item
        return item

    def get(self, name: str) -> T | None:
        return self._items.get(name)

    def names(self) -> list[str]:
        return list(self._items)

    def items(self) -> list[tuple[str, T]]:
        return list(self._items.items())

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __contains__(self, name: object) -> bool:
        return name in self._items
