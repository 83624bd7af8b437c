"""What looks like a secret, and what must not."""

import random
import string

import pytest

from reconciler.model.literal import looks_secret, may_hold_secret

SECRETS = {
    "ya29.a0AfH6SMBx1234567890": "a Google access token",
    "1//0gabcdefghijklmnopqrstuvwxyz-ABC": "a Google refresh token",
    "GOCSPX-abcdefghijklmnop": "a Google client secret",
    "abc8Q~abcdefghijklmnopqrstuvwxyz0123456": "a Microsoft client secret",
    "M.C512_BAY.0.U.-Cabcdefghijklmnopqrstuvwxyz": "a Microsoft refresh token",
    "APP_USR-1234567890-112401-abcdef-99": "a Mercado Livre access token",
    "TG-65b9032b4e23464aed1f959f-1234567": "a Mercado Livre refresh token",
    "ghp_0123456789abcdefghijklmnopqrstuvwxyz": "a GitHub token",
    "glpat-abcdefghij0123456789": "a GitLab token",
    "xoxb-123456789012-abcdefghijkl": "a Slack token",
    "sk_live_abcdefghijklmnop": "a Stripe key",
    "hvs.CAESIJlW6pYxSzZCpGBDVnNkUVJ0": "a Vault token",
    "s.abcdefghijklmnopqrstuvwx": "a Vault token",
    "AKIAIOSFODNN7EXAMPLE": "an AWS key",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc": "a JSON web token",
    "-----BEGIN RSA PRIVATE KEY-----": "a private key",
    "Basic dXNlcjpwYXNzd29yZDEyMw==": "an Authorization header",
}
INNOCENT = (
    "https://www.googleapis.com/auth/drive.readonly",
    "1234567890-a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6.apps.googleusercontent.com",
    "9188040d-6c67-4c5b-b112-36a304b66dad",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "urn:ietf:params:oauth:grant-type:device_code",
    "GoogleDriveNightlyBackupOfTheMarketingTeam2024",
    "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize",
    "nightly-backup-of-the-shared-drive-of-team-7-in-berlin",
    "MicrosoftDocs/entra-docs:docs/identity-platform/reference-error-codes.md",
    "basic encoding of the credentials",
    "a bearer of good news",
    "eyJ is how many tokens begin",
    "clients.shared.abcdefghijklmnopqrstuvwx",
)


@pytest.mark.parametrize("text", SECRETS, ids=range(len(SECRETS)))
def test_known_forms_are_found_wherever_they_stand(text: str):
    for shown in (text, f"see {text} there", f'"{text}"'):
        assert looks_secret(shown) == SECRETS[text]
        assert looks_secret(shown, known_only=True) == SECRETS[text]
        assert may_hold_secret(f"x\n{shown}\ny")


@pytest.mark.parametrize("text", INNOCENT)
def test_names_scopes_urls_and_ids_are_not_taken_for_secrets(text: str):
    assert looks_secret(text) is None


def test_long_random_texts_are_found():
    letters = string.ascii_letters + string.digits
    chance = random.Random(20261124)
    texts = ["".join(chance.choices(letters, k=48)) for _ in range(500)]
    missed = [text for text in texts if looks_secret(text) is None]
    assert len(missed) <= 25
    assert all(may_hold_secret(text) for text in texts)


def test_the_quick_look_never_overlooks_what_the_long_one_finds():
    for text in (*SECRETS, *INNOCENT):
        assert may_hold_secret(text) or looks_secret(text) is None
