"""How NAV is reached: sign-in, certificates, and settings that cannot work."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from navplugin.core.errors import Misconfigured, Unreachable
from navplugin.wire import new_session
from tests.nav_site import connect, scripted
from tests.unit.test_nav_http import Script, _Handler, _Server, reply

# Made for these tests: the certificate of 127.0.0.1 that no system trusts, and its key.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBjjCCATSgAwIBAgIUMw5t/mrtsdMJp2dopXfeGX/xn34wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIbmF2LnRlc3QwIBcNMjYxMTI0MDIyMjU3WhgPMjEyNjEwMzEw
MjIyNTdaMBMxETAPBgNVBAMMCG5hdi50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEIHa1LjOxO6jvk6XHp/GNWfygLkCD98OPyz90VjRg0qJrARZuVmWlmyb5
DU36Io/egHIa98EClX2IO8dTtpnDm6NkMGIwHQYDVR0OBBYEFBgCHFyAeLdy/mGY
buF28GTVJLOpMB8GA1UdIwQYMBaAFBgCHFyAeLdy/mGYbuF28GTVJLOpMA8GA1Ud
EwEB/wQFMAMBAf8wDwYDVR0RBAgwBocEfwAAATAKBggqhkjOPQQDAgNIADBFAiEA
1thcsDmO/7C/Y+DS5SW8b/g8xDQ1zOnU+o1ITLcRKxECIHjzDpcSikNEKyaJfFhx
jWH8WGv8GgM8qkvdZcsIISI/
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfJTby60HZ6cy2Bn3
Cx+X34JfDA/RnbuvmIUG1YwCVSGhRANCAAQgdrUuM7E7qO+Tpcen8Y1Z/KAuQIP3
w4/LP3RWNGDSomsBFm5WZaWbJvkNTfoij96Achr3wQKVfYg7x1O2mcOb
-----END PRIVATE KEY-----
"""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "company authority.pem"
    path.write_text(CERTIFICATE, encoding="ascii")
    return path


class _SafeServer(_Server):
    context: ssl.SSLContext

    def get_request(self) -> tuple[ssl.SSLSocket, object]:
        plain, address = self.socket.accept()
        return self.context.wrap_socket(plain, server_side=True), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that does not trust us is no news here."""


@pytest.fixture
def safe(certificate: Path) -> Iterator[Script]:
    """A scripted server behind that certificate."""
    made = Script([reply(200, {"value": []})])
    with _SafeServer(("127.0.0.1", 0), _Handler) as server:
        assert isinstance(server, socketserver.ThreadingTCPServer)
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate)
        server.script = made
        made.url = f"https://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_the_companys_own_authority_is_trusted_when_it_is_named(safe: Script, certificate: Path) -> None:
    reader, _ = connect(scripted(safe.url, ca_file=str(certificate)))
    assert reader.read_changed_sales(0) == []
    assert safe.sent[0].headers["authorization"] == "Basic QUlROmtleQ=="


def test_an_unknown_certificate_is_never_accepted(safe: Script) -> None:
    reader, _ = connect(scripted(safe.url))
    reader.transport.patience.sleep = lambda seconds: None
    with pytest.raises(Unreachable, match="ca-file"):
        reader.read_changed_sales(0)
    assert safe.sent == []


def test_a_certificate_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("", encoding="ascii")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(Misconfigured, match=name):
            new_session(str(tmp_path / name))


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("nav:7048", "AIQ"),
        ("ftp://nav", "AIQ"),
        ("https://nav/x?y=1", "AIQ"),
        ("https://u:hush@nav/x", "AIQ"),
        ("https://nav/x", "\u05d0"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_their_secrets(url: str, user: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        connect(scripted(url, user=user, key="hush"))
    assert "hush" not in str(caught.value)


def test_proxy_variables_and_netrc_do_not_change_where_we_go() -> None:
    with new_session() as session:
        assert not session.trust_env
