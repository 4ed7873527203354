"""What dkimpy says of a message, and what is in a mail that carries a report.

The message comes on standard input, with CRLF. Nothing asks a name server: the records come as a
JSON object of names and texts.
"""

import email
import email.message
import email.policy
import gzip
import json
import sys

import dkim


def sign(selector, domain, key):
    with open(key, "rb") as file:
        private = file.read()
    message = sys.stdin.buffer.read()
    field = dkim.sign(message, selector.encode(), domain.encode(), private,
                      canonicalize=(b"relaxed", b"simple"))
    sys.stdout.buffer.write(field + message)


def verify(records):
    texts = {name.lower().rstrip("."): text for name, text in json.loads(records).items()}

    def look_up(name, timeout=5):
        text = texts.get(name.decode().lower().rstrip("."))
        return text.encode() if text else None

    message = sys.stdin.buffer.read()
    verifier = dkim.DKIM(message)
    fields = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    found = []
    for place, field in enumerate(fields):
        tags = dkim.util.parse_tag_value(field)
        try:
            holds, why = verifier.verify(idx=place, dnsfunc=look_up), ""
        except dkim.DKIMException as error:
            holds, why = False, str(error)
        found.append({
            "domain": tags[b"d"].decode(),
            "selector": tags[b"s"].decode(),
            "algorithm": tags[b"a"].decode(),
            "fields": tags[b"h"].decode(),
            "holds": bool(holds),
            "why": why,
        })
    json.dump(found, sys.stdout)


def unpack():
    message = email.message_from_binary_file(sys.stdin.buffer)
    for part in message.walk():
        if "gzip" in part.get_content_type():
            sys.stdout.buffer.write(gzip.decompress(part.get_payload(decode=True)))
            return
    sys.exit("nothing packed in it:\n" + message.as_string())


def bomb(to):
    """A report of 300 MB, packed a thousand times smaller."""
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"] = "dmarc@other.example"
    mail["To"] = to
    mail["Subject"] = "Report Domain: receiver.example Submitter: other.example Report-ID: <1>"
    packed = gzip.compress(b"<feedback>" + b" " * 300_000_000, compresslevel=1)
    mail.add_attachment(packed, maintype="application", subtype="gzip",
                        filename="other.example!receiver.example!1!2.xml.gz")
    sys.stdout.buffer.write(mail.as_bytes())


COMMANDS = {"sign": sign, "verify": verify, "unpack": unpack, "bomb": bomb}
COMMANDS[sys.argv[1]](*sys.argv[2:])
