"""What other implementations say: one JSON question a line in, one JSON answer a line out.

pyspf evaluates SPF, dkimpy signs and verifies DKIM and ARC, authheaders finds DMARC policies by
the tree walk. None of them may ask a name server: every question brings its zone along.
"""

import base64
import json
import sys

import authheaders
import dkim
import spf


class Zone:
    """Names with their records, as {"name": {"TXT": [..], "A": [..], "MX": [[10, "host"]]}}."""

    def __init__(self, names):
        self.names = {name.lower().rstrip("."): records for name, records in names.items()}

    def find(self, name, kind):
        return self.names.get(name.lower().rstrip("."), {}).get(kind, [])

    def for_pyspf(self, name, qtype, strict=True, timeout=20):
        """In the form of pyspf's DNSLookup."""
        found = self.find(name, qtype)
        if qtype == "TXT":
            found = [(text.encode(),) for text in found]
        elif qtype == "MX":
            found = [(preference, host) for preference, host in found]
        return [((name, qtype), data) for data in found]

    def for_dkimpy(self, name, timeout=5):
        """In the form of dkimpy's dnsfunc."""
        texts = self.find(name.decode(), "TXT")
        return texts[0].encode() if texts else None

    def for_authheaders(self, name, qtype="TXT"):
        """In the form of authheaders' dnsfunc."""
        texts = self.find(name, qtype.upper())
        return texts[0] if texts else None


def check_spf(question):
    spf.DNSLookup = Zone(question["zone"]).for_pyspf
    result, explanation = spf.check2(
        i=question["client"], s=question["sender"], h=question["helo"], receiver="mx.receiver.example"
    )
    return {"result": result, "why": explanation}


def verify_dkim(question):
    message = base64.b64decode(question["message"])
    zone = Zone(question["zone"])
    results = []
    verifier = dkim.DKIM(message)
    signatures = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    for at in range(signatures):
        try:
            good = dkim.DKIM(message).verify(idx=at, dnsfunc=zone.for_dkimpy)
            results.append("pass" if good else "fail")
        except dkim.DKIMException as error:
            results.append(f"error: {error}")
    return {"results": results}


def sign_dkim(question):
    message = base64.b64decode(question["message"])
    header, body = question["canonicalization"].split("/")
    field = dkim.DKIM(message, signature_algorithm=question["algorithm"].encode()).sign(
        question["selector"].encode(),
        question["domain"].encode(),
        question["key"].encode(),
        canonicalize=(header.encode(), body.encode()),
        length=question.get("length", False),
    )
    return {"field": base64.b64encode(field).decode()}


def verify_arc(question):
    message = base64.b64decode(question["message"])
    result, _, why = dkim.arc_verify(message, dnsfunc=Zone(question["zone"]).for_dkimpy)
    return {"result": result.decode(), "why": str(why)}


def seal_arc(question):
    message = base64.b64decode(question["message"])
    fields = dkim.arc_sign(
        message,
        question["selector"].encode(),
        question["domain"].encode(),
        question["key"].encode(),
        question["authserv_id"].encode(),
    )
    return {"fields": base64.b64encode(b"".join(fields)).decode()}


def find_dmarc_policy(question):
    _, domain, _, policy, record, organisation = authheaders.dmarc_per_from(
        question["author"],
        dnsfunc=Zone(question["zone"]).for_authheaders,
        dmarcbis=True,
        policy_only=True,
    )
    return {"policy": policy or None, "organisation": organisation if record else None}


QUESTIONS = {
    "spf": check_spf,
    "verify-dkim": verify_dkim,
    "sign-dkim": sign_dkim,
    "verify-arc": verify_arc,
    "seal-arc": seal_arc,
    "dmarc-policy": find_dmarc_policy,
}


def answer(line):
    question = json.loads(line)
    try:
        return QUESTIONS[question["about"]](question)
    except Exception as error:  # The question is told as failed, and the next one is answered.
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(line)), flush=True)
