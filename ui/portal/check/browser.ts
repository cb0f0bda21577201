// The browser's side of the examination: which one it is, and whether it lets
// this page reach the agent. What it keeps from pages is said as what it
// probably is.
import type { Permission } from '@certhall/page';

import { browserName } from '../../shared/key/browser';
import type { Line } from './line';

export interface BrowserFacts {
  agent: string; // what the browser calls itself
  secure: boolean; // the page came over https, or from this computer
  permission: Permission;
  asked: boolean | undefined; // the person was to be asked before; undefined: not known
  absent: boolean; // the agent was looked for, and nothing answered
}

// version is the number that people know a browser's version by; '' if it hides it.
export function version(agent: string): string {
  return /(?:Edg|Firefox|Chrome|Version)\/(\d+)/.exec(agent)?.[1] ?? '';
}

// oldest are the versions that open these pages (ui/public/browsers.html).
const oldest = { chrome: 87, edge: 87, qihoo: 87, firefox: 90, safari: 0 };

export function browserLines(f: BrowserFacts): Line[] {
  return [program(f), leave(f)].flatMap((l) => l ?? []);
}

function program({ agent }: BrowserFacts): Line {
  const name = browserName(agent);
  const number = version(agent);
  const params = { version: number };
  if (name === 'safari') {
    return line('fault', 'browser-safari', params);
  }
  if (number !== '' && Number(number) < oldest[name]) {
    return line('fault', 'browser-old', params);
  }
  return line('fine', `browser-${name}`, params);
}

function leave(f: BrowserFacts): Line | undefined {
  if (!f.secure) {
    return line('fault', 'leave-insecure');
  }
  switch (f.permission) {
    case 'granted':
      return line('fine', 'leave-granted');
    case 'unknown':
      return line('fine', 'leave-free');
    case 'denied':
      return f.asked === false ? line('fault', 'leave-policy', {}, true) : { ...line('fault', 'leave-denied', {}, true), remedy: `agent.denied.${browserName(f.agent)}` };
    case 'prompt':
      return f.asked && f.absent ? line('fault', 'leave-unanswered', {}, true) : line('unknown', 'leave-unasked');
  }
}

function line(verdict: Line['verdict'], code: string, params: Line['params'] = {}, policy = false): Line {
  return { check: 'browser', verdict, code, params, own: true, policy };
}
