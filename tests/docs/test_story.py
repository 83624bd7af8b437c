"""How a page is read: so that a command that is not run is never taken for one that works."""

from pathlib import Path

import pytest

from tests.docs.story import Command, commands, missing_output, normal, read_page

PAGE = """# A page

<!-- docs-test: file manifests/a.yaml -->
```yaml
kind: Account
```

```console
$ reconciler plan   # exit 65
1 problem
…
$ reconciler \\
    validate
$ true
```

```text
$ not run
```
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "page.md"
    file.write_text(text)
    return file


def test_commands_bring_their_exit_code_and_the_output_that_the_page_shows(tmp_path: Path):
    page = read_page(written(tmp_path, PAGE))
    first, second, third = commands(page.blocks[1])
    assert (first.text, first.exit_code, first.output) == ("reconciler plan", 65, ("1 problem",))
    assert second.text == "reconciler \\\n    validate"
    assert (third.text, third.exit_code) == ("true", 0)


def test_a_directive_belongs_to_the_next_block_alone(tmp_path: Path):
    page = read_page(written(tmp_path, PAGE))
    assert [block.directives for block in page.blocks] == [{"file": "manifests/a.yaml"}, {}, {}]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- docs-test: fille x -->\n```yaml\na\n```\n",
        "```console\n$ true\n",
        "<!-- docs-test: background -->\n",
    ],
    ids=["a directive that is none", "a block that never ends", "a directive without a block"],
)
def test_a_page_that_would_silently_run_less_is_refused(tmp_path: Path, text: str):
    with pytest.raises(ValueError, match=r"page\.md"):
        read_page(written(tmp_path, text))


def test_what_differs_from_run_to_run_does_not_count():
    assert normal("+ a   good until 15:04 (1 h), version 88") == normal(
        "+ a good until 09:59 (59 min), version 3"
    )


def test_a_shown_line_that_nobody_saw_is_named():
    command = Command(1, "x", 0, ("first", "third"))
    assert missing_output(command, "first\nsecond\nthird\n") is None
    assert missing_output(command, "third\nfirst\n") == "third"
