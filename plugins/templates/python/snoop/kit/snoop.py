"""Joins `src/plugin.py` to the contract of a snoop. Change nothing in it."""

import json
import operator

from wit_world.exports import snoop as contract

from answers import answering, as_bytes
from built_manifest import TEXT
from mover_plugin import CorruptError, configuration
from plugin import Plugin

SCHEMA = json.loads(TEXT)["config_schema"]


def answer(verdict):
    findings = [found(finding) for finding in verdict.findings[:64]]
    return contract.Verdict(contract.Action[verdict.action.upper()], findings)


def found(finding):
    name, offset, length, detail = finding.name, finding.offset, finding.length, finding.detail
    if not (isinstance(name, str) and isinstance(detail, str)):
        raise TypeError("name and detail of a finding are str")
    if not (0 <= offset < 1 << 64 and 0 <= length < 1 << 32):
        raise ValueError(f"there is no place {offset} in an entry, or no length {length}")
    return contract.Finding(name, operator.index(offset), operator.index(length), detail)


class Inspector(contract.Inspector):
    def __init__(self, plugin):
        self.plugin = plugin

    @classmethod
    @answering
    def open(cls, config):
        return cls(Plugin(configuration(config, SCHEMA)))

    @classmethod
    @answering
    def resume(cls, config, state):
        plugin = Plugin(configuration(config, SCHEMA))
        try:
            plugin.resume(state)
        except Exception:
            # Without the cause, which may quote what the plugin saw.
            raise CorruptError("the saved state is not one of this plugin") from None
        return cls(plugin)

    @answering
    def inspect(self, window, ends):
        verdicts = []
        start = 0
        for end in ends:
            self.plugin.look(window[start:end])
            verdicts.append(answer(self.plugin.verdict()))
            start = end
        if start < len(window):
            self.plugin.look(window[start:])
        return verdicts

    @answering
    def save(self):
        return as_bytes(self.plugin.save())
