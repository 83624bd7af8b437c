"""The cases of the bench, in the order of the page. One is added by a module here that offers a `Case`, and its name below.

A case makes its own world in `bench.folder`, runs what it measures and returns its findings; with `vault` it is given a
server of its own. It takes its numbers from `bench.size`, so that a trial stays small.
"""

from tests.bench.cases import accounts_page, client, on_sqlite, plan_on_vault, refresh, start_up
from tests.bench.cases.case import Case

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        start_up.CASE,
        on_sqlite.CASE,
        plan_on_vault.CASE,
        refresh.REUSABLE,
        refresh.SINGLE_USE,
        client.CASE,
        accounts_page.CASE,
    )
}
