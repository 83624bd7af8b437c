"""URLs with `{parameter}` parts: what such a part may be, and the whole URL that comes of it.

Rules (DESIGN §8):
- a value fills part of one label of the host, before a domain of at least two labels that is spelled out, or part of one
  segment of the path; it cannot hold what would end a label or a segment;
- only a closed list of `choices`, each spelled out in the base itself, may fill more of a host than a label;
- no parameter in scheme, port, query or fragment;
- a page that is asked whether a token works may name what a grant keeps, as a whole segment of its path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from reconciler.model.behaviour import Parameter
from reconciler.model.endpoint import Url
from reconciler.model.pattern import compile_pattern
from reconciler.model.suggestion import quoted, suggest

_PART = re.compile(r"\{([^{}]*)\}")
_SPLIT = re.compile(r"(https?://)([^/?#]*)([^?#]*)(.*)")
_VALUE = re.compile(r"[A-Za-z0-9_~-]([A-Za-z0-9._~-]{0,126}[A-Za-z0-9_~-])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def with_kept(url: Url, kept: Mapping[str, str]) -> Url:
    """The URL with its `{name}` segments filled from what a grant keeps; what is not kept stays empty, and so does a `.` or
    `..`, which a browser's callback may have brought and which would lead to another path. The origin stays."""

    def segment(name: str) -> str:
        value = kept.get(name, "")
        return "" if value in (".", "..") else quote(value, safe="")

    return replace(url, text=_PART.sub(lambda match: segment(match.group(1)), url.text))


def named_parts(template: str) -> frozenset[str]:
    return frozenset(_PART.findall(template))


def fill(template: str, *, texts: Mapping[str, str]) -> str | None:
    """The whole URL; None where a part has no text. `texts` are checked by `text_of`."""
    if not named_parts(template) <= texts.keys():
        return None
    return _PART.sub(lambda match: texts[match.group(1)], template)


def text_of(parameter: Parameter, value: str) -> str:
    """What stands in the URL for what a person wrote; ValueError says what to write instead."""
    if value in parameter.choices:
        return parameter.choices[value]
    if parameter.pattern is None:
        hint = suggest(value, parameter.choices)
        raise ValueError(f"must be one of {', '.join(parameter.choices)}" + (f" ({hint})" if hint else ""))
    if not _VALUE.fullmatch(value) or ".." in value or not compile_pattern(parameter.pattern)(value):
        raise ValueError(f"is not what the base asks for: {parameter.description}")
    return value


def check_parameter(parameter: Parameter) -> str:
    """What is wrong with a base's own parameter, or ''."""
    for choice, text in parameter.choices.items():
        if not _VALUE.fullmatch(text) or ".." in text:
            return f"choice {quoted(choice)}: must be a host, a label or a segment, without '/'"
    if parameter.default is not None:
        try:
            text_of(parameter, parameter.default)
        except ValueError as problem:
            return f"the default {problem}"
    return ""


def check_template(
    template: str, *, parameters: Mapping[str, Parameter], kept: frozenset[str] = frozenset()
) -> str:
    """What is wrong with a URL as written, or ''. Whether the filled URL is one is for `parse_url` to say. `kept`: names
    that only a grant fills, segments of the path."""
    if "{" not in template and "}" not in template:
        return ""
    if set("{}") & set(_PART.sub("", template)):
        return "a '{' or '}' stands alone"
    if unknown := sorted(named_parts(template) - parameters.keys() - kept):
        hint = suggest(unknown[0], parameters)
        return f"there is no parameter {quoted(unknown[0])}" + (f": {hint}" if hint else "")
    shape = _SPLIT.fullmatch(template)
    if shape is None or "{" in shape.group(4):
        return "a parameter fills a label of the host or a segment of the path only"
    if any(f"/{{{name}}}" not in shape.group(3) for name in named_parts(template) & kept - parameters.keys()):
        return "what a grant keeps fills a segment of the path only"
    return _check_host(shape.group(2), parameters)


def _check_host(host: str, parameters: Mapping[str, Parameter]) -> str:
    if ":" in host and "{" in host.partition(":")[2]:
        return "a parameter fills a label of the host or a segment of the path only"
    labels = host.partition(":")[0].split(".")
    for number, label in enumerate(labels):
        fixed_after = [
            later
            for later in labels[number + 1 :]
            if later and ("{" not in later or _is_chosen(later, parameters))
        ]
        free = [name for name in named_parts(label) if parameters[name].pattern is not None]
        spelled = "{" not in "".join(labels[-2:])
        if free and (not spelled or len(fixed_after) < 2 or len(fixed_after) < len(labels) - number - 1):
            return f"{quoted(free[0])} may fill a label under a domain that is spelled out, not the domain"
    return ""


def _is_chosen(label: str, parameters: Mapping[str, Parameter]) -> bool:
    """True where the label is one of a closed list of labels."""
    match = _PART.fullmatch(label)
    parameter = parameters.get(match.group(1)) if match else None
    return (
        parameter is not None
        and parameter.pattern is None
        and all("." not in text for text in parameter.choices.values())
    )


def check_labels(template: str, *, parameters: Mapping[str, Parameter], texts: Mapping[str, str]) -> str:
    """What is wrong with the values that fill this URL's host, or ''."""
    shape = _SPLIT.fullmatch(template)
    for name in named_parts(shape.group(2)) if shape else ():
        if name in texts and parameters[name].pattern is not None and not _LABEL.fullmatch(texts[name]):
            return f"parameter {quoted(name)} fills a label of a host: lower-case letters, digits and '-'"
    return ""
