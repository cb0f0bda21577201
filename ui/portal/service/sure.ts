// That the person has said, of a case, that what was bought may begin: asked
// once a case, and kept by this browser until the case is done.
const nameOf = (id: string) => `certhall.sure.${id}`;
const kept = new Set<string>(); // where the browser keeps nothing

export function beSure(id: string): void {
  kept.add(id);
  store((s) => s.setItem(nameOf(id), 'yes'));
}

export function sure(id: string): boolean {
  let stored = false;
  store((s) => (stored = s.getItem(nameOf(id)) !== null));
  return stored || kept.has(id);
}

// forget is for a case that is done.
export function forget(id: string): void {
  kept.delete(id);
  store((s) => s.removeItem(nameOf(id)));
}

function store(use: (s: Storage) => void): void {
  try {
    use(localStorage);
  } catch {
    // storage refused: until the page is loaded anew
  }
}
