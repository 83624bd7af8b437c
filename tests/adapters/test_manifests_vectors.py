"""Every vector of tests/vectors/manifests says exactly what stands beside it."""

from pathlib import Path

import pytest

from tests.adapters.manifest_vectors import VECTORS, expected, read_vector, said_of


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.stem)
def test_a_vector_has_the_problems_that_stand_beside_it(vector: Path):
    assert said_of(read_vector(vector)) == expected(vector)


def test_no_vector_leaks_what_looks_like_a_secret():
    said = "\n".join(line for vector in VECTORS for line in said_of(read_vector(vector)))
    for secret in (
        "ya29",
        "GOCSPX",
        "hvs.",
        "eyJ",
        "ghp_",
        "APP_USR",
        "TG-5b",
        "q8Zk3v",
        "hunter2",
        "Bearer abc",
    ):
        assert secret not in said
