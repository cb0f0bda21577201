// Lists for spreadsheets: CSV as RFC 4180 has it, in UTF-8 with the mark that
// spreadsheets know it by.

const mark = '\uFEFF';

export function csv(rows: readonly (readonly string[])[]): string {
  return mark + rows.map((row) => row.map(cell).join(',') + '\r\n').join('');
}

// A cell that a spreadsheet would take for a formula is led by an apostrophe,
// one that it would take for a number and round (serials) by a tab.
function cell(text: string): string {
  let safe = text;
  if (/^\s*[=+\-@＝＋－＠]/.test(text) || /^[\t\r\n]/.test(text)) {
    safe = `'${text}`;
  } else if (/^\d{12,}$|^\d+e\d+$/i.test(text)) {
    safe = `\t${text}`;
  }
  return /[",\r\n\t]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
