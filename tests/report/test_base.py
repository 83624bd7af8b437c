"""A base as a manifest is read again as the same base; and its JSON documents are what their schemas say."""

import json

import pytest
from jsonschema import Draft202012Validator

from reconciler.adapters.manifest_catalogue import load_catalogue, shipped_document
from reconciler.adapters.manifests import load_text
from reconciler.decide.conformance import Promise, Verdict
from reconciler.model.behaviour import Behaviour
from reconciler.model.manifest import BaseProviderDocument
from reconciler.model.manifest_reading import read_manifest
from reconciler.report.base import (
    NamedBase,
    list_document,
    manifest_text,
    render_list,
    render_show,
    render_trial,
    show_document,
    trial_document,
)
from reconciler.report.contract import schema_of

NAMES = sorted(load_catalogue().bases)
PROMISES = [
    Promise("pkce", "required", Verdict.CONFIRMED, "the code was exchanged"),
    Promise(
        "refreshToken.rotation", "reusable", Verdict.CONTRADICTED, "3 refreshes worked, 3 brought a new one"
    ),
    Promise("callback", "", Verdict.NOT_TRIED, "the sandbox speaks the RFCs"),
]


def named(name: str) -> NamedBase:
    labels = shipped_document(name).metadata.labels
    return NamedBase(name, load_catalogue().bases[name], shipped=True, labels=labels)


def read_again(text: str) -> Behaviour:
    loaded = load_text(text.encode(), file="x.yaml")
    assert not loaded.problems
    (source,) = loaded.documents
    reading = read_manifest(source)
    assert not reading.problems
    assert isinstance(reading.document, BaseProviderDocument)
    return reading.document.spec


@pytest.mark.parametrize("name", NAMES)
def test_a_base_that_is_shown_is_read_again_as_the_same_base(name: str):
    assert read_again(manifest_text(named(name))) == load_catalogue().bases[name]


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "1.10",
        "12:30",
        "- x",
        "a: b",
        "#",
        "{x}",
        "null",
        "x # y",
        "'",
        '"',
        "é",
        "a:",
        "[b]",
        "1e3",
        "~",
    ],
)
def test_any_line_survives_being_shown(text: str):
    base = NamedBase(
        "x", Behaviour(description=text, notes=(text,), token_parameters={"a": text}), shipped=False
    )
    assert read_again(manifest_text(base)).notes == (text,)


def test_what_no_source_shows_is_said_before_the_base():
    assert render_show(named("bling")).startswith("# no source of ours shows: pkce, refreshToken.lifetime\n")
    assert not render_show(named("custom")).startswith("#")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("base-list", list_document([named(name) for name in NAMES], without={"vtex": "no OAuth"}, tool="t")),
        ("base", show_document(named("microsoft"), tool="t")),
        ("base", show_document(NamedBase("ours", Behaviour(), shipped=False), tool="t")),
        ("base-test", trial_document("xero", PROMISES, server="https://x", tool="t", code=4)),
    ],
)
def test_a_document_is_what_its_schema_says(name: str, text: str):
    Draft202012Validator(schema_of(name)).validate(json.loads(text))
    assert text.isascii()


def test_a_trial_counts_what_it_found():
    text = render_trial("xero", PROMISES, server="https://x")
    assert text.splitlines() == [
        "xero at https://x",
        "  ✓ confirmed    pkce                   required: the code was exchanged",
        "  ✗ contradicted refreshToken.rotation  reusable: 3 refreshes worked, 3 brought a new one",
        "  - not-tried    callback               the sandbox speaks the RFCs",
        "1 confirmed, 1 contradicted, 1 not-tried",
    ]


def test_a_list_names_each_base_and_what_has_none():
    text = render_list([named("bling"), named("nuvemshop"), named("custom")], without={"vtex": "no OAuth"})
    assert text.splitlines()[1:4] == [
        "bling      single-use     30d unused   Bling (ERP)",
        "nuvemshop  (probe)        not by time  Nuvemshop / Tiendanube",
        f"custom     unknown        ?            {load_catalogue().bases['custom'].description}",
    ]
    assert text.endswith("vtex has none: no OAuth\n")
