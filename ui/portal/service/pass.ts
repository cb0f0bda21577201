// What a visitor without an account opens his case with: a token for this case
// alone, kept as long as the tab.
const nameOf = (id: string) => `certhall.case.${id}`;
const kept = new Map<string, string>(); // where the browser keeps nothing

export function keepPass(id: string, token: string): void {
  kept.set(id, token);
  try {
    sessionStorage.setItem(nameOf(id), token);
  } catch {
    // storage refused: until the page is loaded anew
  }
}

// passHeaders are the headers of calls about a case.
export function passHeaders(id: string): { Authorization?: string } {
  const token = kept.get(id) ?? stored(id);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

function stored(id: string): string | null {
  try {
    return sessionStorage.getItem(nameOf(id));
  } catch {
    return null;
  }
}
