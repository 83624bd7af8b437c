"""GET an API with an account's token: python call.py ORIGIN PATH. The store is the one that RECONCILER_STORE names."""

import sys

import httpx

from reconciler.client import from_environment

origin, path = sys.argv[1:]
drive = from_environment("marketing/drive", origins=[origin])
with httpx.Client(base_url=origin, auth=drive.httpx_auth()) as api:
    print(api.get(path).raise_for_status().text)
