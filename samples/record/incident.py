#!/usr/bin/env python3
"""Plan of incident-438: certificates, signed PASSporTs and the SIPp injection files; and the check of the recording.

    incident.py plan DIR CERTS T0   write the injection files for a recording that starts at the Unix time T0
    incident.py check PCAP CERTS            verify every signature in the recording, count who was refused and why

Needs python3-cryptography (build time of the samples only). Signing keys live in memory and are never written.
"""
import base64, datetime, json, os, random, subprocess, sys, uuid
from email.utils import formatdate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID, ObjectIdentifier

# The carriers: address, number range, attestation, User-Agent, x5u, service provider code.
CARRIERS = {
    "a": ("198.51.100.11", "1303555", "A", "CarrierA-SBC/7.2", "https://certs.example.net/carrier-a/2026.pem", "701A"),
    "b": ("198.51.100.12", "1312555", "A", "CarrierB-GW/3.1", "https://certs.example.net/carrier-b/2026.pem", "702B"),
    "c": ("198.51.100.13", "1415555", "B", "CarrierC-IMS", "https://certs.example.net/carrier-c/2026.pem", "703C"),
}
# One SIPp run each: name, carrier, start in s, seconds between calls, calls. Runs of one carrier share a port, so the
# next starts only when the last call of the one before is over. SIPp starts the first call one interval after its start.
RUNS = [
    ("a", "a", 0, 8.0, 76),
    ("b1", "b", 3, 8.5, 44),
    ("b2", "b", 388, 1.1, 54),
    ("b3", "b", 458, 8.5, 18),
    ("c", "c", 5, 12.0, 49),
]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(key, x5u, attest, orig, dest, iat):
    header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u}
    claims = {"attest": attest, "dest": {"tn": [dest]}, "iat": iat, "orig": {"tn": orig}, "origid": str(uuid.uuid4())}
    text = ".".join(b64(json.dumps(part, separators=(",", ":"), sort_keys=True).encode()) for part in (header, claims))
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return text + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def certificates(folder):
    """A test CA and one SHAKEN leaf a carrier; answers the leaf keys."""
    now = datetime.datetime.utcnow()
    day = datetime.timedelta(days=1)

    def build(subject, issuer, public, signer, days, extensions):
        cert = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
                .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + days * day))
        for extension, critical in extensions:
            cert = cert.add_extension(extension, critical)
        return cert.sign(signer, hashes.SHA256())

    def name(cn):
        return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
                          x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), x509.NameAttribute(NameOID.COMMON_NAME, cn)])

    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = name("Example STI-CA for samples")
    ca_ski = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = build(ca_name, ca_name, ca_key.public_key(), ca_key, 3650, [
        (x509.BasicConstraints(ca=True, path_length=0), True), (ca_ski, False),
        (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)])
    keys = {}
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "sti-ca.pem"), "wb") as out:
        out.write(ca.public_bytes(serialization.Encoding.PEM))
    for carrier, (_, _, _, _, x5u, spc) in CARRIERS.items():
        key = keys[carrier] = ec.generate_private_key(ec.SECP256R1())
        # TNAuthorizationList (RFC 8226 section 9): SEQUENCE { [0] ServiceProviderCode IA5String }
        text = spc.encode()
        entry = bytes([0x16, len(text)]) + text
        entry = bytes([0xA0, len(entry)]) + entry
        leaf = build(name("SHAKEN " + spc), ca_name, key.public_key(), ca_key, 365, [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_ski), False),
            (x509.KeyUsage(True, False, False, False, False, False, False, False, False), True),
            (x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.5.5.7.1.26"), bytes([0x30, len(entry)]) + entry), False)])
        path = os.path.join(folder, x5u.removeprefix("https://"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(leaf.public_bytes(serialization.Encoding.PEM))
    return keys


def plan(folder, certs, t0):
    rng = random.Random(438)
    keys = certificates(certs)
    with open(os.path.join(folder, "runs"), "w") as out:
        for run, carrier, start, period, calls in RUNS:
            out.write(f"{run} {CARRIERS[carrier][0]} {start} {int(period * 1000)} {calls}\n")
    for run, carrier, start, period, calls in RUNS:
        _, prefix, attest, agent, x5u, _ = CARRIERS[carrier]
        with open(os.path.join(folder, run + ".csv"), "w") as out:
            out.write("SEQUENTIAL\n")
            for i in range(calls):
                iat = int(t0 + start + (i + 1) * period)
                orig = f"{prefix}{rng.randrange(100, 200):04}"
                dest = f"1202555{rng.randrange(100, 180):04}"
                while dest.endswith(("86", "99", "04")):
                    dest = f"1202555{rng.randrange(100, 180):04}"
                signed_orig, signed_dest, signed_iat = orig, dest, iat
                if run == "b2" and i % 7 != 3:
                    # The fault: the gateway translates dialled toll-free numbers after the call was signed.
                    # Other last digits too: with seven in common it would look like a matter of format.
                    signed_dest = f"1800555{(int(dest[-4:]) - 100 + rng.randrange(1, 80)) % 100 + 100:04}"
                elif i % 19 == 7:
                    signed_dest = dest = "12025550186"   # busy
                elif i % 19 == 13:
                    signed_dest = dest = "12025550104"   # unallocated
                elif run == "a" and i == 17:
                    signed_orig = "13035550000"          # one lone 438 of the quiet time: the caller was rewritten
                elif run == "c" and i == 20:
                    signed_iat = iat - 95                # one 403 Stale Date
                token = sign(keys[carrier], x5u, attest, signed_orig, signed_dest, signed_iat)
                date = formatdate(iat, usegmt=True)
                out.write(";".join(["+" + orig, "+" + dest, date, token, x5u, agent]) + "\n")


def check(pcap, certs):
    fields = ["sip.Method", "sip.Status-Code", "sip.Call-ID", "sip.from.user", "sip.to.user", "sip.Identity", "frame.time_epoch", "ip.src"]
    command = ["tshark", "-r", pcap, "-Y", "sip", "-T", "fields"] + [x for f in fields for x in ("-e", f)]
    calls, refused, good, bad, ages = {}, [], 0, 0, []
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        method, code, call, caller, callee, identity, time, _ = (line.split("\t") + [""] * 8)[:8]
        if method == "INVITE":
            token = identity.split(";")[0]
            x5u = identity.split("info=<")[1].split(">")[0]
            with open(os.path.join(certs, x5u.removeprefix("https://")), "rb") as pem:
                public = x509.load_pem_x509_certificate(pem.read()).public_key()
            head, body, sig = token.split(".")
            raw = base64.urlsafe_b64decode(sig + "==")
            try:
                public.verify(utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
                              (head + "." + body).encode(), ec.ECDSA(hashes.SHA256()))
                good += 1
            except Exception:
                bad += 1
            claims = json.loads(base64.urlsafe_b64decode(body + "=="))
            ages.append(float(time) - claims["iat"])
            calls[call] = (x5u.split("/")[3], claims["orig"]["tn"] == caller.lstrip("+"), claims["dest"]["tn"] == [callee.lstrip("+")])
        elif code in ("403", "404", "438", "486"):
            refused.append((code,) + calls[call])
    print(f"signatures good {good} bad {bad}; age of iat {min(ages):.1f} to {max(ages):.1f} s, median {sorted(ages)[len(ages) // 2]:.1f} s")
    for row in sorted(set(refused)):
        print(f"{refused.count(row):4} x {row[0]} signer {row[1]} orig-matches {row[2]} dest-matches {row[3]}")


if __name__ == "__main__":
    if sys.argv[1] == "plan":
        plan(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    else:
        check(sys.argv[2], sys.argv[3])
