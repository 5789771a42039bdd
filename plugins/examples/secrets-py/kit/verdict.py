"""What a snoop answers. Written by `mover plugin new`; change nothing in it."""

from dataclasses import dataclass, field


@dataclass
class Finding:
    """One thing that was found; offset and length are 0 when it is about the whole entry."""

    name: str
    offset: int = 0
    length: int = 0
    detail: str = ""


@dataclass
class Verdict:
    """`action` is pass, tag, hold or stop. The host keeps 64 findings."""

    action: str = "pass"
    findings: list[Finding] = field(default_factory=list)
