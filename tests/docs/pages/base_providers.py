"""`docs/reference/base-providers.md`: what a base may say of tokens, in words, from the choices themselves."""

from reconciler.adapters.manifest_catalogue import load_catalogue
from tests.docs.pages.base_words import AUTH, CLASS, LOOPBACK, ROTATION
from tests.docs.pages.markdown import code, page, table


def base_providers() -> str:
    bases = load_catalogue().bases
    return page(
        "Base providers",
        f"What is true of an authorization server for everybody. {len(bases)} bases are shipped in `reconciler/catalog/`: "
        "[a page for each, and a table of all](../providers/README.md). A `Provider` names one under `spec.base` and may "
        "override any of it under `spec.server`; a `BaseProvider` of yours may depart from any with `base:`. Every key stands "
        "under [manifests](manifests.md#baseprovider-spec), and why it is there in "
        "[ADR 0009](../adr/0009-what-each-field-of-a-base-earns.md).",
        "## refreshToken.rotation\n\n" + _choices(ROTATION),
        "## errors.table.class\n\n" + _choices(CLASS),
        "## clientAuth\n\n" + _choices(AUTH),
        "## redirect.loopback\n\n" + _choices(LOOPBACK),
    )


def _choices(words: object) -> str:
    assert isinstance(words, dict)
    return table(("value", "what it means"), [(code(choice.value), text) for choice, text in words.items()])
