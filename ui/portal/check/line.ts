import type { Check, Finding } from '@certhall/page';

// Line is one thing that was found: by the agent, with its words, or by this
// page, with texts under check.found.CODE and, where it is not fine, …hint.
export interface Line {
  check: Check | 'browser' | 'reach';
  verdict: Finding['verdict'];
  code: string;
  params: Record<string, string>;
  message?: string;
  hint?: string;
  own?: boolean;
  remedy?: string; // its text's key, where it is not …hint
  policy?: boolean; // the files for administrators help
}

export const signs = { fine: '✓', note: '!', fault: '✗', unknown: '?' } as const;

// groups are the headings, with what comes under each.
export const groups = {
  browser: ['browser'],
  agent: ['reach', 'agent', 'server', 'authority', 'clock'],
  key: ['drivers', 'keys', 'key'],
  certificate: ['certificate'],
  others: ['others'],
} as const satisfies Record<string, readonly Line['check'][]>;

export type Group = keyof typeof groups;

export const groupOf = (line: Line): Group =>
  (Object.keys(groups) as Group[]).find((g) => (groups[g] as readonly string[]).includes(line.check)) ?? 'others';

// acts are where a finding is mended on these pages.
export const acts: Record<string, string> = {
  'certificate-ends-soon': '/service/renew',
  'certificate-expired': '/service/repair',
  'certificate-begun': '/account/updates',
  'key-locked': '/unlock',
  'key-last-try': '/help#pin-wrong',
  'key-full': '/help#key-full',
  'key-busy': '/help#key-busy',
  'keys-none': '/help#key-not-found',
  'agent-absent': '/help#agent',
  'other-library': '/help#other-provinces',
  'other-holds': '/help#other-provinces',
};

const kinds = ['/service/renew', '/service/repair', '/account/updates', '/unlock'];

// actOf is that place, with the key of its name.
export function actOf(line: Line): { to: string; name: string } | undefined {
  const to = acts[line.code];
  return to === undefined ? undefined : { to, name: kinds.includes(to) ? `check.act.${to.split('/').at(-1) ?? ''}` : 'agent.help' };
}
