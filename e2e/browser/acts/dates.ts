// Days as the pages write them.

/** The same day so many years later; 29 February becomes 28. */
export function yearsLater(day: string, years: number): string {
  const [year, rest] = [day.slice(0, 4), day.slice(4)];
  return `${Number(year) + years}${rest === '-02-29' ? '-02-28' : rest}`;
}
