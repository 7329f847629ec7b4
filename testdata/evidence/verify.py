#!/usr/bin/env python3
"""Verify an evidence file of Relais with Python's standard library and openssl.

    verify.py FILE.zip 'VKEY' [OLD-CHECKPOINT]

Written from docs/evidence.md and the RFCs, with nothing of Relais in it. Exits 0
and says what holds, or raises. Cosignatures and the time token are for
`openssl ts -verify` and for tools of the witnesses.
"""
import base64, datetime, hashlib, json, re, subprocess, sys, tempfile, zipfile

def sha(b): return hashlib.sha256(b).digest()
def node(l, r): return sha(b"\1" + l + r)

def ed25519(public, message, signature):
    with tempfile.TemporaryDirectory() as d:
        for name, data in (("k", bytes.fromhex("302a300506032b6570032100") + public), ("m", message), ("s", signature)):
            open(d + "/" + name, "wb").write(data)
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", d + "/k",
                               "-rawin", "-in", d + "/m", "-sigfile", d + "/s"], capture_output=True).returncode == 0

def open_note(raw, vkey):  # C2SP signed-note
    name, keyhash, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    assert key[0] == 1 and sha(name.encode() + b"\n" + key)[:4].hex() == keyhash, "bad vkey"
    text, _, signatures = raw.decode().rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        _, who, sig = line.split(" ")
        sig = base64.b64decode(sig)
        if who == name and sig[:4].hex() == keyhash and ed25519(key[1:], text.encode(), sig[4:]):
            return text
    raise SystemExit("REFUSED: not signed by this key")

def parse(text):
    origin, size, root = text.splitlines()
    return origin, int(size), base64.b64decode(root)

def root_of(index, size, leaf, path):  # RFC 9162 2.1.3.2
    fn, sn, r = index, size - 1, leaf
    for p in path:
        assert sn, "proof too long"
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn: fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0, "proof too short"
    return r

def goes_on(m, n, path, old, new):  # RFC 9162 2.1.4.2
    if m == n: return old == new and not path
    if m & (m - 1) == 0: path = [old] + path
    fn, sn = m - 1, n - 1
    while fn & 1: fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        assert sn, "proof too long"
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn: fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old and sr == new and sn == 0

def since_checks(f, vkey, since, origin, size, root):
    mine = parse(open_note(open(since, "rb").read(), vkey))
    raw = f("consistency")
    head, old = (b"", raw[1:]) if raw[:1] == b"\n" else raw.split(b"\n\n", 1)
    assert parse(open_note(old, vkey)) == mine and mine[0] == origin, "not from this checkpoint"
    assert goes_on(mine[1], size, [base64.b64decode(l) for l in head.split()], mine[2], root), "THE JOURNAL WAS REWRITTEN"

# --- relais-preuve/2 ---

def split(n): return 1 << (n - 1).bit_length() - 1  # the largest power of two below n

def sides(index, size, path):  # hashes left of a leaf, highest first; right of it, lowest first
    a, b, left, right = 0, size, [], []
    for h in reversed(path):
        middle = a + split(b - a)
        if index >= middle: left.append(h); a = middle
        else: right.insert(0, h); b = middle
    assert b - a == 1, "proof of the wrong length"
    return left, right

def run_root(lo, hi, size, first, last, leaf):  # RFC 9162 2.1.1, with what the two proofs know beside the run
    left, right = sides(lo, size, first)[0], sides(hi, size, last)[1]
    def mth(a, b):
        if b <= lo: return left.pop(0)
        if a > hi: return right.pop(0)
        if b - a == 1: return leaf(a)
        middle = a + split(b - a)
        l = mth(a, middle)
        return node(l, mth(middle, b))
    return mth(0, size)

def walk(z, name, checkpoint, size, root, each):  # one set: each(index, leaf, entry) for every line
    lines, runs, proofs = (z.open(name + e) for e in (".jsonl", ".runs", ".tlog-proofs"))
    def proof(index):
        assert proofs.readline() == b"c2sp.org/tlog-proof@v1\n" and proofs.readline() == b"index %d\n" % index, "not the proof of %d" % index
        path = [base64.b64decode(l) for l in iter(proofs.readline, b"\n")]
        assert proofs.read(len(checkpoint)) == checkpoint, "proof for another checkpoint"
        return path
    def leaf(index):
        line = lines.readline()
        e = json.loads(line)
        h = base64.b64decode(e["leaf"]) if "pruned_by" in e else sha(b"\0" + line[:-1])
        each(index, h, e)
        return h
    end = -2
    for line in runs:
        lo, hi = map(int, line.split())
        assert end + 1 < lo <= hi < size, "runs out of order"
        first = proof(lo)
        assert run_root(lo, hi, size, first, proof(hi) if hi > lo else first, leaf) == root, "entries %d to %d are not in the journal" % (lo, hi)
        end = hi
    assert not lines.read(1) and not proofs.read(1), "more than the runs say"

def when(text):  # RFC 3339, as something to compare: whole seconds, then nine digits
    fraction = re.search(r"\.(\d+)", text)
    whole = text.replace(fraction[0] if fraction else "", "").replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(whole), fraction[1].ljust(9, "0") if fraction else "0" * 9

def answers(e, index, asked):  # what can be read in an entry of the criteria it was chosen by
    for criterion, field in (("mandat", "on_behalf_of"), ("action", "action"), ("outcome", "outcome")):
        if asked.get(criterion, e.get(field)) != e.get(field): return False
    return (asked.get("entry", index) == index and ("from" not in asked or when(asked["from"]) <= when(e["ts"]))
            and ("to" not in asked or when(e["ts"]) < when(asked["to"])))

def two(z, vkey, since):
    f = z.read
    def digest(name):
        h = hashlib.sha256()
        with z.open(name) as s:
            for block in iter(lambda: s.read(1 << 20), b""): h.update(block)
        return h.hexdigest()
    text = open_note(f("seal"), vkey).splitlines()
    assert [l.split("  ") for l in text[2:]] == [[digest(n), n] for n in z.namelist() if n != "seal"], "a file was changed"
    checkpoint, manifest = f("checkpoint"), json.loads(f("manifest.json"))
    origin, size, root = parse(open_note(checkpoint, vkey))
    assert text[0] == origin + "/preuve" and manifest["origin"] == origin
    assert all(digest(n) == h for n, h in manifest["files"].items()), "not the files of the manifest"
    complete, stream, indexes, pruned, prunes = manifest["complete"], [0, None], [0, -1, -1], set(), set()
    narrowed = set(manifest["filter"]) - {"number"}
    assert complete == ("mandat" if narrowed == {"mandat"} else "run" if narrowed <= {"from", "to"} or narrowed == {"entry"} else "no")
    def follow(h, e):
        if complete != "mandat": return
        assert e["on_behalf_of"] == manifest["filter"]["mandat"] and int(e["stream_seq"]) == stream[0] + 1, "an entry is missing"
        assert "pruned_by" in e or e.get("stream_prev") == stream[1], "an entry is missing"
        stream[:] = stream[0] + 1, base64.b64encode(h).decode()
    def entry(index, h, e):
        assert complete != "run" or indexes[0] == 0 or index == indexes[2] + 1, "an entry is missing"
        assert complete != "no" or answers(e, index, manifest["filter"]), "entry %d is not what was asked" % index
        indexes[:] = indexes[0] + 1, indexes[1] if indexes[0] else index, index
        if "pruned_by" in e: pruned.add((int(e["pruned_by"]), index))
        follow(h, e)
    walk(z, "entries", checkpoint, size, root, entry)
    assert indexes == [manifest["count"], manifest["first"], manifest["last"]] and len(pruned) == manifest["pruned"]
    def prune(index, h, e):
        d = e["details"]
        mine = [i for by, i in pruned if by == index]
        assert e["action"] == "journal.prune" and mine and int(d["premiere"]) <= min(mine) and max(mine) <= int(d["derniere"])
        prunes.add(index)
    walk(z, "prunes", checkpoint, size, root, prune)
    assert prunes == {by for by, _ in pruned}, "an entry journal.prune is missing"
    def export(index, h, e):
        assert index > manifest["last"] and e["action"] == "journal.export"
        assert e["details"]["manifeste_sha256"] == digest("manifest.json"), "the journal did not record this export"
        follow(h, e)
    walk(z, "export", checkpoint, size, root, export)
    def day(index, h, e):
        assert e["action"] == "journal.day" and e["details"]["empreinte"] == digest("stream-heads.json"), "not the list of that day"
    if "stream-heads.json" in z.namelist(): walk(z, "days", checkpoint, size, root, day)
    if since: since_checks(f, vkey, since, origin, size, root)
    said = ", complete" if complete != "no" else ", NOT shown to be complete"
    print("%s: %d entries (%d by their leaf only) proven in a journal of %d%s%s" % (origin, indexes[0], len(pruned), size, said, ", and the past unchanged" if since else ""))

# --- relais-preuve/1 ---

def one(z, vkey, since):
    f = {i.filename: z.read(i) for i in z.infolist()}
    listed = dict(reversed(l.split("  ")) for l in open_note(f["seal"], vkey).splitlines()[2:])
    assert listed == {n: hashlib.sha256(b).hexdigest() for n, b in f.items() if n != "seal"}, "a file was changed"
    origin, size, root = parse(open_note(f["checkpoint"], vkey))
    manifest = json.loads(f["manifest.json"])
    def included(index, body):
        head, _, note = f["proofs/%012d.tlog-proof" % index].partition(b"\n\n")
        lines = head.decode().splitlines()
        assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index %d" % index] and note == f["checkpoint"]
        leaf = sha(b"\0" + body)
        assert root_of(index, size, leaf, [base64.b64decode(l) for l in lines[2:]]) == root, "entry %d is not in the journal" % index
        return base64.b64encode(leaf).decode()
    bodies = f["entries.jsonl"].split(b"\n")[:-1]
    assert len(bodies) == manifest["count"] == len(manifest["indexes"])
    streams = {}
    def follow(body, leaf):
        e = json.loads(body)
        if "on_behalf_of" in e:
            seq, prev = streams.get(e["on_behalf_of"], (None, None))
            assert seq is None or (int(e["stream_seq"]) == seq + 1 and e["stream_prev"] == prev), "an entry is missing"
            assert seq is not None or "mandat" not in manifest["filter"] or e["stream_seq"] == "1"
            streams[e["on_behalf_of"]] = int(e["stream_seq"]), leaf
    for index, body in zip(manifest["indexes"], bodies):
        follow(body, included(index, body))
    if "mandat" not in manifest["filter"]:
        assert manifest["indexes"] == list(range(manifest["first"], manifest["last"] + 1)), "an entry is missing"
    export = f["export.jsonl"][:-1]
    at = [int(n[7:19]) for n in f if n.startswith("proofs/") and int(n[7:19]) not in manifest["indexes"]]
    leaf = included(at[0], export)
    if "mandat" in manifest["filter"]: follow(export, leaf)
    e = json.loads(export)
    assert e["action"] == "journal.export" and e["details"]["manifeste_sha256"] == hashlib.sha256(f["manifest.json"]).hexdigest()
    if since: since_checks(f.__getitem__, vkey, since, origin, size, root)
    print("%s: %d entries proven in a journal of %d, complete%s" % (origin, len(bodies), size, ", and the past unchanged" if since else ""))

def main(path, vkey, since=None):
    z = zipfile.ZipFile(path)
    (one if any("/" in n for n in z.namelist()) else two)(z, vkey, since)

main(*sys.argv[1:])
