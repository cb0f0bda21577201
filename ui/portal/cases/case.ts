// What the pages tell of a case (业务).
import type { CaseLine } from '../../api';

export type State = CaseLine['state'];

const tones = { open: 'act', closing: 'off', done: 'good', refused: 'bad', closed: 'off', 'needs-reissue': 'warn' } as const;

export function tone(state: State): (typeof tones)[State] {
  return tones[state];
}

// live tells whether somebody may go on with the case.
export function live(c: Pick<CaseLine, 'state'>): boolean {
  return c.state === 'open' || c.state === 'closing';
}

// The four steps that people see; the last is named after the service.
export function stageKey(stage: number, service: string): string {
  return stage < 4 ? `cases.stage.${stage}` : `cases.stage.${service === 'repair' ? 'repair' : 'renew'}`;
}
