// Logging in, as the forms need it.
import { login as logIn, type Login, type Me } from '../../api';
import { call } from '../../shared/hall';
import { Problem } from '../../shared/problem';

// How far a log-in has come. The hall remembers for ten minutes that a code was
// right, and takes each code once: a right one is not sent again.
export interface Stage {
  needsCode: boolean; // the first password alone is not enough
  ways: ('password' | 'key')[]; // what proves a person who was long away
  proved: boolean; // the phone is proved
}

export const beginning: Stage = { needsCode: false, ways: [], proved: false };

// The outcome of a try: somebody, or what else is needed, or what is wrong.
export type Outcome = { me: Me } | { stage: Stage } | { problem: Problem; stage: Stage };

export async function tryLogin(given: Login, stage: Stage): Promise<Outcome> {
  const { code, ...rest } = given;
  try {
    return { me: await call(logIn({ body: stage.proved || !code ? rest : { ...rest, code } })) };
  } catch (thrown) {
    if (!(thrown instanceof Problem)) {
      throw thrown;
    }
    return refused(thrown, Boolean(code) || stage.proved, stage);
  }
}

function refused(problem: Problem, codeGiven: boolean, stage: Stage): Outcome {
  switch (problem.code) {
    case 'login-code-needed':
      return codeGiven
        ? { problem, stage: { ...stage, needsCode: true, proved: false } }
        : { stage: { ...stage, needsCode: true, proved: false } };
    case 'login-idle': {
      const ways = (problem.params['ways'] ?? '').split(',').filter((w) => w === 'password' || w === 'key');
      const next = { ...stage, ways, proved: true };
      return ways.length > 0 && stage.ways.length === 0 ? { stage: next } : { problem, stage: next };
    }
    case 'login-wrong':
    case 'login-key-wrong':
    case 'login-nonce-expired':
    case 'login-origin-wrong':
      return { problem, stage: { ...stage, proved: codeGiven } }; // judged after the code was
  }
  return { problem, stage };
}

// phone takes a mobile number as people type it to its digits; '' if it is none.
export function phone(typed: string): string {
  const digits = typed.normalize('NFKC').replace(/[\s-]/g, '').replace(/^\+86/, '');
  return /^1[3-9]\d{9}$/.test(digits) ? digits : '';
}
