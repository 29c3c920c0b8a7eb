"""A container engine and two images; where there are none the tests of this folder are skipped, saying what is missing.

DOORBUSTER_TEST_POSTGRES_IMAGE and DOORBUSTER_TOXIPROXY_IMAGE name other images than the usual ones.
"""

import os
from collections.abc import Iterator

import pytest
from doorbuster.host.containers import NoEngine, engine
from doorbuster.host.guardian import Guardian
from doorbuster.model.server import Server
from doorbuster.network.container import DEFAULT_IMAGE as TOXIPROXY
from doorbuster.postgres.docker import DEFAULT_IMAGE as POSTGRES
from doorbuster.postgres.docker import DockerRuntime


@pytest.fixture(scope="session")
def postgres_image() -> str:
    named = os.environ.get("DOORBUSTER_TEST_POSTGRES_IMAGE")
    return first_image([named] if named else [POSTGRES, "postgres:15"])


@pytest.fixture(scope="session")
def toxiproxy_image() -> str:
    return first_image([os.environ.get("DOORBUSTER_TOXIPROXY_IMAGE", TOXIPROXY)])


def first_image(names: list[str]) -> str:
    """The first that is there, else the first that can be pulled."""
    try:
        client = engine()
    except NoEngine as problem:
        pytest.skip(str(problem))
    from docker.errors import APIError

    try:
        local = {tag for image in client.images.list() for tag in image.tags}
        for name in names:
            if name in local:
                return name
        client.images.pull(names[0])
        return names[0]
    except APIError as problem:
        pytest.skip(f"the image {names[0]} is not here and cannot be pulled: {problem.explanation}")
    finally:
        client.close()


@pytest.fixture(scope="session")
def guardian() -> Iterator[Guardian]:
    with Guardian() as started:
        yield started


@pytest.fixture(scope="session")
def server(postgres_image: str, guardian: Guardian) -> Iterator[Server]:
    with DockerRuntime(postgres_image, guardian).open() as started:
        yield started
