// Whether this browser was ever about to ask the person for leave to reach the
// agent: who refuses without that was told to by somebody else.
const name = 'certhall.asked';

export function rememberAsked(): void {
  try {
    localStorage.setItem(name, '1');
  } catch {
    // storage refused: then it is not known
  }
}

// wasAsked tells it; undefined where nothing can be remembered.
export function wasAsked(): boolean | undefined {
  try {
    return localStorage.getItem(name) !== null;
  } catch {
    return undefined;
  }
}
