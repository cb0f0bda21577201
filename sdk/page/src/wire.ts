// What the agent's local API speaks (docs/agent-api.md). Bytes are standard
// base64, times RFC 3339, serials lower-case hex.

/** A part of a pair on the key; `tested` comes last, as progress only. */
export type Part = 'signing-key' | 'sign-certificate' | 'encryption-key' | 'encryption-certificate' | 'tested';

/** Operations that carry a message between the hall and the key. */
export type Operation = 'identify' | 'prepare' | 'install' | 'acknowledge' | 'retire' | 'claim';

/** A refusal as it travels. */
export interface ProblemMembers {
  code: string;
  params?: Record<string, string>;
  /** What happened, in the reader's language (`detail` in a problem document). */
  message?: string;
  detail?: string;
  hint?: string;
  status?: number;
}

/** An authority whose origin list names this page. */
export interface ListedAuthority {
  id: string;
  number: number;
  until: string;
}

/** The agent about itself. */
export interface Status {
  product: string;
  version: string;
  api: number;
  /** Whether the token sent along still holds. */
  paired: boolean;
  /** How the agent asks the person. */
  ui: 'dialog' | 'prompt' | 'page';
  authorities: ListedAuthority[];
}

/** How the PIN of a key stands. */
export interface PIN {
  /** Tries left; -1 where the driver does not tell. */
  tries: number;
  low: boolean;
  final: boolean;
  locked: boolean;
}

/** A container on a key: a pair, or what there is of one. */
export interface Container {
  name: string;
  serial?: string;
  enc_serial?: string;
  subject?: string;
  not_before?: string;
  not_after?: string;
  authority?: string;
  case?: string;
  attempt?: number;
  parts: Exclude<Part, 'tested'>[];
  complete: boolean;
}

/** A USB key as it is now. */
export interface Key {
  serial: string;
  label: string;
  manufacturer: string;
  driver: string;
  state: 'ready' | 'in-use' | 'locked' | 'trouble';
  trouble?: ProblemMembers;
  pin: PIN;
  /** How many containers belong to other authorities, or to none. */
  others: number;
  containers: Container[];
}

/** The person is asked in the agent's own window; `window` is its address, good once. */
export interface Ask {
  event: 'ask';
  what: 'pair' | 'pin' | 'new-pin' | 'consent';
  purpose: string;
  window?: string;
}

/** What is examined, in this order. */
export type Check = 'server' | 'agent' | 'authority' | 'clock' | 'drivers' | 'keys' | 'key' | 'certificate' | 'others';

/** One result of an examination, in the reader's language. */
export interface Finding {
  check: Check;
  /** `note`: works, but something should be known or done soon; `unknown`: could not be examined. */
  verdict: 'fine' | 'note' | 'fault' | 'unknown';
  code: string;
  params: Record<string, string>;
  message: string;
  /** What to do next, where there is something. */
  hint?: string;
}

/** When an examination was done, and by which version of the agent. */
export interface Examined {
  at: string;
  version: string;
}

/** What a page hears while an operation is under way. */
export type Happening = Ask | { event: 'asked'; what: Ask['what'] } | { event: 'progress'; part: Part } | ({ event: 'finding' } & Finding);

/** One line of an event stream. */
export type Line =
  | Happening
  | { event: 'keys'; keys: Key[] }
  | { event: 'beat' }
  | ({ event: 'reply' } & Record<string, unknown>)
  | ({ event: 'problem' } & ProblemMembers);

/** A request to unlock a key (DER), for the hall. */
export interface UnlockRequest {
  message: string;
  /** Its number for the telephone; the person is to read it in the agent's window. */
  code: string;
}

/** What came of an unlocking, and the report of it (DER), for the hall. */
export interface Unlocked {
  message: string;
  /**
   * `unanswered`: locked still, the key did not take its maker's response and another request is needed;
   * `failed`: no administrator's PIN on record opens the key, it must be replaced.
   */
  outcome: 'changed' | 'kept' | 'answered' | 'unanswered' | 'failed';
}

/** A test signature and a test decryption made just now. */
export interface SelfTest {
  signed: boolean;
  /** 'none': a single certificate of a key that only signs has nothing to decrypt with. */
  decrypted: 'yes' | 'untestable' | 'none';
  at: string;
}

/** What an opening is signed over; the agent adds the page's own origin. */
export interface Opening {
  key: string;
  service: string;
  serial: string;
  authority: string;
  nonce: string;
}

/** What a log-in is signed over; the agent adds the page's own origin. */
export type Login = Omit<Opening, 'service'>;
