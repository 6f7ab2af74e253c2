"""Make keys and certificates. Importing `cryptography` takes 70 ms, so only `serve/tls` asks for this module, by name,
and only when something has to be made.

The authority carries key identifiers and key usage, because Python 3.13 verifies strictly (wire.md 3.1).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=365)
CLOCK_SLACK = timedelta(hours=1)


class Pair(Struct, frozen=True):
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes


def authority(wall: float) -> Pair:
    """A new authority of one's own; nobody but this machine's clients trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("stead-ca")
    ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = _dated(wall, AUTHORITY_LIFE).subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(ski, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def server(issuer: Pair, names: Sequence[str], wall: float) -> Pair:
    """A server certificate for host names and addresses."""
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    return _issued(issuer, _name("stead"), ExtendedKeyUsageOID.SERVER_AUTH, wall, more=(alternatives,))


def client(issuer: Pair, user: str, groups: Sequence[str], wall: float) -> Pair:
    """A client certificate: Kubernetes reads the user from CN and the groups from O."""
    return _issued(issuer, _name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, wall)


def _issued(
    issuer: Pair,
    subject: x509.Name,
    purpose: x509.ObjectIdentifier,
    wall: float,
    more: Sequence[x509.ExtensionType] = (),
) -> Pair:
    above = x509.load_pem_x509_certificate(issuer.certificate)
    above_key = serialization.load_pem_private_key(issuer.key, None)
    assert isinstance(above_key, ec.EllipticCurvePrivateKey)
    above_ski = above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _dated(wall, CERTIFICATE_LIFE).subject_name(subject).issuer_name(above.subject)
    builder = (
        builder.public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above_ski), critical=False)
    )
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    return _pair(builder.sign(above_key, hashes.SHA256()), key)


def _dated(wall: float, life: timedelta) -> x509.CertificateBuilder:
    start = datetime.fromtimestamp(int(wall), UTC)
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    return builder.not_valid_before(start - CLOCK_SLACK).not_valid_after(start + life)


def _name(common: str, organizations: Sequence[str] = ()) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(certificate.public_bytes(pem), private)
