// What an e-mail address looks like, on both sides of its `@`.
//
// Text is one character for each byte. Addresses are of ASCII; others are not told apart.

/** Bytes around an `@` that decide whether it is an address; more change nothing. */
export const BEFORE = 65;
export const AFTER = 254;

// At most 64 characters, and nothing longer of which these would be the end.
const NAME = /(?<![a-z0-9_])[a-z0-9](?:[\w.%+-]{0,62}[\w%+-])?$/i;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}(?![a-z0-9])/i;

const ascii = new TextDecoder('latin1');

/** The address whose `@` is at a position, as how far it reaches before and behind; or nothing. */
export function address(bytes, at) {
  const domain = DOMAIN.exec(ascii.decode(bytes.subarray(at + 1, at + 1 + AFTER)));
  if (!domain) return undefined;
  const name = NAME.exec(ascii.decode(bytes.subarray(Math.max(0, at - BEFORE), at)));
  return name ? { before: name[0].length, behind: domain[0].length } : undefined;
}
