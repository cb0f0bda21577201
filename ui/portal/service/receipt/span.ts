// Where the two pairs lie on one time line, in percent of its width.
import type { PairDates } from '../../../api';

export interface Span {
  start: number;
  width: number;
}

export interface Line {
  old: Span | undefined;
  fresh: Span;
  now: number;
}

// lineOf spans from the earlier begin to the later end; now is kept within it.
export function lineOf(old: PairDates | undefined, fresh: PairDates, now: string): Line {
  const times = [old, fresh].flatMap((p) => (p ? [Date.parse(p.not_before), Date.parse(p.not_after)] : []));
  const from = Math.min(...times);
  const length = Math.max(...times) - from || 1;
  const at = (t: string) => Math.round(Math.min(1, Math.max(0, (Date.parse(t) - from) / length)) * 1000) / 10;
  const span = (p: PairDates): Span => ({ start: at(p.not_before), width: Math.max(1, at(p.not_after) - at(p.not_before)) });
  return { old: old && span(old), fresh: span(fresh), now: at(now) };
}
