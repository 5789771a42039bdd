"""What secrets look like.

A shape is looked for by its markers, which `bytes.find` finds fast, and then asked for by its
pattern, which is tried at a marker alone.
"""

import re

# So many bytes from the first of a marker on decide whether a secret is there; no pattern, with
# what has to be behind it, is longer.
REACH = 512

# In a text of JSON, lines of a key end with the letters \n.
_BREAK = rb"(?:\\r|\\n|[ \t\r\n]){1,8}"
_PEM_HEADERS = rb"(?:Proc-Type: 4,(ENCRYPTED)" + _BREAK + rb"DEK-Info: [\w,-]{1,64}" + _BREAK + rb")?"


class Shape:
    """One kind of secret; `name` is that of its findings."""

    def __init__(self, name, markers, pattern, is_key=False):
        self.name = name
        self.markers = markers
        self.pattern = re.compile(pattern)
        self.is_key = is_key

    def detail(self, match):
        """What may be told of it. Groups of a key's pattern are there where it is encrypted."""
        if not self.is_key:
            return ""
        return "passphrase=yes" if any(match.groups()) else "passphrase=no"


def _token(name, markers, rest):
    """A word that begins with a marker."""
    marker = b"|".join(map(re.escape, markers))
    return Shape(name, markers, rb"(?<!\w)(?:" + marker + b")" + rest + rb"(?![\w-])")


SHAPES = [
    Shape(
        "private_key_pem",
        [b"-----BEGIN "],
        rb"-----BEGIN (?:(ENCRYPTED) |(?:RSA|DSA|EC) )?PRIVATE KEY-----"
        + _BREAK
        + _PEM_HEADERS
        + rb"[A-Za-z0-9+/]{32}",
        is_key=True,
    ),
    Shape(
        "private_key_openssh",
        [b"-----BEGIN OPENSSH "],
        # Behind the magic is the cipher's name: `none`, or another.
        rb"-----BEGIN OPENSSH PRIVATE KEY-----"
        + _BREAK
        + rb"b3BlbnNzaC1rZXktdjEA(?:AAAABG5vbmU|(AAAA))",
        is_key=True,
    ),
    _token("private_key_age", [b"AGE-SECRET-KEY-1"], rb"[AC-HJ-NP-Z02-9]{58}"),
    # An id that ends so is one of the manual's.
    _token("access_key_aws", [b"AKIA", b"ASIA"], rb"(?!.{9}EXAMPLE)[A-Z2-7]{16}"),
    _token(
        "secret_key_aws",
        [b"aws_secret_access_key", b"AWS_SECRET_ACCESS_KEY"],
        rb"""["']?[ \t]{0,9}[:=][ \t]{0,9}["']?[A-Za-z0-9/+]{40}(?![/+=])""",
    ),
    _token("token_github", [b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"], rb"[A-Za-z0-9]{36}"),
    _token("token_github", [b"github_pat_"], rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _token("token_gitlab", [b"glpat-"], rb"[\w-]{20}"),
    _token("token_google", [b"AIza"], rb"[\w-]{35}"),
    _token("token_npm", [b"npm_"], rb"[A-Za-z0-9]{36}"),
    _token("token_pypi", [b"pypi-AgEIcHlwaS5vcmc"], rb"[\w-]{50,200}"),
    _token("token_slack", [b"xox"], rb"[abeprs]-[0-9]{10,13}-[A-Za-z0-9-]{10,100}"),
    _token("token_stripe", [b"sk_live_", b"rk_live_"], rb"[A-Za-z0-9]{24,99}"),
]
NAMES = list(dict.fromkeys(shape.name for shape in SHAPES))
