// Reads configurations. Change nothing in it.

import { ConfigError } from './mover-plugin.js';

// More brackets than a configuration can need, and fewer than overflow the interpreter's stack.
const BRACKET_COUNT_MAX = 256;

/** Reads a configuration, refuses what the schema does not allow, and fills in defaults. */
export function configuration(text, schema) {
  if ((text.match(/[[{]/g) ?? []).length > BRACKET_COUNT_MAX) {
    throw new ConfigError('the configuration: it is nested too deep');
  }
  let config;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`the configuration is not JSON: ${error.message}`);
  }
  if (typeOf(config) !== 'object') {
    throw new ConfigError('the configuration: it is not an object');
  }
  const properties = schema.properties ?? {};
  for (const key of Object.keys(config)) {
    if (!Object.hasOwn(properties, key)) {
      const known = Object.keys(properties).join(', ') || 'none';
      throw new ConfigError(`${key}: there is no such key; known: ${known}`);
    }
  }
  for (const [key, ofKey] of Object.entries(properties)) {
    if (Object.hasOwn(config, key)) check(key, config[key], ofKey);
    else if ('default' in ofKey) config[key] = ofKey.default;
    else if (schema.required?.includes(key)) throw new ConfigError(`${key}: it is missing`);
  }
  return config;
}

function typeOf(value) {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function check(key, value, schema) {
  const { type: expected, minimum, maximum } = schema;
  const found = typeOf(value);
  const fits =
    expected === undefined ||
    found === expected ||
    (expected === 'integer' && Number.isInteger(value));
  if (!fits) throw new ConfigError(`${key}: it is not of the type ${expected}`);
  if (schema.enum && !schema.enum.includes(value)) {
    throw new ConfigError(`${key}: there is no ${JSON.stringify(value)}, but ${schema.enum.join(', ')}`);
  }
  if (value < minimum) throw new ConfigError(`${key}: ${value} is less than ${minimum}`);
  if (value > maximum) throw new ConfigError(`${key}: ${value} is more than ${maximum}`);
}
