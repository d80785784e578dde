#!/usr/bin/env python3
"""Two calls over one TCP connection, written in odd pieces: odd_caller.py LOCAL_IP REMOTE_IP

Each piece is one send() with Nagle's algorithm off and a pause behind it, so that it becomes a segment of its own: cuts inside a
header name, between CR and LF, inside the empty line, inside a body; a message and the start of the next in one piece; two whole
messages in one piece; CRLF keep-alives (RFC 5626 section 4.4.1) between messages and before one.
"""
import re, socket, sys, time

local, remote = sys.argv[1:3]
sock = socket.socket()
sock.bind((local, 0))
sock.settimeout(10)
sock.connect((remote, 5060))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
port = sock.getsockname()[1]
SDP = f"v=0\r\no=- 1 1 IN IP4 {local}\r\ns=-\r\nc=IN IP4 {local}\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"
inbox = b""


def message(method, call, cseq, uri="sip:callee@192.0.2.60", to_tag="", routes=(), body=""):
    lines = [f"{method} {uri} SIP/2.0",
             f"Via: SIP/2.0/TCP {local}:{port};branch=z9hG4bK-odd-{call}-{cseq}-{method};alias",
             "Max-Forwards: 70",
             *[f"Route: {route}" for route in routes],
             f"From: <sip:odd@{local}>;tag=odd{call}",
             f"To: <sip:callee@{remote}>{to_tag}",
             f"Call-ID: odd-{call}@{local}",
             f"CSeq: {cseq} {method}",
             f"Contact: <sip:odd@{local}:{port};transport=tcp>",
             *(["Content-Type: application/sdp"] if body else []),
             f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


def pieces(data, *cuts):
    """Sends `data` cut at each of `cuts`: an offset, or the bytes in whose middle to cut."""
    offsets = sorted(c if isinstance(c, int) else data.index(c) + len(c) // 2 for c in cuts)
    for start, end in zip([0, *offsets], [*offsets, len(data)]):
        sock.sendall(data[start:end])
        time.sleep(0.04)


def answer(call, code):
    """Reads until the response `code` of `call` is there; answers its header text."""
    global inbox
    while True:
        while b"\r\n\r\n" in inbox:
            head, rest = inbox.split(b"\r\n\r\n", 1)
            length = int((re.search(rb"(?im)^content-length:\s*(\d+)", head) or [0, 0])[1])
            if not head.strip():
                inbox = rest
                continue
            if len(rest) < length:
                break
            inbox = rest[length:]
            text = head.decode().lstrip()
            if text.startswith(f"SIP/2.0 {code} ") and f"Call-ID: odd-{call}@" in text:
                return text
        data = sock.recv(4096)
        if not data:
            sys.exit("the peer closed the connection")
        inbox += data


def dialog(text):
    contact = re.search(r"(?im)^contact:\s*<([^>]*)>", text)[1]
    tag = re.search(r"(?im)^to:.*(;tag=[^\r\n;]*)", text)[1]
    routes = [r.strip() for r in re.findall(r"(?im)^record-route:\s*(.*?)\r?$", text)]
    return {"uri": contact, "to_tag": tag, "routes": list(reversed(routes))}


invite = message("INVITE", 1, 1, body=SDP)
pieces(invite, b"Max-Forwards", b"\r\nFrom", b"Call-ID", b"\r\n\r\n", invite.index(b"\r\n\r\n") + 3, b"IN IP4 198.51", len(invite) - 1)
first = dialog(answer(1, 200))
sock.sendall(b"\r\n\r\n")                                       # keep-alive ping
time.sleep(0.5)
ack, second_invite = message("ACK", 1, 1, **first), message("INVITE", 2, 1, body=SDP)
pieces(ack + second_invite, len(ack) + 1, len(ack) + 60)        # an ACK and one byte of the next INVITE in one segment
second = dialog(answer(2, 200))
pieces(message("ACK", 2, 1, **second), 1, 2, 3, b"\r\n\r\n")    # single bytes of the method
time.sleep(1)
pieces(b"\r\n\r\n" + message("BYE", 1, 2, **first) + message("BYE", 2, 2, **second))   # ping and two messages in one segment
answer(1, 200)
answer(2, 200)
time.sleep(0.5)
sock.close()
