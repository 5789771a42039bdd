"""Joins `src/plugin.py` to the contract of a snoop. Change nothing in it."""

import json

from componentize_py_types import Err
from wit_world.exports import snoop as contract
from wit_world.imports.types import Error, ErrorKind

from built_manifest import TEXT
from mover_plugin import ConfigError, configuration
from plugin import Plugin

SCHEMA = json.loads(TEXT)["config_schema"]


def opened(config):
    try:
        return Plugin(configuration(config, SCHEMA))
    except ConfigError as error:
        raise Err(Error(ErrorKind.INVALID_CONFIG, str(error))) from None


def answer(verdict):
    findings = [
        contract.Finding(it.name, it.offset, it.length, it.detail) for it in verdict.findings[:64]
    ]
    return contract.Verdict(contract.Action[verdict.action.upper()], findings)


class Inspector(contract.Inspector):
    def __init__(self, plugin):
        self.plugin = plugin

    @classmethod
    def open(cls, config):
        return cls(opened(config))

    @classmethod
    def resume(cls, config, state):
        plugin = opened(config)
        try:
            plugin.resume(state)
        except Exception:
            message = "the saved state is not one of this plugin"
            raise Err(Error(ErrorKind.CORRUPT_INPUT, message)) from None
        return cls(plugin)

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

    def save(self):
        return self.plugin.save()
