// What plugins of Mover are written with. Written by `mover plugin new`; change nothing in it.

/** The configuration does not fit; the message names the key. */
export class ConfigError extends Error {}

/** The input was not made by this plugin with this configuration. */
export class CorruptError extends Error {}

let sink = (level, message) => process.stderr.write(`${level}: ${message}\n`);

/** Where lines of the log go; the component's side of the kit says so. */
export function logTo(write) {
  sink = write;
}

/** Writes a line for the operator; `level` is debug, info, warn or error. */
export function log(level, message) {
  sink(level, String(message));
}
