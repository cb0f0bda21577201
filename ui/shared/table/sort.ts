// Sorting lists by what stands in their columns.

export type Order = 'ascending' | 'descending';

const collator = new Intl.Collator('zh-CN', { numeric: true, sensitivity: 'base' });

// sorted gives the rows in the order of a value; rows with the same one keep
// theirs. Texts go by the collation of Chinese, figures in them by their value.
export function sorted<T>(rows: readonly T[], value: (row: T) => string | number, order: Order): T[] {
  const sign = order === 'ascending' ? 1 : -1;
  return rows
    .map((row) => ({ row, value: value(row) }))
    .sort((a, b) => sign * compare(a.value, b.value))
    .map(({ row }) => row);
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));
}
