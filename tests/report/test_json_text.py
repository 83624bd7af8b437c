"""One way in which documents become text, so that none of them is the one that forgot to clean what it shows."""

import ast
import json

from reconciler.report.json_text import json_text
from tests.house.tree import modules

ON_PURPOSE = {
    "reconciler.report.json_text",
    "reconciler.report.token_forms",  # a token is handed out as it is
    "reconciler.report.policy",  # Vault takes it as it is
    "reconciler.report.base",  # data of a base may have several lines
}


def test_every_text_is_cleaned_however_deep_it_stands_and_whatever_holds_it():
    hostile = "a\x1b[31m\u202e##[stop-commands]"
    said = json_text({"list": [{"text": hostile}], "tuple": (hostile,), "plain": "ü", "number": 1})
    assert said.isascii()
    told = json.loads(said)
    assert told["plain"] == "ü"
    assert told["number"] == 1
    assert (
        told["list"][0]["text"]
        == told["tuple"][0]
        == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}## [stop-commands]"
    )


def test_no_report_writes_json_in_a_way_of_its_own():
    writers = {
        module.name
        for module in modules()
        if module.floor == "report"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "json.dumps"
    }
    assert writers - ON_PURPOSE == set()
