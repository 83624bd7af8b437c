"""TLS to Vault: whose certificate is accepted, whose is shown, and that failing at it sends nothing."""

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconciler.adapters.vault import VaultStore
from reconciler.adapters.vault_settings import TokenLogin, VaultSettings
from reconciler.errors import StoreUnreachable, StoreUnsuitable, UsageError
from reconciler.model.secret import Document, Secret
from reconciler.model.store_path import own_path
from tests.simulators.scripted_vault import Reply, ScriptedVault

KEY = own_path("reconciler/tokens/team/drive")


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test's own, and what it issues into `folder`."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = _certificate(name, key.public_key(), issuer=name, signer=key, authority=True)
        (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(folder, key, certificate)

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, who: str) -> tuple[Path, Path]:
        """(certificate, key) files for a host name, an address or a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])
        certificate = _certificate(
            name, key.public_key(), issuer=self.certificate.subject, signer=self.key, names=[who]
        )
        cert_file, key_file = self.folder / f"{who}.pem", self.folder / f"{who}.key"
        cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return cert_file, key_file


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    names: list[str] | None = None,
    authority: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    alternatives: list[x509.GeneralName] = []
    for name in names or []:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(signer, hashes.SHA256())


def server_context(authority: Authority, who: str, *, clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(who))
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.file)
    return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def vault(authority: Authority) -> Iterator[ScriptedVault]:
    with ScriptedVault(tls=server_context(authority, "127.0.0.1")) as script:
        script.reply("POST /v1/secret/data/", Reply(json={"data": {"version": 1}}))
        yield script


def opened(vault: ScriptedVault, **more: object) -> VaultStore:
    settings = VaultSettings(vault.address, TokenLogin(Secret("t")), attempts=1, **more)  # type: ignore[arg-type]  # passed on as given
    return VaultStore(settings)


def test_a_certificate_of_the_given_authority_is_accepted(vault: ScriptedVault, authority: Authority):
    store = opened(vault, ca_file=authority.file)
    assert store.read(KEY).version == 0
    assert store.write(KEY, Document({"a": 1}), cas=0) == 1
    store.close()


def test_a_certificate_of_nobody_known_is_refused_before_anything_is_sent(vault: ScriptedVault):
    with pytest.raises(StoreUnreachable) as refused:
        opened(vault).write(KEY, Document({"a": 1}), cas=0)
    assert "its certificate is not accepted" in refused.value.message
    assert vault.seen == []


def test_verification_can_be_switched_off(vault: ScriptedVault):
    store = opened(vault, skip_verify=True)
    assert store.read(KEY).version == 0
    store.close()


def test_a_certificate_for_another_name_is_refused_unless_that_name_is_expected(authority: Authority):
    with ScriptedVault(tls=server_context(authority, "vault.example")) as vault:
        with pytest.raises(StoreUnreachable):
            opened(vault, ca_file=authority.file).read(KEY)
        store = opened(vault, ca_file=authority.file, server_name="vault.example")
        assert store.read(KEY).version == 0
        store.close()


def test_a_client_certificate_is_shown(authority: Authority):
    certificate, key = authority.issue("client")
    with ScriptedVault(tls=server_context(authority, "127.0.0.1", clients=True)) as vault:
        store = opened(vault, ca_file=authority.file, client_cert=certificate, client_key=key)
        assert store.read(KEY).version == 0
        store.close()
        with pytest.raises(StoreUnreachable):
            opened(vault, ca_file=authority.file).read(KEY)


def test_a_redirect_to_plain_http_is_not_followed(vault: ScriptedVault, authority: Authority):
    with ScriptedVault() as plain:
        vault.reply("GET /v1/secret/data/", Reply(status=307, headers={"Location": plain.address}))
        store = opened(vault, ca_file=authority.file, other_addresses=(plain.address,))
        with closing(store), pytest.raises(StoreUnsuitable):
            store.read(KEY)
        assert plain.seen == []


def test_a_peer_that_speaks_no_tls_is_unreachable():
    with ScriptedVault() as plain:
        address = plain.address.replace("http://", "https://")
        with pytest.raises(StoreUnreachable):
            VaultStore(VaultSettings(address, TokenLogin(Secret("t")), attempts=1)).read(KEY)


@pytest.mark.parametrize("field", ["ca_file", "client_cert"])
def test_a_file_that_holds_no_certificate_is_a_usage_error(vault: ScriptedVault, tmp_path: Path, field: str):
    (tmp_path / "file").write_text("canary")
    with pytest.raises(UsageError) as refused:
        opened(vault, **{field: tmp_path / "file"})
    assert "canary" not in str(refused.value)
