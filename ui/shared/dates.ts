// Dates as people read them: 2026-12-14, in Beijing time, whatever the
// computer's own zone is.
const beijing = { timeZone: 'Asia/Shanghai' } as const;
const days = new Intl.DateTimeFormat('sv-SE', { ...beijing, dateStyle: 'short' });
const moments = new Intl.DateTimeFormat('sv-SE', { ...beijing, dateStyle: 'short', timeStyle: 'medium' });

// day is the date of a moment.
export function day(at: string | number): string {
  return days.format(new Date(at));
}

// moment is date and time, to the second.
export function moment(at: string | number): string {
  return moments.format(new Date(at));
}

// minute is date and time, to the minute.
export function minute(at: string | number): string {
  return moment(at).slice(0, -3);
}

// daysLeft counts the calendar days until a moment; negative after it.
export function daysLeft(until: string, now: number): number {
  return Math.round((Date.parse(day(until)) - Date.parse(day(now))) / 86_400_000);
}
