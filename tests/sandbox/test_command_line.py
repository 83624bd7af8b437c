"""`python -m reconciler.sandbox` and `reconciler sandbox`: wrong words get one sentence and a hint; `--like` may be varied."""

from __future__ import annotations

import json

import pytest

from reconciler.sandbox.__main__ import _parser, _policy, main
from reconciler.sandbox.config import Rotation


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (
            ("--no-such-flag",),
            "reconciler sandbox does not take '--no-such-flag'",
            "run 'reconciler sandbox --help'",
        ),
        (("--prot", "9400"), "reconciler sandbox does not take '--prot 9400'", "did you mean '--port'?"),
        (("--port", "99999"), "--port: write a number from 0 to 65535", ""),
        (("--port", "x"), "--port: write a number from 0 to 65535", ""),
        (("--access-token-seconds", "-5"), "--access-token-seconds: ", ""),
        (("--refresh-idle-seconds", "0"), "--refresh-idle-seconds: write a whole number of seconds", ""),
        (("--grace", "5"), "--grace goes with single-use-with-grace only", ""),
        (("--omit-refresh-token",), "--omit-refresh-token goes with reusable only", ""),
        (("--issuer", "nonsense"), "--issuer: write a URL like https://idp.example", ""),
        (("--host", "0.0.0.0"), "the sandbox listens on loopback addresses only", ""),
        (("--fault", "nonsense"), "there is no fault 'nonsense'", ""),
    ],
)
def test_a_wrong_argument_gets_one_sentence_and_a_hint(
    arguments: tuple[str, ...], sentence: str, hint: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as stopped:
        main(arguments, program="reconciler sandbox")
    assert stopped.value.code == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {sentence}")
    assert second.startswith("  hint: ")
    assert hint in second


def test_what_is_given_beside_a_likeness_prevails():
    like = {"rotation": "single-use-with-grace", "grace_seconds": 60, "access_token_seconds": 1800}
    played = _policy(_parser().parse_args([]), like=like)
    assert (played.rotation, played.grace_seconds, played.access_token_seconds) == (
        Rotation.SINGLE_USE_WITH_GRACE,
        60,
        1800,
    )
    varied = _policy(
        _parser().parse_args(["--access-token-seconds", "5", "--rotation", "reusable"]), like=like
    )
    assert (varied.rotation, varied.grace_seconds, varied.access_token_seconds) == (Rotation.REUSABLE, 0, 5)


def test_every_option_says_what_it_means():
    assert [action.dest for action in _parser()._actions if not action.help] == []


def test_help_is_the_tools_own_name(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--help"], program="reconciler sandbox")
    said = capsys.readouterr().out
    assert said.startswith("usage: reconciler sandbox [option…]\n")
    assert "python -m" not in said
    assert json.dumps("SUPPRESS") not in said
