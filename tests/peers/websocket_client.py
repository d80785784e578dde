"""A SIP client over WebSocket: websocket_client.py HOST PORT.

Sends an OPTIONS in one frame, and a REGISTER and a long MESSAGE in several; ends well when all were answered 200.
"""
import base64, os, socket, struct, sys, time

host, port = sys.argv[1], int(sys.argv[2])
wire = socket.create_connection((host, port), timeout=5)
wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
key = base64.b64encode(os.urandom(16)).decode()
wire.sendall((f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"
              "Origin: http://sip.example.net\r\n\r\n").encode())
held = b""


def more():
    global held
    got = wire.recv(65536)
    if not got:
        sys.exit("the server hung up")
    held += got


def take(length):
    global held
    while len(held) < length:
        more()
    taken, held = held[:length], held[length:]
    return taken


while b"\r\n\r\n" not in held:
    more()
head, held = held.split(b"\r\n\r\n", 1)
if b" 101 " not in head.split(b"\r\n")[0]:
    sys.exit(f"no WebSocket: {head}")


def send(opcode, payload, last=True):
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack(">H", length)
    mask = os.urandom(4)
    masked = bytes(octet ^ mask[at % 4] for at, octet in enumerate(payload))
    wire.sendall(bytes([0x80 * last | opcode]) + size + mask + masked)


def answer():
    while True:
        first, length = take(2)
        if length == 126:
            length, = struct.unpack(">H", take(2))
        payload = take(length)
        if first & 15 == 9:
            send(10, payload)
        elif first & 15 in (1, 2):
            return payload
        else:
            sys.exit(f"opcode {first & 15}: {payload}")


def request(method, number, body=b""):
    return (f"{method} sip:b@sip.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK-{number}\r\n"
            f"From: <sip:a@sip.example.net>;tag={number}\r\nTo: <sip:b@sip.example.net>\r\n"
            f"Call-ID: {method.lower()}-{number}@a.invalid\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
            f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


for method, number, body, pieces in [("OPTIONS", 1, b"", 1), ("REGISTER", 2, b"", 3), ("MESSAGE", 3, b"hello " * 500, 4)]:
    message = request(method, number, body)
    step = -(-len(message) // pieces)
    parts = [message[at:at + step] for at in range(0, len(message), step)]
    for at, part in enumerate(parts):
        send(0 if at else 1, part, at + 1 == len(parts))
        time.sleep(0.02)
    said = answer()
    if not said.startswith(b"SIP/2.0 200 "):
        sys.exit(f"{method}: {said}")
