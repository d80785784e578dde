"""Records tests/wires/tls.txt: TLS conversations of OpenSSL with a fixed SIP exchange inside.

Run by hand: `python3 tests/wires/record_tls.py > tests/wires/tls.txt`. Both ends are OpenSSL (Python's
ssl over memory), so that our decryption is judged by a stack that is not ours. The certificate is
made for the run and thrown away. Lines: `conversation <name>`, key log lines as NSS writes them,
and `C <hex>` or `S <hex>` for what client or server sent, in order.
"""

import os
import ssl
import subprocess
import sys
import tempfile

# The same as in tests/wires.rs.
REQUEST = (
    "OPTIONS sip:b@sip.example.net SIP/2.0\r\nVia: SIP/2.0/TLS 10.0.0.1;branch=z9hG4bK-{n}\r\n"
    "From: <sip:a@example.net>;tag=1\r\nTo: <sip:b@example.net>\r\nCall-ID: {n}@{name}\r\n"
    "CSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
ANSWER = REQUEST.replace("OPTIONS sip:b@sip.example.net SIP/2.0", "SIP/2.0 200 OK").replace(
    "<sip:b@example.net>", "<sip:b@example.net>;tag=2"
)
NO_ENCRYPT_THEN_MAC = 1 << 19


class Wire:
    def __init__(self, name, folder, version, suite=None, groups=None, options=0, session=None):
        self.name = name
        log = os.path.join(folder, name + ".log")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        client.keylog_filename = log
        for context in (server, client):
            context.minimum_version = context.maximum_version = version
            context.options |= options
            if suite:
                context.set_ciphers(suite + ":@SECLEVEL=0")
        if groups:
            server.set_ecdh_curve(groups)
        self.contexts, self.log = (client, server), log

    def run(self, session=None):
        client_context, server_context = self.contexts
        open(self.log, "w").close()
        sent = []
        c_in, c_out, s_in, s_out = (ssl.MemoryBIO() for _ in range(4))
        client = client_context.wrap_bio(
            c_in, c_out, server_hostname="sip.example.net", session=session
        )
        server = server_context.wrap_bio(s_in, s_out, server_side=True)

        def pump():
            while c_out.pending or s_out.pending:
                if c_out.pending:
                    data = c_out.read()
                    sent.append(("C", data))
                    s_in.write(data)
                if s_out.pending:
                    data = s_out.read()
                    sent.append(("S", data))
                    c_in.write(data)

        done = set()
        while len(done) < 2:
            for end in (client, server):
                try:
                    end.do_handshake()
                    done.add(end)
                except ssl.SSLWantReadError:
                    pass
                pump()
        name = self.name + ("-resumed" if session else "")
        for n in range(1, 4):
            client.write(REQUEST.format(n=n, name=name).encode())
            pump()
            server.read()
            server.write(ANSWER.format(n=n, name=name).encode())
            pump()
            client.read()
        for end in (client, server):
            try:
                end.unwrap()
            except (ssl.SSLWantReadError, ssl.SSLSyscallError):
                pass
            pump()
        if session:
            assert client.session_reused
        print("conversation", name, client.cipher()[0])
        for line in open(self.log):
            print(line.strip())
        for who, data in sent:
            print(who, data.hex())
        return client.session


def certificate(folder):
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=sip.example.net"
        f" -keyout {folder}/key.pem -out {folder}/cert.pem".split(),
        check=True,
        capture_output=True,
    )


def only(suite):
    """Has this program started anew with a configuration of OpenSSL that allows one suite of TLS 1.3."""
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as config:
        config.write(
            f"openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n[c]\nCiphersuites={suite}\n"
        )
        config.flush()
        environment = {**os.environ, "OPENSSL_CONF": config.name}
        subprocess.run([sys.executable, __file__, suite], check=True, env=environment)


def main():
    v10, v11 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    v12, v13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as folder:
            certificate(folder)
            name = sys.argv[1].removeprefix("TLS_").removesuffix("_SHA256")
            Wire("tls13-" + name.lower().replace("_", "-"), folder, v13).run()
        return
    with tempfile.TemporaryDirectory() as folder:
        certificate(folder)
        for name, suite in [
            ("gcm128", "ECDHE-RSA-AES128-GCM-SHA256"),
            ("gcm256-rsa", "AES256-GCM-SHA384"),
            ("chacha", "ECDHE-RSA-CHACHA20-POLY1305"),
            ("cbc-sha1", "ECDHE-RSA-AES128-SHA"),
            ("cbc-sha256", "AES128-SHA256"),
            ("cbc256-sha256", "AES256-SHA256"),
            ("cbc-sha384", "ECDHE-RSA-AES256-SHA384"),
            ("ccm128", "AES128-CCM"),
            ("ccm256", "AES256-CCM"),
            ("ccm128-8", "AES128-CCM8"),
            ("ccm256-8", "AES256-CCM8"),
            ("null-sha1", "NULL-SHA"),
            ("null-sha256", "NULL-SHA256"),
        ]:
            wire = Wire("tls12-" + name, folder, v12, suite)
            session = wire.run()
            if name in ("gcm128", "cbc-sha1"):
                wire.run(session)
            if name.startswith("cbc"):
                Wire("tls12-mte-" + name, folder, v12, suite, options=NO_ENCRYPT_THEN_MAC).run()
        for version, name in [(v10, "tls10"), (v11, "tls11")]:
            wire = Wire(name + "-cbc", folder, version, "AES128-SHA")
            wire.run(wire.run())
            Wire(name + "-cbc256", folder, version, "ECDHE-RSA-AES256-SHA").run()
            Wire(
                name + "-mte-cbc", folder, version, "AES128-SHA", options=NO_ENCRYPT_THEN_MAC
            ).run()
        Wire("tls10-null", folder, v10, "NULL-SHA").run()
        for suite in ("TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"):
            sys.stdout.flush()
            only(suite)
        wire = Wire("tls13", folder, v13)
        wire.run(wire.run())
        Wire("tls13-retry", folder, v13, groups="secp384r1").run()


main()
