// Joins `src/plugin.js` to the contract of a snoop. Change nothing in it.

import { call, checked, open } from './component.js';
import { Plugin } from '../src/plugin.js';

const ACTIONS = ['pass', 'tag', 'hold', 'stop'];
const FINDING_COUNT_MAX = 64;

class Inspector {
  static open(config) {
    const inspector = new Inspector();
    inspector.plugin = open(Plugin, config);
    return inspector;
  }

  static resume(config, state) {
    const inspector = Inspector.open(config);
    try {
      inspector.plugin.resume(state);
    } catch {
      throw { kind: 'corrupt-input', message: 'the saved state is not one of this plugin' };
    }
    return inspector;
  }

  inspect(window, ends) {
    return call(() => {
      const verdicts = [];
      let start = 0;
      for (const end of ends) {
        this.plugin.look(window.subarray(start, end));
        verdicts.push(answer(this.plugin.verdict()));
        start = end;
      }
      if (start < window.length) this.plugin.look(window.subarray(start));
      return verdicts;
    });
  }

  save() {
    return call(() => checked(this.plugin.save(), 'save'));
  }
}

// What the contract cannot carry is told here, where it has a name; behind it, it would trap.
function answer(verdict) {
  const { action, findings = [] } = verdict ?? {};
  if (!ACTIONS.includes(action)) throw new TypeError(`verdict gave the action ${action}`);
  return { action, findings: findings.slice(0, FINDING_COUNT_MAX).map(found) };
}

function found({ name, offset = 0, length = 0, detail = '' }) {
  return { name: String(name), offset: BigInt(offset), length, detail: String(detail) };
}

export const snoop = { Inspector };
