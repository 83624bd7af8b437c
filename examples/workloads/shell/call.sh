#!/bin/sh
# call.sh URL: GET an API with the account's token. Needs curl, python3, VAULT_ADDR and VAULT_TOKEN.
# `printf` is part of the shell: neither the token nor Vault's is ever an argument of a process that others could see.
set -eu

secret=${TOKEN_SECRET:-oauth/data/reconciler/tokens/marketing/drive}
body=$(mktemp)
trap 'rm -f "$body"' EXIT

read_token() {
  printf 'X-Vault-Token: %s\n' "$VAULT_TOKEN" |
    curl -fsS -H @- "$VAULT_ADDR/v1/$secret" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["data"]["data"]["access_token"])'
}

call() {
  printf 'Authorization: Bearer %s\n' "$1" | curl -sS -H @- -o "$body" -w '%{http_code}' "$2"
}

token=$(read_token)
status=$(call "$token" "$1")
if [ "$status" = 401 ]; then
  # A refresh may have killed the older token just now: read once more, and try once more if it is another one.
  newer=$(read_token)
  [ "$newer" = "$token" ] || status=$(call "$newer" "$1")
fi
cat "$body"
case $status in
  2??) ;;
  *)
    echo "call.sh: HTTP $status" >&2
    exit 1
    ;;
esac
