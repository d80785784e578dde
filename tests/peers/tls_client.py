"""A SIP client over TLS 1.3 and then over TLS 1.2: tls_client.py HOST PORT KEYLOG; ends well when all was answered 200."""
import socket, ssl, sys

host, port, keys = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.keylog_filename = keys
    with context.wrap_socket(socket.create_connection((host, port), timeout=5)) as wire:
        for number, method in enumerate(["OPTIONS", "REGISTER"], 1):
            wire.sendall(
                f"{method} sip:b@sip.example.net SIP/2.0\r\nVia: SIP/2.0/TLS {host};branch=z9hG4bK-{wire.version()}-{number}\r\n"
                f"From: <sip:a@sip.example.net>;tag={number}\r\nTo: <sip:b@sip.example.net>\r\n"
                f"Call-ID: {number}-{wire.version()}@{host}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
                "Content-Length: 0\r\n\r\n".encode())
            said = b""
            while b"\r\n\r\n" not in said:
                got = wire.recv(65536)
                if not got:
                    sys.exit("the server hung up")
                said += got
            if not said.startswith(b"SIP/2.0 200 "):
                sys.exit(f"{method}: {said}")
