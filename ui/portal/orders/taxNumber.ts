// The numbers by which invoices are made out: the unified social credit code
// (统一社会信用代码) of an organisation, or what those have who were given none.
const characters = '0123456789ABCDEFGHJKLMNPQRTUWXY';
const creditWeights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const identityWeights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

// tidied is a number as it is written: without spaces, in capitals.
export const tidied = (typed: string): string => typed.replace(/\s/g, '').toUpperCase();

// validTaxNumber tells what can be one, as the hall does: of 18 characters the
// last checks the others.
export function validTaxNumber(n: string): boolean {
  return /^[0-9A-Z]{15,20}$/.test(n) && (n.length !== 18 || creditCode(n) || identityNumber(n));
}

// creditCode: GB 32100-2015.
function creditCode(n: string): boolean {
  const values = [...n].map((c) => characters.indexOf(c));
  return !values.includes(-1) && values[17] === (31 - (sum(values, creditWeights) % 31)) % 31;
}

// identityNumber: GB 11643-1999.
function identityNumber(n: string): boolean {
  return /^\d{17}[\dX]$/.test(n) && n[17] === '10X98765432'[sum([...n].map(Number), identityWeights) % 11];
}

const sum = (values: number[], weights: number[]): number => weights.reduce((s, w, i) => s + w * (values[i] ?? 0), 0);
