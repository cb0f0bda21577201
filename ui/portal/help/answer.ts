// Answers are plain text, a paragraph a line; lines that begin with a hyphen
// are steps in their order.
export type Part = { text: string } | { steps: string[] };

export function parts(answer: string): Part[] {
  const found: Part[] = [];
  for (const line of answer.split('\n')) {
    const step = line.startsWith('- ') ? line.slice(2) : undefined;
    const last = found.at(-1);
    if (step === undefined) {
      found.push({ text: line });
    } else if (last && 'steps' in last) {
      last.steps.push(step);
    } else {
      found.push({ steps: [step] });
    }
  }
  return found;
}
