// The hall's loop as the page speaks it (hall/services/wire.go).
import type { Operation } from '@certhall/page';

export type Service = 'renew' | 'repair';
export type CaseState = 'open' | 'done' | 'refused' | 'closing' | 'closed' | 'needs-reissue';
export type Stage = 1 | 2 | 3 | 4;

export interface ProblemWire {
  code: string;
  params?: Record<string, string>;
  message?: string;
  hint?: string;
}

// Ask is a question to the person: name a phone, or have a code sent and give it.
export interface Ask {
  kind: 'phone' | 'code';
  phone: string;
  choices?: string[];
  sent: boolean;
  resend_after_s: number;
  tries_left: number;
}

export interface Answer {
  phone?: string;
  send_code?: boolean;
  code?: string;
}

// Input is the agent's last reply, or the person's answer, or nothing.
export interface Input {
  reply?: string;
  answer?: Answer;
}

export interface PairDates {
  sign_serial: string;
  enc_serial: string;
  not_before: string;
  not_after: string;
  subject: string;
}

export interface Result {
  receipt: string;
  service: Service;
  subject: string;
  organisation: string;
  project: string;
  key_number: string;
  key_serial: string;
  old?: PairDates;
  new?: PairDates;
  acknowledged_at: string;
  untestable: boolean;
}

export interface Next {
  case: string;
  service: Service;
  state: CaseState;
  step: string;
  steps: string[];
  stage: Stage;
  operation?: Operation;
  message?: string;
  ask?: Ask;
  wait?: { after_ms: number; reason: string };
  problem?: ProblemWire;
  result?: Result;
}

// CaseView is a case without moving it.
export interface CaseView {
  case: string;
  service: Service;
  state: CaseState;
  step: string;
  stage: Stage;
  serial: string;
  new_serial?: string;
  subject: string;
  organisation: string;
  project: string;
  key_number: string;
  opened_at: string;
  not_after_old?: string;
  not_after_new?: string;
  problem?: ProblemWire;
  result?: Result;
}
