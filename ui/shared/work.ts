// What the hall asks of a browser that it does not know before it sends a
// message: to look for a number for some tenths of a second.
import { solveChallenge } from 'altcha-lib';

import { proofOfWork } from '../api';
import { call, ours } from './hall';
import { Problem } from './problem';

// withWork sends, and where the hall asks for work does it and sends again.
export async function withWork<T>(send: (work?: string) => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (thrown) {
    if (!(thrown instanceof Problem) || thrown.code !== 'work-needed') {
      throw thrown;
    }
  }
  return send(await solved());
}

// solved is the payload of a fresh challenge's solution.
async function solved(): Promise<string | undefined> {
  const { needed, algorithm = '', challenge = '', salt = '', max_number = 0, signature = '' } = await call(proofOfWork());
  if (!needed) {
    return undefined;
  }
  const found = await solveChallenge(challenge, salt, algorithm, max_number).promise;
  if (!found) {
    throw ours('page-failed');
  }
  return btoa(JSON.stringify({ algorithm, challenge, number: found.number, salt, signature }));
}
