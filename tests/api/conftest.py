"""An open gateway without servers, which takes a third of a second to compose. Tests share it, and what it asked."""

import httpx2
import pytest
from fastapi import FastAPI

from infra.settings import Settings
from tests.api.security.gateways import EmptyTemporal, application, client_of


@pytest.fixture(scope="session")
def composed() -> tuple[FastAPI, EmptyTemporal]:
    temporal = EmptyTemporal()
    return application(Settings(), temporal), temporal


@pytest.fixture
def empty_temporal(composed: tuple[FastAPI, EmptyTemporal]) -> EmptyTemporal:
    """What the gateway of `alone` asks. This test has asked nothing yet."""
    temporal = composed[1]
    temporal.asked.clear()
    return temporal


@pytest.fixture
def alone(composed: tuple[FastAPI, EmptyTemporal], empty_temporal: EmptyTemporal) -> httpx2.AsyncClient:
    """A client of a gateway whose Temporal knows no execution and starts none."""
    return client_of(composed[0])
