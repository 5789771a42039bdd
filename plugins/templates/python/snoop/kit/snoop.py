"""Joins `src/plugin.py` to the contract of a snoop. Change nothing in it."""

import json

from wit_world.exports import snoop as contract

from answers import answering
from built_manifest import TEXT
from mover_plugin import CorruptError, configuration
from plugin import Plugin

SCHEMA = json.loads(TEXT)["config_schema"]


def answer(verdict):
    findings = [
        contract.Finding(it.name, it.offset, it.length, it.detail) for it in verdict.findings[:64]
    ]
    return contract.Verdict(contract.Action[verdict.action.upper()], findings)


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
        except Exception as error:
            raise CorruptError(f"the saved state is not one of this plugin: {error}") from None
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
        return self.plugin.save()
