interface Said {
  message: string;
  hint: string;
  params?: Record<string, string>;
  status?: number;
  request?: string;
}

// A refusal as people are told of it: by the hall, by the agent, or by the page
// itself (its own codes have texts under problem.* in ui/locale).
export class Problem extends Error {
  readonly said: Said;

  constructor(
    readonly code: string,
    said: Said,
  ) {
    super(code);
    this.name = 'Problem';
    this.said = { ...said, message: sentence(said.message), hint: sentence(said.hint) };
  }

  get params(): Record<string, string> {
    return this.said.params ?? {};
  }

  // request is the id under which the hall's log has it; '' if none.
  get request(): string {
    return this.said.request ?? '';
  }
}

// sentence ends a text with the full stop that hall and agent leave out.
export function sentence(text: string): string {
  if (text === '' || /[.。!?！？…]$/.test(text)) {
    return text;
  }
  return text + (/\p{Script=Han}/u.test(text) ? '。' : '.');
}

interface Document {
  code: string;
  detail?: string;
  message?: string;
  hint?: string;
  params?: Record<string, string>;
  status?: number;
  instance?: string;
}

// isDocument tells a problem document (RFC 9457) from anything else.
export function isDocument(x: unknown): x is Document {
  return typeof x === 'object' && x !== null && typeof (x as { code?: unknown }).code === 'string';
}

// problemOf reads a problem document.
export function problemOf(d: Document): Problem {
  return new Problem(d.code, {
    message: d.detail ?? d.message ?? '',
    hint: d.hint ?? '',
    ...(d.params ? { params: d.params } : {}),
    ...(d.status ? { status: d.status } : {}),
    ...(d.instance ? { request: d.instance } : {}),
  });
}
