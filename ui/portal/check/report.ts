// The report that is copied for whoever helps: everything that was found, and
// nothing that is nobody's business. Serial numbers stay: help begins with them.
import { type Line, signs } from './line';

export interface Spoken extends Line {
  message: string;
  hint: string;
}

// head are lines that go before: site, time, browser.
export function report(head: string[], lines: Spoken[]): string {
  const known = lines.flatMap((l) => ['serial', 'library'].map((name) => l.params[name] ?? '')).filter((s) => s !== '');
  return [...head, ...lines.map((l) => `${signs[l.verdict]} [${l.params['cause'] ?? l.code}] ${l.message}`)].map((l) => scrub(l, known)).join('\n');
}

const private_ = [
  /(?<![0-9A-Za-z])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])/g, // identity numbers (GB 11643)
  /(?<![0-9A-Za-z])[1-9]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?![0-9A-Za-z])/g, // the older ones
  /(?<![0-9A-Za-z])(?:\+?86[- ]?)?1[3-9]\d{9}(?![0-9A-Za-z])/g, // mobile numbers
  /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, // mail addresses
];

// scrub takes out what identifies a person; what is known to be a serial number
// stays, whatever it looks like.
export function scrub(text: string, known: string[]): string {
  const at = known.find((k) => text.includes(k));
  if (at !== undefined) {
    const rest = known.filter((k) => k !== at);
    return text.split(at).map((part) => scrub(part, rest)).join(at);
  }
  return private_.reduce((t, p) => t.replace(p, (s) => s.slice(0, 3) + '***'), text);
}
