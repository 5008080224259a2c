"""One operation for many: what a request names, or a page of what it selects without names.

Each operation has its own kind of name and its own other way to select; everything else is the same for all.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from api.invokers.bulk import MAX_SELECTED, Item, Request
from api.invokers.written_ids import MAX_WRITTEN_ID_LENGTH
from api.routes.conditions import MAX_CURSOR_LENGTH, NextCursor
from domain.payload import Payload

NamedId = Annotated[str, Field(min_length=1, max_length=MAX_WRITTEN_ID_LENGTH, description="As in an answer.")]
All = Annotated[Literal[True] | None, Field(description="Instead of names: all of them, a page at a time.")]
Operations = Mapping[str, Callable[[], Awaitable[object]]]
"""What is to be done, by the ID of what it is done to."""


class NamesOrOthers(Payload):
    """A request for many. `NAMES` is its field with names, `OTHERS` are those that select without."""

    NAMES: ClassVar[str] = "invocation_ids"
    OTHERS: ClassVar[tuple[str, ...]] = ("all",)

    @property
    def has_names(self) -> bool:
        return getattr(self, self.NAMES) is not None

    @model_validator(mode="after")
    def _selects_once(self) -> Self:
        if self.has_names is any(getattr(self, each) is not None for each in self.OTHERS):
            names, *others = (f"`{to_camel(each)}`" for each in (self.NAMES, *self.OTHERS))
            raise ValueError(f"write either {names} or {', '.join(others)}")
        return self


class SelectionRequest(NamesOrOthers):
    """A request whose other way to select finds a page at a time."""

    cursor: Annotated[str | None, Field(max_length=MAX_CURSOR_LENGTH, description="Of `next`.")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_SELECTED, description="Of what is selected without names.")] = MAX_SELECTED
    dry_run: Annotated[bool, Field(description="Without names: report what would be tried, and do nothing.")] = False

    @model_validator(mode="after")
    def _names_what_it_does(self) -> Self:
        if self.has_names and self.dry_run:
            raise ValueError("a dry run shows what is selected without names: leave `dryRun` out")
        return self

    async def carry_out(
        self,
        begun: Request,
        named: Callable[[], Operations],
        page: Callable[[], Awaitable[tuple[Operations, object | None]]],
    ) -> "SelectionReport":
        """Do what `named` has for the names, or `page` for a page, which also says where the next one begins."""
        operations, following = (named(), None) if self.has_names else await page()
        items = await begun.report(operations, dry_run=self.dry_run)
        return SelectionReport(items=items, next=NextCursor.of(following))


class SelectionReport(Payload):
    """`next` has the cursor for further ones that are selected without names; those that are `LEFT` are named."""

    items: list[Item]
    next: NextCursor | None
