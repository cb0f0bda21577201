// That the person has said, of a case, that what was bought may begin: asked
// once a case, kept as long as the tab.
const nameOf = (id: string) => `certhall.sure.${id}`;
const kept = new Set<string>(); // where the browser keeps nothing

export function beSure(id: string): void {
  kept.add(id);
  try {
    sessionStorage.setItem(nameOf(id), 'yes');
  } catch {
    // storage refused: until the page is loaded anew
  }
}

export function sure(id: string): boolean {
  try {
    return kept.has(id) || sessionStorage.getItem(nameOf(id)) !== null;
  } catch {
    return false;
  }
}
