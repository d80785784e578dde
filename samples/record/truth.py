#!/usr/bin/env python3
"""Writes truth.json: what is in each sample, from tshark's reading of it and from what record.sh made each caller do.

    truth.py SAMPLES

Nothing here is read from sipannotate: the file is what the program is compared with. Call-IDs change with every recording, so
callers are known by their number; the verdicts are those of the scenario each number played.
"""
import base64, collections, datetime, json, os, re, subprocess, sys

# Start of the caller's number -> what became of the ACK of its 200, in missing-ack.pcap.
ROLES = {
    "+130355501": {"verdict": "ack-ok"},
    "+130355502": {"verdict": "no-ack-confirmed"},
    "+130355503": {"verdict": "ack-mismatch", "qualifier": "wrong-cseq", "confidence": "confirmed"},
    "+130355504": {"verdict": "ack-not-honoured", "confidence": "confirmed"},
    "+130355505": {"verdict": "ack-late"},
    "+130355506": {"verdict": "inconclusive", "qualifier": "capture-ends"},
}
FIELDS = ["frame.number", "frame.time_epoch", "ip.src", "ip.dst", "sip.Method", "sip.Status-Code", "sip.CSeq.method", "sip.Call-ID",
          "sip.from.user", "sip.to.tag"]


def messages(path):
    """Each SIP message as a dict; a frame with two messages gives two (tshark prints their fields joined by |)."""
    command = ["tshark", "-r", path, "-Y", "sip", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    command += [part for field in FIELDS for part in ("-e", field)]
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        columns = [column.split("|") if column else [] for column in line.split("\t")]
        number, time, src, dst, methods, codes, cseqs, calls, callers, tags = columns
        for i, cseq in enumerate(cseqs):
            assert not (methods and codes), "requests and responses in one frame: count by hand"
            yield {"frame": int(number[0]), "time": float(time[0]), "src": src[0], "dst": dst[0], "method": cseq,
                   "request": methods[i] if methods else None, "code": int(codes[i]) if codes else None,
                   "call": calls[i], "caller": callers[i] if i < len(callers) else None}


def tcp_start_lines(path):
    """Start lines in the bytes of the TCP streams, (requests, responses): tshark leaves out what follows a keep-alive in its segment."""
    command = ["tshark", "-r", path, "-T", "fields", "-e", "tcp.stream", "-e", "tcp.srcport", "-e", "tcp.seq", "-e", "tcp.payload"]
    streams = collections.defaultdict(dict)
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        stream, port, seq, payload = (line.split("\t") + [""])[:4]
        if payload:
            old = streams[stream, port].get(int(seq), b"")
            streams[stream, port][int(seq)] = max(old, bytes.fromhex(payload), key=len)
    requests = responses = 0
    for pieces in streams.values():
        data, end = b"", 0
        for seq in sorted(pieces):
            data += pieces[seq][max(0, end - seq):]
            end = max(end, seq + len(pieces[seq]))
        requests += len(re.findall(rb"(?m)^[A-Z]+ sip:\S+ SIP/2\.0\r$", data))
        responses += len(re.findall(rb"(?m)^SIP/2\.0 \d{3} ", data))
    return requests, responses


def stamp(time):
    whole = datetime.datetime.fromtimestamp(int(time), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{round((time - int(time)) * 1e6):06}Z"


def refusals(path):
    """Call-ID -> cause of each 403 and 438: the claims of its PASSporT against From and To, equal after dropping the plus."""
    command = ["tshark", "-r", path, "-Y", "sip.Method == INVITE or sip.Status-Code in {403, 438}", "-T", "fields"]
    command += ["-e", "sip.Call-ID", "-e", "sip.Status-Code", "-e", "sip.from.user", "-e", "sip.to.user", "-e", "sip.Identity"]
    calls, causes = {}, {}
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        call, code, caller, callee, identity = (line.split("\t") + [""])[:5]
        if not code:
            claims = json.loads(base64.urlsafe_b64decode(identity.split(".")[1] + "=="))
            calls[call] = (caller.lstrip("+"), callee.lstrip("+"), claims["orig"]["tn"], claims["dest"]["tn"][0])
            continue
        caller, callee, orig, dest = calls[call]
        if code == "403":
            causes[call] = "stale-iat"          # and iat-vs-date: incident.py made the token 95 s older than its Date
        elif orig != caller:
            causes[call] = "orig-mismatch"
        else:
            # Whole numbers with a country code: that the last seven digits may agree by chance makes no format of it.
            causes[call] = "dest-mismatch"
    return causes


def burst(found):
    """The calls carrier B had refused, and the INVITE finals from the first of them to the last."""
    callers = {m["call"]: m["src"] for m in found if m["request"] == "INVITE"}
    refused = [m for m in found if m["code"] == 438 and callers[m["call"]] == "198.51.100.12"]
    finals = [m for m in found if m["method"] == "INVITE" and (m["code"] or 0) >= 200]
    start, end = refused[0], refused[-1]
    inside = [m for m in finals if start["time"] <= m["time"] <= end["time"]]
    return {"rule": "identity-burst", "code": 438, "start": stamp(start["time"]), "end": stamp(end["time"]), "count": len(refused),
            "attempts": len(inside), "peer": "198.51.100.12 → 192.0.2.10", "cause": "dest-mismatch",
            "x5u": "https://certs.example.net/carrier-b/2026.pem", "first_frame": start["frame"], "last_frame": end["frame"]}


def truth(folder, name):
    path = os.path.join(folder, name)
    found = list(messages(path))
    frames = len(subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "frame.number"], check=True, capture_output=True,
                                text=True).stdout.splitlines())
    invites = {m["call"] for m in found if m["request"] == "INVITE"}
    facts = {"frames": frames, "bytes": os.path.getsize(path), "sip_messages": len(found),
             "requests": sum(m["request"] is not None for m in found), "responses": sum(m["code"] is not None for m in found),
             "calls": len(invites),
             "responses_seen": {str(code): n for code, n in sorted(collections.Counter(m["code"] for m in found if m["code"]).items())},
             "missing_ack": {}, "bursts": []}
    if name.startswith("tcp"):
        facts["tshark_sip_messages"] = facts["sip_messages"]
        facts["requests"], facts["responses"] = tcp_start_lines(path)
        facts["sip_messages"] = facts["requests"] + facts["responses"]
    if name.startswith("missing-ack"):
        callers = {m["call"]: m["caller"] for m in found if m["request"] == "INVITE"}
        for call, caller in callers.items():
            role = ROLES[caller[:10]]
            if role["verdict"] != "ack-ok":
                facts["missing_ack"][call] = {**role, "caller": caller}
    if name.startswith("incident-438"):
        facts["bursts"] = [burst(found)]
        facts["notes"] = [
            "dest.tn and To may agree in their last seven digits by chance, as 18005550173 and 12025550173 do: both are whole numbers "
            "with a country code and of equal length, so this is dest-mismatch and no matter of format"]
        facts["refused_for_identity"] = refusals(path)
        facts["bursts"][0]["causes"] = collections.Counter(
            cause for call, cause in facts["refused_for_identity"].items() if call.endswith("@198.51.100.12"))
    return facts


if __name__ == "__main__":
    folder = sys.argv[1]
    names = sorted(n for n in os.listdir(folder) if n.endswith((".pcap", ".pcapng")))
    with open(os.path.join(folder, "truth.json"), "w") as out:
        json.dump({name: truth(folder, name) for name in names}, out, indent=2, ensure_ascii=False)
        out.write("\n")
