"""The floors: what the same work costs without this tool, written as its users would write it.

`python -m tests.bench.floors NAME ARGUMENTS…` runs one. Each prints how many items it did. None imports anything of
reconciler: a floor that shared its code would fall with it.

- `read-yaml FOLDER`: libyaml through PyYAML over every manifest, nothing checked;
- `read-sqlite FILE`: one SELECT a key, on the file that `plan` reads;
- `read-vault MOUNT THREADS KEYS`: hvac with its own transport, one `read_secret_metadata` a key listed in a file;
- `refresh MOUNT FOLDER THREADS TOKEN_URL CLIENT_ID SECRET NAMES`: the loop that a platform engineer would write: read the
  record, refresh by requests-oauthlib, write the record back without a guard.
`same_requests.py` has others: what the servers alone cost, when they are asked just what a command asks them.
"""

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def read_yaml(folder: str) -> int:
    import yaml

    count = 0
    for file in sorted(Path(folder).rglob("*.yaml")):
        with file.open("rb") as stream:
            count += sum(1 for _ in yaml.load_all(stream, Loader=yaml.CSafeLoader))
    return count


def read_sqlite(file: str) -> int:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    count = 0
    for (path,) in connection.execute("SELECT path FROM keys").fetchall():
        connection.execute(
            "SELECT current, custom, max_versions FROM keys WHERE path = ?", (path,)
        ).fetchone()
        connection.execute(
            "SELECT version, created, deleted FROM versions WHERE path = ?", (path,)
        ).fetchall()
        count += 1
    return count


def read_vault(mount: str, threads: str, keys: str) -> int:
    import hvac

    client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
    paths = Path(keys).read_text().split()

    def one(path: str) -> None:
        client.secrets.kv.v2.read_secret_metadata(path, mount_point=mount)

    with ThreadPoolExecutor(int(threads)) as pool:
        return sum(1 for _ in pool.map(one, paths))


def refresh(
    mount: str, folder: str, threads: str, token_url: str, client_id: str, secret: str, names: str
) -> int:
    import hvac
    from requests_oauthlib import OAuth2Session

    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the sandbox speaks plain http on loopback
    client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
    store = client.secrets.kv.v2
    own = threading.local()

    def one(name: str) -> None:
        # One session a thread keeps its connections: the kinder reading of what one would write.
        session = getattr(own, "session", None)
        if session is None:
            session = own.session = OAuth2Session(client_id)
        path = f"{folder}/{name}"
        held = store.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)["data"][
            "data"
        ]
        token = session.refresh_token(
            token_url, refresh_token=held["refresh_token"], auth=(client_id, secret)
        )
        written = {
            "refresh_token": token.get("refresh_token", held["refresh_token"]),
            "access_token": token["access_token"],
            "expires_at": time.time() + token["expires_in"],
        }
        store.create_or_update_secret(path, secret=written, mount_point=mount)

    with ThreadPoolExecutor(int(threads)) as pool:
        return sum(1 for _ in pool.map(one, Path(names).read_text().split()))


FLOORS: dict[str, Callable[..., int]] = {
    "read-yaml": read_yaml,
    "read-sqlite": read_sqlite,
    "read-vault": read_vault,
    "refresh": refresh,
}


def main(arguments: list[str]) -> int:
    name, *rest = arguments
    print(FLOORS[name](*rest))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
