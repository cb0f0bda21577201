// The questions people ask, by the part of the page that answers them. An id
// is the question's anchor (/#/help#pin-locked) and names its texts; other
// pages link to them.
export const topics = {
  browser: ['browser', 'chrome', 'edge', 'browser-360', 'firefox', 'policy'],
  key: ['check', 'agent', 'key-not-found', 'key-busy', 'other-provinces', 'wrong-key'],
  pin: ['pin-wrong', 'pin-locked', 'key-full'],
  payment: ['paid', 'refund', 'invoice'],
  service: ['which', 'interrupted', 'other-pc', 'phone', 'receipt', 'how-long', 'old-files', 'replug'],
} as const;

// checked are the questions that an examination of the computer may answer.
export const checked: readonly Topic[] = ['browser', 'policy', 'check', 'agent', 'key-not-found', 'key-busy', 'other-provinces'];

export type Section = keyof typeof topics;
export type Topic = (typeof topics)[Section][number];
