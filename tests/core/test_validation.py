"""What is wrong with a field, in words for people."""

from typing import Annotated, Any, Self

import pytest
from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from core.errors import FieldError, ValidationFailed
from core.text import Text, spelled
from core.validation import parse_model, wrong_field
from ops.health.checks.composite import CompositeConfig


class Sample(BaseModel):
    note: Annotated[Text, Field(max_length=3)] = ""
    secret: Annotated[SecretStr, Field(max_length=1)] = SecretStr("")
    plain: Annotated[str, Field(min_length=2)] = "ab"
    names: Annotated[tuple[str, ...], Field(max_length=2)] = ()
    checked: Annotated[list[str], AfterValidator(lambda value: value), Field(max_length=1)] = []
    labels: dict[str, str] = {}
    count: Annotated[int, Field(strict=True)] = 0
    lenient: int = 0
    code: Annotated[str, AfterValidator(spelled("[a-z]+", "must be letters a to z"))] = "a"


class Pair(BaseModel):
    body: int | None = None
    other: int | None = None

    @model_validator(mode="after")
    def _judge(self) -> Self:
        if self.body is None and self.other is None:
            raise ValueError("is empty")
        if self.other is None:
            raise wrong_field("other", "goes with {body}")
        return self


def test_an_error_of_the_whole_names_no_field_and_a_rule_over_several_names_one() -> None:
    def error_of(given: dict[str, Any]) -> FieldError:
        with pytest.raises(ValidationFailed) as caught:
            parse_model(Pair, given)
        (error,) = caught.value.errors
        return error

    whole, named = error_of({}), error_of({"body": 1})

    assert (whole, str(whole)) == (FieldError("", "is empty"), "is empty")
    assert (named, str(named)) == (FieldError("other", "goes with {body}"), "other: goes with {body}")
    assert (whole.below("3").field, named.below("3").field) == ("3", "3.other")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"note": "long"}, "Should have at most 3 characters"),
        ({"secret": "no"}, "Should have at most 1 character"),
        ({"plain": ""}, "Should have at least 2 characters"),
        ({"names": ["a"] * 3}, "Should have at most 2 items"),
        ({"checked": ["a"] * 2}, "Should have at most 1 item"),
        ({"names": "a"}, "Input should be a list"),
        ({"labels": 3}, "Input should be an object with named fields"),
        ({"count": 1e30}, "The number is too large"),
        ({"lenient": 1e30}, "The number is too large"),
        ({"count": 1.5}, "Input should be a whole number"),
        ({"lenient": "many"}, "Input should be a whole number"),
        ({"code": "a1"}, "must be letters a to z"),
        ({"code": "a\n"}, "must be letters a to z"),
    ],
)
def test_an_error_is_told_without_the_types_of_python(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_model(Sample, given)

    assert [(error.field, error.message) for error in caught.value.errors] == [(next(iter(given)), message)]


@pytest.mark.parametrize("need", ["some", "0", 51, 1.5, True, None, [], 10**30])
def test_a_choice_of_words_and_numbers_has_one_error(need: object) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_model(CompositeConfig, {"members": ["api/http"], "need": need})

    (error,) = caught.value.errors
    assert (error.field, error.message) == ("need", "expected all, any or a number from 1 to 50")
