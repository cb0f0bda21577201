// Money as people read it: ¥200.00. It travels as whole fen, the hundredth
// part of a yuan. Digits are of one width on every page (base.css).
const yuan = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

// money writes an amount of fen.
export function money(fen: number): string {
  return `${fen < 0 ? '-' : ''}¥${yuan.format(Math.abs(fen) / 100)}`;
}
