// Searching lists as people type: without regard to case, accents, width of
// characters, blanks and hyphens.

export function fold(s: string): string {
  return s.normalize('NFKD').replace(/[\p{M}\s\p{Pd}]/gu, '').toLowerCase();
}

// fit makes a test whether a folded text has every word of what was typed.
export function fit(typed: string): (folded: string) => boolean {
  const words = typed.split(/\s+/).map(fold).filter(Boolean);
  return (folded) => words.every((w) => folded.includes(w));
}
