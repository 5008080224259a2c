"""Each operation declares which role it needs: `dependencies=needs(Role.CALLER, service="UserFeed")`.

What is declared is what is checked and what the OpenAPI document says. An operation without a declaration does not
start: `check_declared`.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.routing import BaseRoute

from api.http.body import refuse_other_media_types
from api.http.openapi import BEARER_SCHEME
from api.http.problems import RETRY, Problem
from api.http.query import refuse_unknown_parameters
from api.security.authentication import ANYONE, Authentication, Unauthenticated
from api.security.limits import Admission
from api.security.local import is_address_or_localhost, is_loopback_origin
from api.security.web_ui import origins
from domain.access import Caller, Role
from infra.settings import Settings
from infra.tokens import IssuerUnavailable

log = logging.getLogger("api")

BEARER = HTTPBearer(
    scheme_name=BEARER_SCHEME,
    bearerFormat="API key or JWT",
    description="An API key (`dpk_...`) or a JWT. An operation's `security` names the role that it needs.",
    auto_error=False,
)
STRIPE_SIGNATURE = APIKeyHeader(
    name="Stripe-Signature",
    scheme_name="StripeSignature",
    description="Stripe signs each event with the secret of the endpoint.",
    auto_error=False,
)


@dataclass(frozen=True)
class Access:
    """The declaration of an operation that needs a role, and the check."""

    role: Role
    service: str | None
    """The service that the operation belongs to; None if that shows later, as for an invocation."""
    waits: bool
    """Whether it waits for an outcome."""

    async def __call__(self, request: Request, _: Annotated[Any, Depends(BEARER)]) -> AsyncIterator[None]:
        """Count the request for its caller until it is answered.

        Raises `Problem` 401, 403, 429, and 503 if the token cannot be checked now or too many calls wait.
        """
        caller = await _identify(request)
        request.state.caller = caller
        admission: Admission = request.app.state.admission
        with admission.admit(caller, waits=self.waits):
            self._must_be_allowed(request, caller)
            yield

    def _must_be_allowed(self, request: Request, caller: Caller) -> None:
        if self.role not in caller.roles:
            log.info("Refused %s to %r: the role %s is missing.", request.scope["route"].path, caller.name, self.role)
            raise _forbidden(f"This needs the role {self.role}, which the credentials do not have.")
        if self.service is not None:
            must_reach(caller, self.service)


@dataclass(frozen=True)
class OpenAccess:
    """The declaration of an operation for which no credentials are asked."""

    async def __call__(self) -> None:
        """Everyone may call it."""


@dataclass(frozen=True)
class SignedByStripe:
    """The declaration of an operation that checks Stripe's signature of its body itself."""

    async def __call__(self, _: Annotated[Any, Depends(STRIPE_SIGNATURE)]) -> None:
        """The body is needed for the check."""


_STRICT = (Depends(refuse_unknown_parameters), Depends(refuse_other_media_types))
"""What every operation refuses, once the caller is known."""
_DECLARATIONS = (Access, OpenAccess, SignedByStripe)


def needs(role: Role, service: str | None = None, *, waits: bool = False) -> Sequence[params.Depends]:
    """What an operation begins with that needs `role`; `waits` if it waits for an outcome."""
    return [Security(Access(role, service, waits), scopes=[role]), *_STRICT]


OPEN: Sequence[params.Depends] = [Depends(OpenAccess()), *_STRICT]
"""What an operation begins with that everyone may call."""
SIGNED_BY_STRIPE: Sequence[params.Depends] = [
    Security(SignedByStripe(), scopes=[Role.WEBHOOK]),
    *_STRICT,
]
"""What an operation begins with that only Stripe may call."""


async def current_caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]
"""Who calls an operation that needs a role."""


def must_reach(caller: Caller, service: str) -> None:
    """Raises `Problem` 403 if the caller's credentials are for other services."""
    if not caller.may_reach(service):
        raise _forbidden(f"The credentials are for {', '.join(sorted(caller.services or ()))}, not for {service}.")


def check_declared(routes: Iterable[BaseRoute]) -> None:
    """Raises `TypeError` for an operation that does not declare, once, who may call it."""
    for route in routes:
        if not isinstance(route, APIRoute) or sum(_declarations(route.dependant)) != 1:
            raise TypeError(f"{route} must declare once who may call it: dependencies=needs(...), see {__name__}")


def _declarations(dependant: Dependant) -> Iterable[int]:
    for each in dependant.dependencies:
        yield isinstance(each.call, _DECLARATIONS)
        yield from _declarations(each)


async def _identify(request: Request) -> Caller:
    authentication: Authentication = request.app.state.authentication
    if authentication.is_open:
        _must_be_of_this_machine(request)
        return ANYONE
    given = request.headers.getlist("authorization")
    if not given:
        raise _unauthenticated("Send an API key or a JWT: Authorization: Bearer ...", "Bearer")
    scheme, _, credential = given[0].partition(" ")
    try:
        if len(given) > 1 or scheme.lower() != "bearer" or not credential.strip():
            raise Unauthenticated("The header Authorization must be sent once, as: Bearer, a space, the credential.")
        return await authentication.identify(credential.strip())
    except Unauthenticated as error:
        raise _unauthenticated(str(error), 'Bearer error="invalid_token"') from None
    except IssuerUnavailable:
        detail = "The token cannot be checked now, since its issuer does not answer; try again."
        raise Problem(503, "issuer-unavailable", detail, headers=RETRY) from None


def _must_be_of_this_machine(request: Request) -> None:
    """Refuse what a page in a browser here sends to an open gateway. Raises `Problem` 403.

    A page of any site can post to 127.0.0.1, which `Origin` shows; and read from there once its own name resolves to
    127.0.0.1, which `Host` shows.
    """
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    settings: Settings = request.app.state.settings
    is_ours = origin is None or is_loopback_origin(origin) or origin in origins(settings.web_ui_url)
    if not (is_address_or_localhost(host) and is_ours):
        detail = "Without credentials the gateway serves this machine only: call it as localhost or 127.0.0.1."
        raise Problem(403, "not-local", detail)


def _unauthenticated(detail: str, challenge: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": challenge})


def _forbidden(detail: str) -> Problem:
    return Problem(403, "forbidden", detail, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
