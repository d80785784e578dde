#!/usr/bin/env python3
"""A callee that obeys RFC 3261 section 13.3.1.4: patient_callee.py LOCAL_IP [USER=CONTACT_IP]...

It rings, answers after a moment, repeats the 200 (T1 doubling to T2) until an ACK with the dialog's tags and CSeq number comes, and
after 64*T1 without one says so in a BYE, along the route set. Called as USER it announces CONTACT_IP as its Contact.
"""
import random, re, socket, sys, time

T1, T2 = 0.5, 4.0
local = sys.argv[1]
contacts = dict(argument.split("=") for argument in sys.argv[2:])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((local, 5060))
calls, due = {}, []           # Call-ID -> call; (time, step, call)


def header(text, name):
    found = re.search(rf"(?im)^{name}:\s*(.*?)\r?$", text)
    return found[1] if found else ""


def route_set(request):
    return re.findall(r"(?im)^Record-Route:\s*(.*?)\r?$", request)


def contact(request):
    user = re.match(r"\S+ sips?:([^@;>\s]*)", request)[1]
    return f"Contact: <sip:callee@{contacts.get(user, local)}:5060>\r\n"


def socket_of(uri):
    host, port = re.search(r"sips?:(?:[^@>]*@)?([^:;>]+)(?::(\d+))?", uri).groups()
    return host, int(port or 5060)


def reply(request, peer, status, tag, extra="", body=""):
    to = header(request, "To")
    if "tag=" not in to:
        to += f";tag={tag}"
    vias = "".join(f"Via: {via}\r\n" for via in re.findall(r"(?im)^Via:\s*(.*?)\r?$", request))
    vias += "".join(f"Record-Route: {route}\r\n" for route in route_set(request))
    text = (f"SIP/2.0 {status}\r\n{vias}From: {header(request, 'From')}\r\nTo: {to}\r\nCall-ID: {header(request, 'Call-ID')}\r\n"
            f"CSeq: {header(request, 'CSeq')}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}")
    sock.sendto(text.encode(), peer)


def step(now, name, call):
    if name == "answer":
        call["end"] = now + 64 * T1
        name = "repeat"
        due.append((call["end"], "give up", call))
    if call["done"]:
        return
    if name == "repeat":
        body = f"v=0\r\no=- 1 1 IN IP4 {local}\r\ns=-\r\nc=IN IP4 {local}\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"
        reply(call["invite"], call["peer"], "200 OK", call["tag"], contact(call["invite"]) + "Content-Type: application/sdp\r\n", body)
        due.append((now + call["gap"], "repeat", call))
        call["gap"] = min(2 * call["gap"], T2)
    else:
        invite = call["invite"]
        call["done"] = True
        uri = re.search(r"<([^>]*)>", header(invite, "Contact"))[1]
        routes = "".join(f"Route: {route}\r\n" for route in route_set(invite))
        text = (f"BYE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local}:5060;branch=z9hG4bK{random.getrandbits(48):x}\r\nMax-Forwards: 70\r\n{routes}"
                f"From: {header(invite, 'To')};tag={call['tag']}\r\nTo: {header(invite, 'From')}\r\n"
                f"Call-ID: {header(invite, 'Call-ID')}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n")
        sock.sendto(text.encode(), socket_of((route_set(invite) or [uri])[0]))


while True:
    due.sort(key=lambda item: item[0])
    while due and due[0][0] <= time.time():
        when, name, call = due.pop(0)
        step(when, name, call)
        due.sort(key=lambda item: item[0])
    sock.settimeout(max(0.001, due[0][0] - time.time()) if due else 5)
    try:
        data, peer = sock.recvfrom(65535)
    except TimeoutError:
        continue
    text = data.decode()
    key, method = header(text, "Call-ID"), text.split(" ", 1)[0]
    if method == "INVITE" and key not in calls:
        calls[key] = {"invite": text, "peer": peer, "tag": f"{random.getrandbits(40):x}", "gap": T1, "done": False}
        reply(text, peer, "180 Ringing", calls[key]["tag"], contact(text))
        due.append((time.time() + random.uniform(0.3, 1.2), "answer", calls[key]))
    elif method == "ACK" and key in calls:
        call = calls[key]
        if header(text, "CSeq").split()[0] == header(call["invite"], "CSeq").split()[0] and call["tag"] in header(text, "To"):
            call["done"] = True
    elif method == "BYE" and key in calls:
        calls[key]["done"] = True
        reply(text, peer, "200 OK", calls[key]["tag"])
