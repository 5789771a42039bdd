"""What plugins of Mover are written with. Written by `mover plugin new`; change nothing in it."""

import json
import sys

# More brackets than a configuration can need, and fewer than overflow the interpreter's stack.
BRACKET_COUNT_MAX = 256


class ConfigError(Exception):
    """The configuration does not fit; the message names the key."""


class CorruptError(Exception):
    """The input was not made by this plugin with this configuration."""


def log(level, message):
    """Writes a line for the operator; `level` is debug, info, warn or error."""
    try:
        from wit_world.imports import log as contract
    except ImportError:
        print(f"{level}: {message}", file=sys.stderr)
    else:
        contract.write(contract.Level[level.upper()], message)


def configuration(text, schema):
    """Reads a configuration, refuses what the schema does not allow, and fills in defaults."""
    if text.count("[") + text.count("{") > BRACKET_COUNT_MAX:
        raise ConfigError("the configuration: it is nested too deep")
    try:
        config = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"the configuration is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ConfigError("the configuration: it is not an object")
    properties = schema.get("properties", {})
    for key in config:
        if key not in properties:
            known = ", ".join(properties) or "none"
            raise ConfigError(f"{key}: there is no such key; known: {known}")
    for key, of_key in properties.items():
        if key in config:
            _check(key, config[key], of_key)
        elif "default" in of_key:
            config[key] = of_key["default"]
        elif key in schema.get("required", []):
            raise ConfigError(f"{key}: it is missing")
    return config


# What JSON becomes in Python; `bool` is an `int` there, and is told apart.
_TYPES = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _check(key, value, schema):
    expected = schema.get("type")
    if expected is not None:
        is_bool = isinstance(value, bool)
        if not isinstance(value, _TYPES[expected]) or is_bool != (expected == "boolean"):
            raise ConfigError(f"{key}: it is not of the type {expected}")
    if "enum" in schema and value not in schema["enum"]:
        known = ", ".join(map(str, schema["enum"]))
        raise ConfigError(f"{key}: there is no {value!r}, but {known}")
    if "minimum" in schema and value < schema["minimum"]:
        raise ConfigError(f"{key}: {value} is less than {schema['minimum']}")
    if "maximum" in schema and value > schema["maximum"]:
        raise ConfigError(f"{key}: {value} is more than {schema['maximum']}")
